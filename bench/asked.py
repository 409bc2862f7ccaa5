"""An installation that requests are made to, and every kind of them."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import psycopg

from authsvc.domain.administration import USERS_READ, admin_audience
from authsvc.domain.parties.clients import with_new_secret
from authsvc.domain.parties.resources import ACCOUNT_SCOPE, Resource
from authsvc.domain.tokens.exchange import ExchangePolicy
from bench.faults.browsing import VERIFIER, authorization_query, code_of
from bench.faults.caller import Answer, Caller
from bench.faults.site import APP, AUDIENCE, PASSWORD, REDIRECT_URI, SCOPE, SERVICE, WEB, Site, assertion

SAMPLES, COLD_SAMPLES = 100, 10
_FEED_SECONDS = 1.1
BACK, OPS = "back", "ops"
"""The server of what tokens are for, which exchanges them; and an administrator."""
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_BILLING, _BILLING_SCOPE = "https://billing.example", "billing:read"
_FAMILIES = 20
_PAGE, _LONGEST_PAGE = 20, 200


@dataclass(slots=True)
class Side:
    """An installation, the node on it, and a person at it."""

    site: Site
    caller: Caller
    connection: psycopg.Connection[object]
    log: Path
    """That of the database."""
    people: int
    chance: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311 - who is asked for
    tokens: list[dict[str, str]] = field(default_factory=list)
    account_tokens: list[str] = field(default_factory=list)
    admin_token: str = ""
    middle: str = ""
    """The cursor in the middle of the tenant's users."""

    def begin(self) -> None:
        """Have new tokens for what follows: the others may be over."""
        self.tokens = [self.login().json for _ in range(_FAMILIES)]
        self.account_tokens = [self.login(ACCOUNT_SCOPE).json["access_token"] for _ in range(_FAMILIES)]
        self.admin_token = self.post_token(OPS, "client_credentials", scope=USERS_READ).json["access_token"]
        if not self.middle:
            self.middle = self._middle()

    def login(self, scope: str = f"openid {SCOPE}") -> Answer:
        """Sign in anybody."""
        name = f"person{self.chance.randint(1, self.people)}"
        return self.caller.json("/login", username=name, password=PASSWORD, client_id=APP, scope=scope)

    def post_token(self, client: str, grant_type: str, **fields: str) -> Answer:
        """POST /token of a client with a secret."""
        secret = self.site.secrets[client]
        return self.caller.form("/token", grant_type=grant_type, client_id=client, client_secret=secret, **fields)

    def access_token(self) -> str:
        """Somebody's access token."""
        return self.chance.choice(self.tokens)["access_token"]

    def users(self, limit: int, cursor: str = "") -> Answer:
        """A page of the tenant's users."""
        query = f"limit={limit}" + (f"&cursor={cursor}" if cursor else "")
        return self.caller.get(f"/admin/users?{query}", Authorization=f"Bearer {self.admin_token}")

    def _middle(self) -> str:
        limit, cursor = min(_LONGEST_PAGE, self.people // 2), ""
        for _ in range(self.people // 2 // limit):
            cursor = self.users(limit, cursor).json["next_cursor"]
        return cursor


def add_clients(site: Site) -> None:
    """Add what these requests need besides: BACK, OPS, and that the app's people may see their accounts."""
    with site.change() as uow:
        app, service = uow.clients.get(APP), uow.clients.get(SERVICE)
        assert app is not None  # noqa: S101 - the site has them
        assert service is not None  # noqa: S101
        uow.clients.save(replace(app, scopes=app.scopes | {ACCOUNT_SCOPE}))
        billing = Resource(_BILLING, "billing", frozenset({_BILLING_SCOPE}), "ES256", None, app.created_at)
        uow.resources.add(billing)
        door = ExchangePolicy(_BILLING, clients=frozenset({APP}), scopes=((SCOPE, billing.scopes),))
        others = (
            replace(service, id=BACK, grant_types=frozenset({EXCHANGE}), serves=frozenset({AUDIENCE}),
                    exchanges=(door,)),
            replace(service, id=OPS, scopes=frozenset({USERS_READ}),
                    resources=frozenset({admin_audience(site.tenant.issuer)})),
        )  # fmt: skip
        for client in others:
            stored, site.secrets[client.id] = with_new_secret(replace(client, secrets=()), app.created_at)
            uow.clients.add(stored)


def refresh(side: Side) -> Answer:
    """Refresh one of the families in turn."""
    tokens = side.tokens.pop(0)
    answer = side.caller.form(
        "/token", grant_type="refresh_token", refresh_token=tokens["refresh_token"], client_id=APP
    )
    side.tokens.append(answer.json)
    return answer


def machine_token(side: Side) -> Answer:
    """A token for a service."""
    return side.post_token(SERVICE, "client_credentials", scope=SCOPE, resource=AUDIENCE)


def signed_machine_token(side: Side) -> Answer:
    """A token for a service that proves itself by its key: its assertion must not have been used."""
    fields = {"grant_type": "client_credentials", "scope": SCOPE, "client_assertion": assertion()}
    return side.caller.form("/token", client_assertion_type=JWT_BEARER, **fields)


def cold_machine_token(side: Side) -> Answer:
    """The same when something that nodes remember was changed a moment ago: they must read all of it again."""
    side.connection.execute("UPDATE change_feed SET counter = counter + 1")
    time.sleep(_FEED_SECONDS)
    return machine_token(side)


def introspect(side: Side) -> Answer:
    """What the token of a person is worth, asked by the server that it is for."""
    return side.caller.form(
        "/introspect", token=side.access_token(), client_id=BACK, client_secret=side.site.secrets[BACK]
    )


def exchange(side: Side) -> Answer:
    """The token of a person for one that another service takes."""
    kind = "urn:ietf:params:oauth:token-type:access_token"
    return side.post_token(BACK, EXCHANGE, subject_token=side.access_token(), subject_token_type=kind)


def userinfo(side: Side) -> Answer:
    """Who the person is."""
    return side.caller.get("/userinfo", Authorization=f"Bearer {side.access_token()}")


def account(side: Side) -> Answer:
    """What the person's account has."""
    return side.caller.get("/me", Authorization=f"Bearer {side.chance.choice(side.account_tokens)}")


def first_users(side: Side) -> Answer:
    """The first page of the tenant's users."""
    return side.users(_PAGE)


def middle_users(side: Side) -> Answer:
    """A page in the middle of them."""
    return side.users(_PAGE, side.middle)


def authorize(side: Side) -> Answer:
    """From a browser with a session to a code."""
    return side.caller.get(f"/authorize?{authorization_query()}", Cookie=side.site.cookies)


def redeem(side: Side) -> Answer:
    """A code for tokens; what is timed is the exchange alone."""
    code = code_of(authorize(side)) or ""
    return side.post_token(WEB, "authorization_code", code=code, redirect_uri=REDIRECT_URI, code_verifier=VERIFIER)


def revoke(side: Side) -> Answer:
    """End a family of a moment ago."""
    token = side.login().json["refresh_token"]
    return side.caller.form("/revoke", token=token, client_id=APP)


KINDS: tuple[tuple[str, Callable[[Side], Answer], int], ...] = (
    ("POST /login", Side.login, SAMPLES),
    ("refresh", refresh, 4 * SAMPLES),
    ("GET /userinfo", userinfo, 4 * SAMPLES),
    ("introspect", introspect, 4 * SAMPLES),
    ("token exchange", exchange, 4 * SAMPLES),
    ("GET /me", account, 4 * SAMPLES),
    ("GET /admin/users", first_users, 4 * SAMPLES),
    ("GET /admin/users in the middle", middle_users, 4 * SAMPLES),
    ("client_credentials", machine_token, 4 * SAMPLES),
    ("client_credentials by private_key_jwt", signed_machine_token, 4 * SAMPLES),
    ("client_credentials after a change", cold_machine_token, COLD_SAMPLES),
    ("authorize with a session", authorize, 4 * SAMPLES),
    ("code for tokens", redeem, 2 * SAMPLES),
    ("revoke", revoke, SAMPLES),
)
