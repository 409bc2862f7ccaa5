"""Every place of every endpoint that takes an artefact, and the few artefacts that are good there, with the reason."""

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from authsvc.domain.tokens.exchange import ExchangePolicy
from authsvc.protocol.grants import jwt_bearer, token_exchange
from authsvc.protocol.subject_token import ACCESS_TOKEN, API_KEY, ID_TOKEN, JWT, REFRESH_TOKEN
from tests.flows.artefact_answers import is_active, is_good, is_on, is_refused_for, is_unknown
from tests.flows.artefacts import Hand
from tests.flows.artefacts_of_browsers import (
    add_relying_parties,
    browser_cookie,
    continued,
    hinted,
    is_answered,
    is_not_refused,
    redeemed,
    refused_not_by,
    requested,
    session_cookie,
    signed_out_by,
    verified,
)
from tests.flows.artefacts_of_pages import ERRANDS, PLAIN, SIGNED_IN, csrf_of, field_of, handle_at, is_form_of
from tests.flows.artefacts_of_registration import managing, registering, secret_sent_back
from tests.flows.assertions import JWT_BEARER, JWT_SPIFFE
from tests.flows.exchanges import ARCHIVE, BILLING, ORDERS, PARTNER
from tests.flows.registering import let
from tests.flows.token_rig import Rig
from tests.flows.world import FORM, OTHER_PASSWORD, PASSWORD, a_client

