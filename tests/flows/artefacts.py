"""One of every kind of artefact: what this server hands out, what it is shown, and what only lies in its rooms."""

import re
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import jwt

from authsvc.app import read_master_keys
from authsvc.crypto.envelope import new_master_key_line
from authsvc.domain.mail.postbox import Postbox
from tests.flows import assertions
from tests.flows.artefacts_of_browsers import BROWSERS
from tests.flows.artefacts_of_pages import reset_secret
from tests.flows.artefacts_of_registration import REGISTRATION
from tests.flows.asking import SIGNED, introspect
from tests.flows.assertions import a_key
from tests.flows.exchanges import BILLING
from tests.flows.relying_party import VERIFIER
from tests.flows.token_rig import Rig
from tests.flows.world import ISSUER, OTHER_PASSWORD, PASSWORD, World


@dataclass(slots=True)
class Hand:
    """Artefacts of one sign-in and one moment. `of[name]` makes it, once."""

    rig: Rig
    made: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        if name not in self.made:
            self.made[name] = ARTEFACTS[name](self)
        return self.made[name]

    @property
    def world(self) -> World:
        return self.rig.shop.world

    def forget(self, name: str) -> None:
        """Make another one next time."""
        self.made.pop(name, None)


def tokens(hand: Hand, client: str = "app", **fields: Any) -> Mapping[str, Any]:
    return hand.world.tokens(client, **fields)


def claims_of(token: str) -> Mapping[str, Any]:
    return dict(jwt.decode(token, options={"verify_signature": False}))


def stranger(hand: Hand, **fields: Any) -> Mapping[str, Any]:
    """What the other tenant gives its own alice."""
    posted = {"username": "alice", "password": OTHER_PASSWORD, "client_id": "app", **fields}
    answer = hand.world.http.post("/t/other/login", data=posted)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def account_header(hand: Hand, **fields: Any) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {tokens(hand, scope='account', **fields)['access_token']}"}


def api_key(hand: Hand, *, service: bool = False) -> Mapping[str, Any]:
    wanted = {"name": "nightly", "scopes": ["es256:read", "eddsa:read"]}
    if service:
        answer = hand.world.http.post("/api-keys", json=wanted, auth=("svc", hand.world.secrets["svc"]))
    else:
        answer = hand.world.http.post("/api-keys", json=wanted, headers=account_header(hand))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def letter_secret(world: World) -> str:
    """The secret in the newest letter that waits."""
    postbox, uow = Postbox(read_master_keys(world.settings)), world.storage.unit_of_work(world.tenant.id)
    try:
        letters = [postbox.open(letter, world.tenant.id) for letter in uow.outbox.list(None, 100)]
        uow.begin()
        for letter in uow.outbox.list(None, 100):
            uow.outbox.delete(letter.id)
        uow.commit()
    finally:
        uow.close()
    (found,) = {secret for letter in letters for secret in re.findall(r"as_ml_[A-Za-z0-9_-]+", letter.text)}
    return str(found)


def _registration_link(hand: Hand) -> str:
    name = f"new{uuid4().hex[:12]}"
    answer = hand.world.http.post("/register", json={"username": name, "email": f"{name}@example.org"})
    assert answer.status_code == 202, answer.text
    return letter_secret(hand.world)


def _address_link(hand: Hand) -> str:
    answer = hand.world.http.patch(
        "/me", json={"email": f"{uuid4().hex[:12]}@example.org"}, headers=account_header(hand, username="irma")
    )
    assert answer.status_code == 200, answer.text
    return letter_secret(hand.world)


def _superseded(hand: Hand) -> str:
    token = hand.world.refresh_token(client="web")
    successor = hand.world.refresh(token, "web").json()["refresh_token"]
    assert hand.world.refresh(successor, "web").status_code == 200
    return token


def _used_assertion(hand: Hand) -> str:
    token = assertions.own("signer", None, ISSUER, hand.world.clock())
    fields = {"client_assertion": token, "client_assertion_type": assertions.JWT_BEARER, "token": "x"}
    assert hand.world.http.post("/introspect", data=fields).status_code == 200
    return token


def _exchanged(hand: Hand) -> str:
    return _access_token(hand.rig.shop.exchange(hand["access token"], audience=BILLING))


