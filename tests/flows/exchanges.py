"""Services that exchange tokens, the policies that let them, and a trusted issuer of people; beside what World has.

The app's users call orders (es256.example); orders calls billing (eddsa.example), billing calls stock (ps256.example);
archive (opaque.example) wants opaque tokens.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from authsvc.app import read_master_keys
from authsvc.domain.keyring import KeyPolicy, Keyring
from authsvc.domain.parties.clients import Client, with_new_secret
from authsvc.domain.parties.resources import Resource
from authsvc.domain.parties.trusted_issuers import SUBJECTS, USERS, TrustedIssuer
from authsvc.domain.tokens.exchange import ExchangePolicy, check_exchange_policies
from authsvc.protocol.grants import jwt_bearer, token_exchange
from authsvc.protocol.subject_token import ACCESS_TOKEN
from tests.flows.assertions import GONE, a_key, jwks, signed
from tests.flows.hasty_cache import hasty_cache
from tests.flows.world import World, a_client, audience, running_world

ORDERS, BILLING, STOCK, ARCHIVE = audience("ES256"), audience("EdDSA"), audience("PS256"), "https://opaque.example"
UNRELATED = audience("RS256")
PARTNER, PARTNER_AUDIENCE = "https://partner.example", "https://login.partner-calls.example"
TO_BILLING = ExchangePolicy(
    audience=BILLING,
    clients=frozenset({"app"}),
    scopes=(
        ("es256:read", frozenset({"eddsa:read"})),
        ("es256:write", frozenset({"eddsa:read", "eddsa:write"})),
    ),
)
TO_STOCK = ExchangePolicy(
    audience=STOCK, clients=frozenset({"orders"}), scopes=(("eddsa:read", frozenset({"ps256:read"})),)
)
PARTNERS = ExchangePolicy(
    audience=BILLING,
    issuers=frozenset({PARTNER}),
    scopes=(("*", frozenset({"eddsa:read"})), ("buy", frozenset({"eddsa:write"}))),
)


def claims_of(answer: httpx.Response) -> dict[str, Any]:
    """What the access token of a good answer says."""
    assert answer.status_code == 200, answer.text
    return dict(jwt.decode(answer.json()["access_token"], options={"verify_signature": False}))


@dataclass(slots=True)
class Shop:
    """The services at work."""

    world: World

    def token(self, scope: str = "es256:read es256:write", **fields: Any) -> str:
        """A user's access token for orders."""
        return str(self.world.tokens(scope=scope, **fields)["access_token"])

    def own(self, client: str) -> str:
        """A service's token of its own."""
        answer = self.world.token(client)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def exchange(self, subject_token: str | None, client: str = "orders", **fields: Any) -> httpx.Response:
        """POST /token for an exchange; `fields` are added, or taken away by None."""
        given = {"subject_token": subject_token, "subject_token_type": ACCESS_TOKEN, **fields}
        return self.world.token(client, token_exchange.GRANT_TYPE, **given)

    def bear(self, assertion: str, client: str = "app", **fields: Any) -> httpx.Response:
        """POST /token for a JWT of the partner."""
        return self.world.token(client, jwt_bearer.GRANT_TYPE, assertion=assertion, **fields)

    def partner_claims(self, **changed: Any) -> dict[str, Any]:
        """What the partner says of alice; `changed` says what is different, or GONE."""
        seconds = int(self.world.clock().timestamp())
        claims = {
            "iss": PARTNER, "sub": "alice", "aud": self.world.tenant.issuer, "iat": seconds, "exp": seconds + 60,
            "jti": f"{next(_COUNTER)}",
        }  # fmt: skip
        return {name: value for name, value in {**claims, **changed}.items() if value is not GONE}

    def partner(self, typ: Any = "JWT", **changed: Any) -> str:
        """The partner's token."""
        return signed(self.partner_claims(**changed), a_key("ES256", "partner"), typ=typ)

    def change_client(self, client_id: str, **changed: Any) -> None:
        """Change a registration behind the application's back."""
        with self.world.change() as uow:
            stored = uow.clients.get(client_id)
            assert stored is not None
            uow.clients.save(replace(stored, **changed))

    def change_partner(self, **changed: Any) -> None:
        """Likewise what is registered of the partner."""
        with self.world.change() as uow:
            stored = uow.issuers.get(PARTNER)
            assert stored is not None
            uow.issuers.save(replace(stored, **changed))

    def policies(self, *policies: ExchangePolicy, client: str = "orders") -> None:
        """Let these be all that the client may exchange."""
        self.change_client(client, exchanges=check_exchange_policies(policies))

    def keyring(self) -> Keyring:
        """The keys, as an administrator's command opens them."""
        return Keyring(read_master_keys(self.world.settings), KeyPolicy(jwks_max_age_seconds=300, skew_seconds=60))

    def add_service(self, client: Client) -> None:
        """Register one more confidential client."""
        stored, self.world.secrets[client.id] = with_new_secret(client, self.world.clock())
        with self.world.change() as uow:
            uow.clients.add(stored)


