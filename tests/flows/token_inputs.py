"""Every input that takes a JWT: a good specimen, how it is presented, what acceptance is, and what may differ there."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import httpx

from authsvc.protocol.subject_token import ACCESS_TOKEN, ID_TOKEN, JWT
from authsvc.verify import TokenRejected
from tests.flows import token_rules as rules
from tests.flows.assertions import GONE, JWT_BEARER, JWT_SPIFFE
from tests.flows.exchanges import ORDERS
from tests.flows.specimen import Specimen
from tests.flows.token_hints import has_code, hint_at_authorize, hint_at_logout, told_in_browser
from tests.flows.token_rig import Rig
from tests.flows.token_specimens import (
    account_token,
    id_token,
    identity_token,
    of_client,
    of_job,
    of_partner,
    of_pod,
    of_workload,
    ours,
    shared,
    theirs,
    user_token,
    verified,
)
from tests.flows.world import FORM, OTHER_PASSWORD, PASSWORD

Answered = Callable[[httpx.Response], bool]


@dataclass(frozen=True, slots=True)
class TokenInput:
    """One place that takes a JWT. `refusals`: the statuses and codes with which it may refuse, in the form `form`."""

    name: str
    specimen: Callable[[Rig], Specimen]
    present: Callable[[Rig, str], httpx.Response]
    accepts: Answered
    refusals: frozenset[tuple[int, str]]
    form: str = "oauth"
    remembers: bool = False
    """Whether acceptance is seen by what is stored rather than by the answer."""


# --- ways of presenting ---


def _exchanged(client: str, token_type: str) -> Callable[[Rig, str], httpx.Response]:
    return lambda rig, token: rig.shop.exchange(token, client, subject_token_type=token_type)


def _acted(token_type: str) -> Callable[[Rig, str], httpx.Response]:
    def present(rig: Rig, token: str) -> httpx.Response:
        return rig.shop.exchange(_subject(rig), actor_token=token, actor_token_type=token_type)

    return present


_SUBJECTS: dict[UUID, str] = {}


def _subject(rig: Rig) -> str:
    """One subject for all actors of a rig: a sign-in for each would take most of the time."""
    tenant = rig.shop.world.tenant.id
    if tenant not in _SUBJECTS:
        _SUBJECTS[tenant] = user_token(rig)
    return _SUBJECTS[tenant]


def _form(path: str, name: str, client: str | None = None, **fields: str) -> Callable[[Rig, str], httpx.Response]:
    def present(rig: Rig, token: str) -> httpx.Response:
        world = rig.shop.world
        own = {} if client is None else {"client_id": client}
        if client in world.secrets:
            own["client_secret"] = world.secrets[client]
        body = urlencode({**fields, **own, name: token})
        return world.http.post(path, content=body, headers={"Content-Type": FORM})

    return present


def _header(method: str, path: str, **sent: Any) -> Callable[[Rig, str], httpx.Response]:
    def present(rig: Rig, token: str) -> httpx.Response:
        # As octets: no client that keeps the rules would send some of these.
        headers = {b"Authorization": b"Bearer " + token.encode()}
        return rig.shop.world.http.request(method, path, headers=headers, **sent)

    return present


def _verify(rig: Rig, token: str) -> httpx.Response:
    try:
        rig.resource.verifier.verify(token)
    except TokenRejected as rejected:
        return httpx.Response(401, json={"reason": rejected.reason})
    return httpx.Response(200)


def ended_tokens(rig: Rig) -> int:
    """How many access tokens are revoked."""
    path = rig.shop.world.settings.database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM revoked_tokens").fetchone()[0])


def _is(status: int, error: str | None = None) -> Answered:
    def check(answer: httpx.Response) -> bool:
        return answer.status_code == status and (error is None or answer.json()["error"] == error)

    return check


def _is_active(answer: httpx.Response) -> bool:
    return answer.status_code == 200 and json.loads(answer.content) != {"active": False}


_EXCHANGE = frozenset({(400, "invalid_request"), (400, "invalid_scope"), (400, "invalid_target")})
_GRANT = frozenset({(400, "invalid_request"), (400, "invalid_grant")})
_CLIENT = frozenset({(401, "invalid_client"), (400, "invalid_request")})
# 503 for a young token under an unknown key, which another node may just have made: a false 200 would be worse.
_REVOKE = _GRANT | {(400, "unsupported_token_type"), (503, "temporarily_unavailable")}
_TOKEN = frozenset({(401, "invalid_token"), (403, "insufficient_scope"), (400, "invalid_request")})
_ACCOUNT = _TOKEN - {(400, "invalid_request")}
_ASSERTION_FIELDS = {"client_assertion_type": JWT_BEARER}
_ASKS = {"grant_type": "client_credentials", "scope": "es256:read"}


def _assertion(
    name: str, specimen: Callable[[Rig], Specimen], path: str, accepts: Answered, **fields: str
) -> TokenInput:
    present = _form(path, "client_assertion", **{**_ASSERTION_FIELDS, **fields})
    form = "problem" if path in ("/login", "/logout") else "oauth"
    return TokenInput(f"client_assertion: {name}", specimen, present, accepts, _CLIENT, form)


def _caller(method: str, path: str, accepts: Answered, **sent: Any) -> TokenInput:
    specimen = ours(rules.BEARER, account_token, strips=True)
    return TokenInput(
        f"bearer at {method} {path}", specimen, _header(method, path, **sent), accepts, _ACCOUNT, "problem"
    )


_SIGNER = theirs("signer", rules.ASSERTION, rules.OWN_TYPES, of_client("signer"), typ="client-authentication+jwt")
_PASSWORDS = {"current_password": PASSWORD, "new_password": OTHER_PASSWORD}
_WANTED = {"name": "nightly", "scopes": ["es256:read"]}
_NO_KEY = "/api-keys/01234567-89ab-4cde-8f01-23456789abcd"

INPUTS: Sequence[TokenInput] = (
    TokenInput(
        "subject_token: access_token",
        ours(rules.AT_EXCHANGE, user_token),
        _exchanged("orders", ACCESS_TOKEN),
        _is(200),
        _EXCHANGE,
    ),
    TokenInput(
        "subject_token: jwt, ours", ours(rules.AT_EXCHANGE, user_token), _exchanged("orders", JWT), _is(200), _EXCHANGE
    ),
    TokenInput(
        "subject_token: id_token",
        ours(rules.OF_ID_TOKEN, id_token, typ="jwt"),
        _exchanged("desk", ID_TOKEN),
        _is(200),
        _EXCHANGE,
    ),
    TokenInput(
        "subject_token: jwt, of a trusted issuer",
        theirs("partner", rules.SUBJECT_JWT, frozenset({None, "jwt", "at+jwt"}), of_partner(aud=ORDERS)),
        _exchanged("orders", JWT),
        _is(200),
        _EXCHANGE,
    ),
    TokenInput(
        "actor_token: access_token",
        ours(rules.BY_SERVICE, lambda rig: rig.shop.own("orders")),
        _acted(ACCESS_TOKEN),
        _is(200),
        _EXCHANGE,
    ),
    TokenInput(
        "actor_token: jwt, ours",
        ours(rules.BY_SERVICE, lambda rig: rig.shop.own("orders")),
        _acted(JWT),
        _is(200),
        _EXCHANGE,
    ),
    TokenInput(
        "actor_token: jwt, of a trusted issuer",
        theirs("partner", rules.ACTOR_JWT, frozenset({None, "jwt", "at+jwt"}), of_partner(aud=ORDERS), "subjects-only"),
        _acted(JWT),
        _is(200),
        _EXCHANGE,
    ),
    TokenInput(
        "assertion: jwt-bearer",
        theirs("partner", rules.BEARER_GRANT, frozenset({None, "jwt"}), of_partner(), "users-only"),
        _form(
            "/token", "assertion", "app", grant_type="urn:ietf:params:oauth:grant-type:jwt-bearer", scope="es256:read"
        ),
        _is(200),
        _GRANT,
    ),
    _assertion("private_key_jwt", _SIGNER, "/token", _is(200), **_ASKS),
    _assertion(
        "private_key_jwt with RSA",
        theirs("signer-rsa", rules.ASSERTION, rules.OWN_TYPES, of_client("signer-rsa")),
        "/token",
        _is(200),
        **_ASKS,
    ),
    _assertion("client_secret_jwt", shared, "/token", _is(200), **_ASKS),
    _assertion(
        "Kubernetes", theirs("pods", rules.LISTED, rules.WORKLOAD_TYPES, of_pod, typ=GONE), "/token", _is(200), **_ASKS
    ),
    _assertion(
        "GitHub Actions", theirs("ci", rules.WORKLOAD, rules.WORKLOAD_TYPES, of_job), "/token", _is(200), **_ASKS
    ),
    _assertion(
        "SPIFFE", theirs("spiffe", rules.LISTED, rules.WORKLOAD_TYPES, of_workload), "/token", _is(200), **_ASKS
    ),
    _assertion(
        "SPIFFE by its own type",
        theirs("spiffe", {**rules.LISTED, "iss": "empty other"}, rules.WORKLOAD_TYPES, of_workload),
        "/token",
        _is(200),
        **_ASKS,
        client_assertion_type=JWT_SPIFFE,
    ),
    _assertion("at /introspect", _SIGNER, "/introspect", _is(200), token="x"),
    _assertion("at /revoke", _SIGNER, "/revoke", _is(200), token="x"),
    _assertion("at /login", _SIGNER, "/login", _is(400, "unauthorized_client"), username="alice", password=PASSWORD),
    _assertion("at /logout", _SIGNER, "/logout", _is(400, "invalid_grant"), refresh_token="as_rt_x"),
    TokenInput(
        "token at /introspect",
        ours(rules.ASKED, user_token),
        _form("/introspect", "token", "api"),
        _is_active,
        frozenset({(400, "invalid_request")}),
        "inactive",
    ),
    TokenInput(
        "token at /revoke",
        ours(rules.REVOKED, user_token),
        _form("/revoke", "token", "app"),
        _is(200),
        _REVOKE,
        "nothing",
        remembers=True,
    ),
    TokenInput(
        "bearer at GET /userinfo",
        ours(rules.BEARER, identity_token, strips=True),
        _header("GET", "/userinfo"),
        _is(200),
        _TOKEN,
    ),
    TokenInput(
        "bearer at POST /userinfo",
        ours(rules.BEARER, identity_token, strips=True),
        _header("POST", "/userinfo"),
        _is(200),
        _TOKEN,
    ),
    TokenInput(
        "access_token at POST /userinfo",
        ours(rules.BEARER, identity_token),
        _form("/userinfo", "access_token"),
        _is(200),
        _TOKEN,
    ),
    _caller("GET", "/me", _is(200)),
    _caller("PATCH", "/me", _is(200), json={"name": "Somebody"}),
    _caller("DELETE", "/me", _is(204)),
    _caller("POST", "/me/password", _is(204), json=_PASSWORDS),
    _caller("POST", "/me/email/confirm", _is(400, "invalid_token"), json={"token": "as_ml_x"}),
    _caller("POST", "/logout", _is(204)),
    _caller("POST", "/api-keys", _is(201), json=_WANTED),
    _caller("GET", "/api-keys", _is(200)),
    _caller("GET", _NO_KEY, _is(404)),
    _caller("DELETE", _NO_KEY, _is(404)),
    TokenInput(
        "id_token_hint at /authorize",
        ours(rules.HINT_OF_PERSON, told_in_browser, typ="jwt"),
        hint_at_authorize,
        has_code,
        # A page for what no address may hold, such as a line end.
        frozenset({(303, "invalid_request"), (303, "login_required"), (400, "page")}),
        "browser",
    ),
    TokenInput(
        "id_token_hint at /connect/logout",
        ours(rules.HINT, told_in_browser, typ="jwt"),
        hint_at_logout,
        _is(303),
        frozenset({(400, "page")}),
        "browser",
    ),
    TokenInput("authsvc.verify", verified, _verify, _is(200), frozenset(), "verdict"),
)
