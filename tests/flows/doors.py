"""Every way to a token, or to what a token opens: who asks, with what of whom, for what, and how it refuses."""

import json
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt

from authsvc.domain.people.users import User
from authsvc.domain.tokens.exchange import ExchangePolicy
from authsvc.protocol.grants import token_exchange
from authsvc.protocol.subject_token import ACCESS_TOKEN
from tests.flows.asking import add_server, introspect, make_opaque
from tests.flows.exchanges import BILLING, PARTNER, Shop
from tests.flows.relying_party import Browser, add_client
from tests.flows.world import a_client, audience

LETTERS = audience("PS256")
"""A resource whose tokens are opaque."""
ANYONES = ExchangePolicy(
    BILLING, frozenset({"app", "web", "svc2", "orders", "mail"}), frozenset({PARTNER}), api_keys=True,
    scopes=(("*", frozenset({"eddsa:read"})),), any_audience=True,
)  # fmt: skip


@dataclass(slots=True)
class Visit:
    """One person at one door, with what they hold there."""

    shop: Shop
    person: User
    held: str = ""
    tokens: Mapping[str, Any] = field(default_factory=dict)
    key_id: UUID | None = None
    subject: str = ""

    def family_id(self) -> UUID:
        """The refresh family of the person's one sign-in."""
        ((found,),) = _query(self.shop, f"SELECT id FROM refresh_families WHERE user_id = '{self.person.id.hex}'")
        return UUID(found)

    def token_id(self) -> str:
        """The `jti` of the access token that is held."""
        if self.held.startswith("as_at_"):
            claims = _query(self.shop, "SELECT claims FROM access_tokens ORDER BY expires_at DESC")
            found = [json.loads(each) for (each,) in claims]
            return next(str(each["jti"]) for each in found if each["sub"] == str(self.person.id))
        return str(jwt.decode(self.held, options={"verify_signature": False})["jti"])

    @property
    def account(self) -> Mapping[str, str]:
        tokens = self.shop.world.tokens(scope="account", username=self.person.username)
        return {"Authorization": f"Bearer {tokens['access_token']}"}


def _query(shop: Shop, statement: str) -> list[Any]:
    path = shop.world.settings.database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


Outcome = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Door:
    """`requester`: the client that asks; `of_client`: whose token is presented; `target`, `audience`: for which
    resource the answer and the presented token are; `issuer`: the trusted one. `signed`: what is held is a JWT of ours.

    `refusals` says how each end that concerns it is answered; `lives` which ends do not matter here, and why.
    """

    prepare: Callable[[Visit], None]
    knock: Callable[[Visit], httpx.Response]
    refusals: Mapping[str, Outcome]
    requester: str | None = None
    of_client: str | None = None
    target: str | None = None
    audience: str | None = None
    issuer: str | None = None
    has_person: bool = True
    has_session: bool = False
    can_be_revoked: bool = False
    signed: bool = False
    refreshes: bool = False
    lives: Mapping[str, str] = field(default_factory=dict)


def open_doors(shop: Shop) -> None:
    """The clients of the doors."""
    world = shop.world
    add_server(world, "api", "ES256", "PS256")
    make_opaque(world, "PS256")
    grants = frozenset({token_exchange.GRANT_TYPE, "refresh_token", "client_credentials"})
    shop.change_client("orders", exchanges=(ANYONES,), grant_types=grants)
    shop.change_client("closed", exchanges=(replace(ANYONES, clients=frozenset({"app2"})),), grant_types=grants)
    shop.change_client("web", exchanges=(ANYONES,), grant_types=grants)
    add_client(world)
    with world.change() as uow:
        uow.clients.add(
            a_client("mail", world.clock(), scopes=frozenset({"ps256:read"}), resources=frozenset({LETTERS}))
        )


def a_visit(shop: Shop) -> Visit:
    """With a new person."""
    alice, world = shop.world.user(), shop.world
    person = replace(alice, id=uuid4(), username=f"guest{uuid4().hex[:12]}", email=None, email_verified=False)
    with world.change() as uow:
        uow.users.add(person)
    return Visit(shop, person)


def empty_handed(visit: Visit) -> None:
    """Nothing is held but a password or a client's own secret."""


def signed_in(held: str, client: str = "app", scope: str = "es256:read") -> Callable[[Visit], None]:
    def prepare(visit: Visit) -> None:
        visit.tokens = visit.shop.world.tokens(client, scope=scope, username=visit.person.username)
        visit.held = visit.tokens[held]

    return prepare


def of_service(visit: Visit) -> None:
    visit.tokens = visit.shop.world.token("svc2").json()
    visit.held = visit.tokens["access_token"]


def by_exchange(visit: Visit) -> None:
    signed_in("access_token")(visit)
    visit.held = visit.shop.exchange(visit.held).json()["access_token"]


def by_partner(visit: Visit) -> None:
    visit.held = visit.shop.partner(sub=visit.person.username, jti=uuid4().hex)


def by_code(visit: Visit) -> None:
    # Beside it, a family that another app has of the person.
    signed_in("refresh_token")(visit)
    browser = Browser(visit.shop.world)
    browser.sign_in(visit.person.username)
    visit.held = browser.code(scope="openid es256:read")


def an_api_key(*, service: bool = False) -> Callable[[Visit], None]:
    def prepare(visit: Visit) -> None:
        world = visit.shop.world
        wanted = {"name": "x", "scopes": ["es256:read", "eddsa:read"]}
        proof = {"auth": ("svc", world.secrets["svc"])} if service else {"headers": visit.account}
        answer = world.http.post("/api-keys", json=wanted, **proof)
        assert answer.status_code == 201, answer.text
        visit.held, visit.key_id = answer.json()["key"], UUID(answer.json()["id"])

    return prepare


def at_exchange(token_type: str, client: str = "orders") -> Callable[[Visit], httpx.Response]:
    return lambda visit: visit.shop.exchange(visit.held, client, subject_token_type=token_type, audience=BILLING)


def acting(visit: Visit) -> None:
    """What is held is an actor's; the subject is another person's, whom no end of this visit reaches."""
    signed_in("access_token")(visit)
    visit.subject = visit.shop.world.tokens("app2", scope="es256:write", username="bob")["access_token"]


def as_actor(visit: Visit) -> httpx.Response:
    acted = {"actor_token": visit.held, "actor_token_type": ACCESS_TOKEN}
    return visit.shop.exchange(visit.subject, "closed", audience=BILLING, **acted)


def bearing(method: str, path: str) -> Callable[[Visit], httpx.Response]:
    def knock(visit: Visit) -> httpx.Response:
        return visit.shop.world.http.request(method, path, headers={"Authorization": f"Bearer {visit.held}"})

    return knock


def asked(visit: Visit) -> httpx.Response:
    return introspect(visit.shop.world, visit.held)