_A_WHILE = timedelta(minutes=1)
_COUNTER = iter(range(1_000_000))


@contextmanager
def standing_shop(directory: Path) -> Iterator[Shop]:
    """One shop on SQLite for a whole table of cases that leave it as it was; what is changed is seen at once."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("authsvc.app.Cache", hasty_cache)
        with running_world(f"sqlite:///{directory}/authsvc.db", directory) as world:
            yield open_shop(world)


def open_shop(world: World) -> Shop:
    """Add the services to the world."""
    now = world.clock() - _A_WHILE
    with world.change() as uow:
        uow.resources.add(
            Resource(ARCHIVE, "Archive", frozenset({"archive:read"}), "ES256", None, now, token_format="opaque")
        )
        for client in _services(a_client("service", now, first_party=False, auth_method="client_secret_post")):
            stored, world.secrets[client.id] = with_new_secret(client, now)
            uow.clients.add(stored)
        uow.issuers.add(partner_issuer(now))
        app = uow.clients.get("app")
        assert app is not None
        uow.clients.save(replace(app, grant_types=app.grant_types | {jwt_bearer.GRANT_TYPE}))
    return Shop(world)


def partner_issuer(now: Any) -> TrustedIssuer:
    return TrustedIssuer(
        issuer=PARTNER, name="Partner", jwks=jwks(a_key("ES256", "partner")), jwks_uri=None,
        algorithms=frozenset({"ES256"}), purposes=frozenset({USERS, SUBJECTS}),
        audiences=frozenset({PARTNER_AUDIENCE}), subject_claim="sub", subject_kind="username", subjects=frozenset(),
        max_token_seconds=600, created_at=now,
    )  # fmt: skip


def _services(plain: Client) -> tuple[Client, ...]:
    grants = frozenset({token_exchange.GRANT_TYPE, "client_credentials", "refresh_token"})

    def service(name: str, serves: str, owns: Mapping[str, str], *exchanges: ExchangePolicy) -> Client:
        return replace(
            plain, id=name, serves=frozenset({serves}), grant_types=grants, exchanges=exchanges,
            scopes=frozenset(owns), resources=frozenset(owns.values()),
        )  # fmt: skip

    return (
        service("orders", ORDERS, {"rs256:read": UNRELATED}, TO_BILLING),
        service("billing", BILLING, {"rs256:read": UNRELATED}, TO_STOCK),
        service("closed", ORDERS, {"rs256:read": UNRELATED}),
    )


def refused(answer: httpx.Response, error: str = "invalid_request") -> str:
    """Assert that an exchange was refused so; returns the description."""
    assert (answer.status_code, answer.json().get("error")) == (400, error), answer.text
    assert "access_token" not in answer.json()
    return str(answer.json()["error_description"])