Presented = Callable[[Hand, str], httpx.Response]
ANYTHING = ExchangePolicy(
    BILLING, frozenset({"app", "web", "svc", "orders", "vault"}), frozenset({PARTNER}), api_keys=True,
    scopes=(("*", frozenset({"eddsa:read"})),), any_audience=True,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Where an artefact is presented. `accepts` says whether it was taken for what it is not.

    `good`: what is good there, each with its reason. `changes`: whether acceptance is seen by what ends.
    """

    present: Presented
    accepts: Callable[[httpx.Response], bool]
    good: Mapping[str, str]
    changes: bool = False


def add_holders(rig: Rig) -> None:
    """The clients that may present almost anything."""
    shop, now = rig.shop, rig.shop.world.clock()
    shop.change_client(
        "web", exchanges=(ANYTHING,), grant_types=frozenset({token_exchange.GRANT_TYPE, "refresh_token"}),
        serves=frozenset({ORDERS}),
    )  # fmt: skip
    add_relying_parties(shop.world)
    let(shop.world)
    with shop.world.change() as uow:
        uow.clients.add(a_client("vault", now, scopes=frozenset({"archive:read"}), resources=frozenset({ARCHIVE})))


def query(rig: Rig, statement: str) -> list[Any]:
    path = rig.shop.world.settings.database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(statement).fetchall()


def ended(rig: Rig) -> Any:
    """All that has ended so far."""
    return query(
        rig,
        "SELECT (SELECT count(*) FROM revoked_tokens), (SELECT count(*) FROM sessions WHERE ended_at IS NOT NULL),"
        " (SELECT count(*) FROM refresh_families WHERE ended_at IS NOT NULL),"
        " (SELECT count(*) FROM api_keys WHERE revoked_at IS NOT NULL)",
    )


def _form(path: str, name: str, client: str | None = None, **fields: str) -> Presented:
    def present(hand: Hand, artefact: str) -> httpx.Response:
        world, body, auth = hand.world, {**fields, name: artefact}, httpx.Auth()
        if client in ("web", "svc"):
            auth = httpx.BasicAuth(client, world.secrets[client])
        elif client is not None:
            body |= {"client_id": client} | (
                {"client_secret": world.secrets[client]} if client in world.secrets else {}
            )
        return world.http.post(path, content=urlencode(body), headers={"Content-Type": FORM}, auth=auth)

    return present


def _bearer(method: str, path: str, **sent: Any) -> Presented:
    def present(hand: Hand, artefact: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {artefact}"}
        return hand.world.http.request(method, path, headers=headers, **sent)

    return present


def _basic(path: str, client: str, **fields: str) -> Presented:
    def present(hand: Hand, artefact: str) -> httpx.Response:
        secret = quote(artefact, safe="")
        return hand.world.http.post(path, data=fields, auth=(client, secret))

    return present


def _basic_keys(hand: Hand, artefact: str) -> httpx.Response:
    return hand.world.http.get("/api-keys", auth=("svc", quote(artefact, safe="")))


def _exchange(token_type: str) -> Presented:
    return _form("/token", "subject_token", "web", grant_type=token_exchange.GRANT_TYPE, subject_token_type=token_type)


def _actor(token_type: str) -> Presented:
    def present(hand: Hand, artefact: str) -> httpx.Response:
        fields = {
            "subject_token": hand["access token"],
            "subject_token_type": ACCESS_TOKEN,
            "actor_token_type": token_type,
        }
        return _form("/token", "actor_token", "web", grant_type=token_exchange.GRANT_TYPE, **fields)(hand, artefact)

    return present


def _assertion(path: str, kind: str, **fields: str) -> Presented:
    return _form(path, "client_assertion", client_assertion_type=kind, **fields)


def _json(path: str, name: str, **fields: str) -> Presented:
    return lambda hand, artefact: hand.world.http.post(path, json={**fields, name: artefact})


def _own_json(path: str, name: str, username: str | None, **fields: str) -> Presented:
    def present(hand: Hand, artefact: str) -> httpx.Response:
        # One sign-in for all that is refused.
        key = f"header of {path}"
        if key not in hand.made:
            person = username or hand.rig.someone()
            hand.made[key] = hand.world.tokens(scope="account", username=person)["access_token"]
        headers = {"Authorization": f"Bearer {hand.made[key]}"}
        return hand.world.http.post(path, json={**fields, name: artefact}, headers=headers)

    return present


def _key_id(method: str) -> Presented:
    def present(hand: Hand, artefact: str) -> httpx.Response:
        key = "header of keys"
        if key not in hand.made:
            hand.made[key] = hand.world.tokens(scope="account")["access_token"]
        headers = {"Authorization": f"Bearer {hand.made[key]}"}
        return hand.world.http.request(method, f"/api-keys/{quote(artefact, safe='')}", headers=headers)

    return present


_NO_KEY = "/api-keys/01234567-89ab-4cde-8f01-23456789abcd"
_PASSWORDS = {"current_password": PASSWORD, "new_password": OTHER_PASSWORD}
_ACCOUNT = {"account token": "a person's token for the issuer's own API"}
_USERINFO = {"identity's access token": "a person's token with the scope openid"}
_OWN_SECRET = {"client secret": "it is web's"}
_SVC_SECRET = {"service's client secret": "it is svc's"}
_BODY_SECRET = {"client secret in the body": "it is orders'"}
_LIVE = {
    "access token": "an access token", "account token": "an access token", "identity's access token": "an access token",
    "service's access token": "an access token of a service whose tokens the policy names",
    "opaque access token": "an access token in the other form",
}  # fmt: skip
_LIVE_JWT = {
    **{name: "an access token that is a JWT" for name in _LIVE if name != "opaque access token"},
    "exchanged token": "an access token of orders", "trusted issuer's token": "a JWT of a trusted issuer",
}  # fmt: skip
_ASSERTIONS = {
    "client assertion": "signer's", "client assertion by secret": "sharer's",
    "workload's token": "the workload is a client",
    "SPIFFE's token": "the workload is a client",
}  # fmt: skip
_NOT_YET_USED = {
    **_ASSERTIONS, "used client assertion": "the client may not post passwords at all: its use is not asked for",
}  # fmt: skip
_KEYS = {"personal API key": "alice's, for billing, too", "service's API key": "svc's, for billing, too"}
_SERVED = {"access token": "the caller is its audience's server", **_KEYS}
_REVOCABLE = dict.fromkeys(
    ("access token", "account token", "identity's access token", "refresh token of a public client"), "it is app's"
)  # fmt: skip
_MANAGES = {"registration access token": "the client's own"}
_WORKLOADS = {"SPIFFE's token": "the workload is a client"}
_ASKS = {"grant_type": "client_credentials", "scope": "es256:read"}

PLACES: Mapping[str, Place] = {
    "bearer at GET /me": Place(_bearer("GET", "/me"), is_good, _ACCOUNT),
    "bearer at POST /logout": Place(_bearer("POST", "/logout"), is_good, _ACCOUNT),
    "bearer at GET /api-keys": Place(_bearer("GET", "/api-keys"), is_good, _ACCOUNT),
    "bearer at POST /api-keys": Place(
        _bearer("POST", "/api-keys", json={"name": "x", "scopes": ["es256:read"]}), is_good, _ACCOUNT
    ),
    "bearer at PATCH /me": Place(_bearer("PATCH", "/me", json={"name": "Somebody"}), is_good, _ACCOUNT),
    "bearer at DELETE /me": Place(_bearer("DELETE", "/me"), is_good, _ACCOUNT),
    "bearer at POST /me/password": Place(_bearer("POST", "/me/password", json=_PASSWORDS), is_good, _ACCOUNT),
    "bearer at POST /me/email/confirm": Place(
        _bearer("POST", "/me/email/confirm", json={"token": "x"}), lambda answer: answer.status_code == 400, _ACCOUNT
    ),
    "bearer at GET /api-keys/{key_id}": Place(_bearer("GET", _NO_KEY), is_unknown, _ACCOUNT),
    "bearer at DELETE /api-keys/{key_id}": Place(_bearer("DELETE", _NO_KEY), is_unknown, _ACCOUNT),
    "bearer at POST /userinfo": Place(_bearer("POST", "/userinfo"), is_good, _USERINFO),
    "bearer at GET /userinfo": Place(_bearer("GET", "/userinfo"), is_good, _USERINFO),
    "access_token at /userinfo": Place(_form("/userinfo", "access_token"), is_good, _USERINFO),
    "Basic at /token": Place(
        _basic("/token", "web", grant_type="refresh_token", refresh_token="x"),
        is_refused_for("invalid_grant"),
        _OWN_SECRET,
    ),
    "Basic at /introspect": Place(_basic("/introspect", "web", token="x"), is_good, _OWN_SECRET),
    "Basic at /revoke": Place(_basic("/revoke", "svc", token="x"), is_good, _SVC_SECRET),
    "Basic at /api-keys": Place(_basic_keys, is_good, _SVC_SECRET),
    "client_secret at /token": Place(
        _form("/token", "client_secret", client_id="orders", grant_type="client_credentials"), is_good, _BODY_SECRET
    ),
    "client_secret at /introspect": Place(
        _form("/introspect", "client_secret", client_id="orders", token="x"), is_good, _BODY_SECRET
    ),
    "client_secret at /revoke": Place(
        _form("/revoke", "client_secret", client_id="orders", token="x"), is_good, _BODY_SECRET
    ),
    "client_secret at /login": Place(
        _form("/login", "client_secret", client_id="orders", username="alice", password=PASSWORD),
        is_refused_for("unauthorized_client"),
        _BODY_SECRET,
    ),
    "client_secret at /logout": Place(
        _form("/logout", "client_secret", client_id="orders", refresh_token="as_rt_x"),
        is_refused_for("invalid_grant"),
        _BODY_SECRET,
    ),
    "client_secret of another method": Place(
        _form("/token", "client_secret", client_id="sharer", grant_type="client_credentials"), is_good, {}
    ),
    "client_id at /token": Place(_form("/token", "client_id", grant_type="client_credentials"), is_good, {}),
    "password at /login": Place(
        _form("/login", "password", username="bob", client_id="app", scope="openid"),
        is_good,
        {"password": "it is bob's"},
    ),
    "username at /login": Place(
        _form("/login", "username", password=PASSWORD, client_id="app", scope="openid"), is_good, {}
    ),
    "password at /token": Place(
        _form("/token", "password", "legacy", grant_type="password", username="bob", scope="es256:read"),
        is_good,
        {"password": "it is bob's"},
    ),
    "current_password at /me/password": Place(
        _own_json("/me/password", "current_password", None, new_password=OTHER_PASSWORD),
        is_good,
        {"password": "their own"},
    ),
    "refresh_token at /token": Place(
        _form("/token", "refresh_token", "web", grant_type="refresh_token"), is_good, {"refresh token": "it is web's"}
    ),
    "refresh_token at /token, by a public client": Place(
        _form("/token", "refresh_token", "app", grant_type="refresh_token"),
        is_good,
        {"refresh token of a public client": "it is app's"},
    ),
    "refresh_token at /logout": Place(
        _form("/logout", "refresh_token", "app"), is_good, {"refresh token of a public client": "it is app's"}
    ),
    "subject_token: access_token": Place(
        _exchange(ACCESS_TOKEN), is_good, {**_LIVE, "exchanged token": "an access token of orders"}
    ),
    "subject_token: jwt": Place(_exchange(JWT), is_good, _LIVE_JWT),
    "subject_token: id_token": Place(_exchange(ID_TOKEN), is_good, {"ID token": "of a client that the policy names"}),
    "subject_token: refresh_token": Place(
        _exchange(REFRESH_TOKEN), is_good, {"refresh token": "web's own, unconsumed"}
    ),
    "subject_token: api_key": Place(_exchange(API_KEY), is_good, _KEYS),
    "actor_token: access_token": Place(
        _actor(ACCESS_TOKEN), is_good, {"access token": "it is for web, which serves orders"}
    ),
    "actor_token: jwt": Place(_actor(JWT), is_good, {"access token": "it is for web, which serves orders"}),
    "actor_token: id_token": Place(_actor(ID_TOKEN), is_good, {}),
    "actor_token: refresh_token": Place(
        _actor(REFRESH_TOKEN), is_good, {"refresh token": "web's own: its person acts"}
    ),
    "actor_token: api_key": Place(_actor(API_KEY), is_good, {}),
    "assertion: jwt-bearer": Place(
        _form("/token", "assertion", "app", grant_type=jwt_bearer.GRANT_TYPE, scope="es256:read"),
        is_good,
        {"trusted issuer's token": "the issuer vouches for alice"},
    ),
    "client_assertion at /token": Place(_assertion("/token", JWT_BEARER, **_ASKS), is_good, _ASSERTIONS),
    "client_assertion at /token, as SPIFFE's": Place(_assertion("/token", JWT_SPIFFE, **_ASKS), is_good, _WORKLOADS),
    "client_assertion at /introspect": Place(_assertion("/introspect", JWT_BEARER, token="x"), is_good, _ASSERTIONS),
    "client_assertion at /revoke": Place(_assertion("/revoke", JWT_BEARER, token="x"), is_good, _ASSERTIONS),
    "client_assertion at /login": Place(
        _assertion("/login", JWT_BEARER, username="alice", password=PASSWORD),
        is_refused_for("unauthorized_client"),
        _NOT_YET_USED,
    ),
    "client_assertion at /logout": Place(
        _assertion("/logout", JWT_BEARER, refresh_token="as_rt_x"), is_refused_for("invalid_grant"), _ASSERTIONS
    ),
    "token at /introspect, by the server": Place(_form("/introspect", "token", "api"), is_active, _SERVED),
    "token at /introspect, by a client": Place(
        _form("/introspect", "token", "web"), is_active, {**_SERVED, "refresh token": "its own"}
    ),
    "token at /revoke, by a public client": Place(_form("/revoke", "token", "app"), is_good, _REVOCABLE, changes=True),
    "token at /revoke, by a client": Place(
        _form("/revoke", "token", "web"),
        is_good,
        {"refresh token": "its own", "superseded refresh token": "it ends its family"},
        changes=True,
    ),
    "token at /revoke, by a service": Place(
        _form("/revoke", "token", "svc"), is_good, {"service's API key": "its own"}, changes=True
    ),
    "token at /register/confirm": Place(
        _json("/register/confirm", "token", password=OTHER_PASSWORD), is_good, {"link that registers": "unused"}
    ),
    "token at /me/email/confirm": Place(
        _own_json("/me/email/confirm", "token", "irma"), is_good, {"link that verifies an address": "irma's own"}
    ),
    "id at GET /api-keys": Place(_key_id("GET"), is_good, {"API key's id": "alice's own"}),
    "id at DELETE /api-keys": Place(_key_id("DELETE"), is_good, {"API key's id": "alice's own"}),
    "code at /token": Place(redeemed, is_good, {"authorization code": "rp's own"}),
    "code_verifier at /token": Place(verified, is_good, {"PKCE verifier": "answers the challenge"}),
    "request at /authorize": Place(
        requested("request"), refused_not_by("invalid_request_object"), {"request object": "signed by its client"}
    ),
    "id_token_hint at /authorize": Place(
        requested("id_token_hint"), refused_not_by("invalid_request"), {"ID token of a relying party": "its own"}
    ),
    "id_token_hint at /connect/logout": Place(
        hinted,
        is_not_refused,
        {"ID token of a relying party": "ours", "ID token": "ours"},
    ),
    "csrf at /ui/logout": Place(signed_out_by, is_not_refused, {}),
    "cookie of a session": Place(session_cookie, is_answered, {"session's cookie": "it signs in"}),
    "flow at /ui/continue": Place(continued, is_answered, {"errand's handle": "of this browser"}),
    "cookie of a browser": Place(browser_cookie, is_answered, {"browser's cookie": "it began the errand"}),
    "bearer at POST /connect/register": Place(registering, is_good, {"initial access token": "an administrator's"}),
    "bearer at GET /connect/register": Place(managing("GET"), is_good, _MANAGES),
    "bearer at PUT /connect/register": Place(managing("PUT"), is_good, _MANAGES),
    "bearer at DELETE /connect/register": Place(managing("DELETE"), is_good, _MANAGES),
    "client_secret at /connect/register": Place(
        secret_sent_back, is_good, {"secret of a registered client": "it has not changed"}
    ),
    **{f"csrf at /ui/{page}": Place(csrf_of(page), is_form_of(page), {}) for page in (*SIGNED_IN, *PLAIN, *ERRANDS)},
    **{
        f"flow at /ui/{page}": Place(
            handle_at(page), lambda answer: answer.status_code < 400, {"errand's handle": "of this browser"}
        )
        for page in ERRANDS
    },
    "password at /ui/login": Place(field_of("login", "password", username="bob"), is_on, {"password": "it is bob's"}),
    "current_password at /ui/account/password": Place(
        field_of("account/password", "current_password", new_password=OTHER_PASSWORD),
        is_on,
        {"password": "their own"},
    ),
    "current_password at /ui/account/delete": Place(
        field_of("account/delete", "current_password", sure="yes"), is_good, {"password": "their own"}
    ),
    "token at /ui/register/confirm": Place(
        field_of("register/confirm", "token", password=OTHER_PASSWORD), is_on, {"link that registers": "unused"}
    ),
    "token at /ui/me/email/confirm": Place(
        field_of("me/email/confirm", "token"), is_on, {"link that verifies an address": "irma's own"}
    ),
    "token at /ui/reset": Place(
        field_of("reset", "token", new_password=OTHER_PASSWORD), is_on, {"link that resets a password": "unused"}
    ),
    "token at /password/reset": Place(
        _json("/password/reset", "token", new_password=OTHER_PASSWORD),
        is_good,
        {"link that resets a password": "unused"},
    ),
}
"""A new parameter or endpoint gets a row."""