def _access_token(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def _stored(column: str, table: str) -> Callable[[Hand], str]:
    def read(hand: Hand) -> str:
        path = hand.world.settings.database_url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(path)) as connection:
            row = connection.execute(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL LIMIT 1").fetchone()
        return str(row[0])

    return read


def _client_secret_hash(hand: Hand) -> str:
    with hand.world.change() as uow:
        client = uow.clients.get("web")
    assert client is not None
    return client.secrets[0].secret_hash


def _fresh_master_key(hand: Hand) -> str:
    return new_master_key_line().strip()


ARTEFACTS: Mapping[str, Callable[[Hand], str]] = {
    "client secret": lambda hand: hand.world.secrets["web"],
    "service's client secret": lambda hand: hand.world.secrets["svc"],
    "client secret in the body": lambda hand: hand.world.secrets["orders"],
    "shared secret of assertions": lambda hand: hand.world.secrets["sharer"],
    "password": lambda _: PASSWORD,
    "access token": lambda hand: str(tokens(hand, scope="es256:read")["access_token"]),
    "account token": lambda hand: str(tokens(hand, scope="account", username=hand.rig.someone())["access_token"]),
    "identity's access token": lambda hand: str(tokens(hand, scope="openid")["access_token"]),
    "service's access token": lambda hand: hand.rig.shop.own("orders"),
    "opaque access token": lambda hand: str(tokens(hand, "vault", scope="archive:read")["access_token"]),
    "exchanged token": _exchanged,
    "ID token": lambda hand: str(tokens(hand, scope="openid")["id_token"]),
    "refresh token": lambda hand: hand.world.refresh_token(client="web"),
    "refresh token of a public client": lambda hand: hand.world.refresh_token(),
    "superseded refresh token": _superseded,
    "link that registers": _registration_link,
    "link that verifies an address": _address_link,
    "link that resets a password": reset_secret(letter_secret),
    "personal API key": lambda hand: str(api_key(hand)["key"]),
    "service's API key": lambda hand: str(api_key(hand, service=True)["key"]),
    "API key's id": lambda hand: str(api_key(hand)["id"]),
    "client assertion": lambda hand: assertions.own("signer", None, ISSUER, hand.world.clock()),
    "client assertion by secret": lambda hand: assertions.own(
        "sharer", hand.world.secrets["sharer"], ISSUER, hand.world.clock()
    ),
    "used client assertion": _used_assertion,
    "workload's token": lambda hand: assertions.signed(
        assertions.ci_claims(ISSUER, hand.world.clock(), jti=uuid4().hex), a_key("RS256", "ci")
    ),
    "SPIFFE's token": lambda hand: assertions.signed(
        assertions.svid_claims(ISSUER, hand.world.clock()), a_key("ES256", "spiffe")
    ),
    "trusted issuer's token": lambda hand: hand.rig.shop.partner(jti=uuid4().hex),
    "introspection as a JWT": lambda hand: introspect(hand.world, hand["access token"], accept=SIGNED).text,
    "master key line": _fresh_master_key,
    "installed master key line": lambda hand: hand.world.settings.master_key_file.read_text().strip(),
    "PKCE verifier": lambda _: VERIFIER,
    "session's id": lambda hand: str(claims_of(hand["access token"])["sid"]),
    "user's id": lambda hand: str(claims_of(hand["access token"])["sub"]),
    "access token's id": lambda hand: str(claims_of(hand["access token"])["jti"]),
    "family's id": lambda hand: str(claims_of(hand["access token"])["grant_id"]),
    "key's id": lambda hand: str(jwt.get_unverified_header(hand["access token"])["kid"]),
    "stored hash of a client secret": _client_secret_hash,
    "stored hash of an API key": _stored("secret_hash", "api_keys"),
    "stored hash of a refresh token": _stored("current_hash", "refresh_families"),
    "stored hash of a link": _stored("secret_hash", "mailed_links"),
    "stored hash of an opaque token": _stored("token_hash", "access_tokens"),
    "stored hash of a password": _stored("password_hash", "users"),
    "other tenant's account token": lambda hand: str(stranger(hand, scope="account")["access_token"]),
    "other tenant's ID token": lambda hand: str(stranger(hand, scope="openid")["id_token"]),
    "other tenant's refresh token": lambda hand: str(stranger(hand, scope="es256:read")["refresh_token"]),
    "other tenant's access token": lambda hand: str(stranger(hand, scope="es256:read")["access_token"]),
    "empty of its kind": lambda _: "as_at_",
    **BROWSERS,
    **REGISTRATION,
}
"""A new kind of opaque secret or of JWT gets a row."""
PREPARED = ("link that registers", "link that verifies an address", "opaque access token", "personal API key")
"""Made first: hashes of these are looked up in the database."""
