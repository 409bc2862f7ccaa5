"""Every way to a token, or to what a token opens, and how it is answered once something behind it is over.

A new grant, or a new kind of token, gets rows; a test says which are missing.
"""

from collections.abc import Callable, Mapping

import httpx

from authsvc.protocol.subject_token import ACCESS_TOKEN, API_KEY, ID_TOKEN, JWT, REFRESH_TOKEN
from tests.flows.asking import introspect
from tests.flows.assertions import CI_ISSUER
from tests.flows.doors import (
    LETTERS,
    Door,
    Visit,
    acting,
    an_api_key,
    as_actor,
    asked,
    at_exchange,
    bearing,
    by_code,
    by_exchange,
    by_partner,
    empty_handed,
    of_service,
    signed_in,
)
from tests.flows.exchanges import BILLING, ORDERS, PARTNER
from tests.flows.relying_party import redeem
from tests.flows.world import PASSWORD

_WRONG, _OVER, _CLIENT, _INACTIVE = (
    (400, "invalid_request"),
    (400, "invalid_grant"),
    (401, "invalid_client"),
    (200, "inactive"),
)
_NO_TOKEN = (401, "invalid_token")


def _by(outcome: tuple[int, str], *ends: str) -> Mapping[str, tuple[int, str]]:
    return dict.fromkeys(ends, outcome)


_REQUESTER = _by(_CLIENT, "requester disabled", "requester deleted")
_TARGET = _by((400, "invalid_target"), "target disabled", "target deleted")
_SCOPE = _by((400, "invalid_scope"), "target disabled", "target deleted")
_USER = ("user disabled", "user deleted")
_ITS_CLIENT = ("its client disabled", "its client deleted")
_SESSION = ("session ended",)
_FAMILY = ("family ended",)
_AUDIENCE = ("audience disabled", "audience deleted")
_ISSUER = ("issuer disabled", "issuer deleted")
_REVOKED = ("token revoked",)
_KEY = ("signing key revoked",)
_PERSONS = (*_USER, *_ITS_CLIENT, *_SESSION, *_FAMILY, *_REVOKED, *_KEY)
_EXCHANGE = {**_REQUESTER, **_TARGET}


def _login(visit: Visit) -> httpx.Response:
    return visit.shop.world.login("web", visit.person.username, scope="es256:read")


def _password(visit: Visit) -> httpx.Response:
    fields = {"username": visit.person.username, "password": PASSWORD, "scope": "es256:read"}
    return visit.shop.world.token("legacy", "password", **fields)


def _client(client: str) -> Callable[[Visit], httpx.Response]:
    return lambda visit: visit.shop.world.token(client, scope="es256:read")


def _services_keys(visit: Visit) -> httpx.Response:
    world = visit.shop.world
    return world.http.get("/api-keys", auth=("svc", world.secrets["svc"]))


DOORS: Mapping[str, Door] = {
    "client_credentials": Door(
        empty_handed, _client("svc2"), {**_REQUESTER, **_SCOPE}, requester="svc2", target=ORDERS, has_person=False
    ),
    "client_credentials by private_key_jwt": Door(
        empty_handed, _client("signer"), {**_REQUESTER, **_SCOPE}, requester="signer", target=ORDERS, has_person=False
    ),
    "client_credentials by client_secret_jwt": Door(
        empty_handed, _client("sharer"), {**_REQUESTER, **_SCOPE}, requester="sharer", target=ORDERS, has_person=False
    ),
    "client_credentials by federated_assertion": Door(
        empty_handed,
        _client("workload"),
        {**_REQUESTER, **_SCOPE, **_by(_CLIENT, *_ISSUER)},
        requester="workload",
        target=ORDERS,
        issuer=CI_ISSUER,
        has_person=False,
    ),
    "login": Door(
        empty_handed,
        _login,
        {
            **_REQUESTER,
            **_SCOPE,
            "user disabled": (403, "account_disabled"),
            "user deleted": (401, "invalid_credentials"),
        },
        requester="web",
        target=ORDERS,
    ),
    "password": Door(
        empty_handed, _password, {**_REQUESTER, **_SCOPE, **_by(_OVER, *_USER)}, requester="legacy", target=ORDERS
    ),
    "refresh_token": Door(
        signed_in("refresh_token", "web"),
        lambda visit: visit.shop.world.refresh(visit.held, "web"),
        {**_REQUESTER, **_TARGET, **_by(_OVER, *_USER, *_SESSION, *_FAMILY, "refresh key revoked")},
        requester="web",
        target=ORDERS,
        has_session=True,
        refreshes=True,
    ),
    "authorization_code": Door(
        by_code,
        lambda visit: redeem(visit.shop.world, visit.held, "rp", scope="es256:read"),
        {**_REQUESTER, **_SCOPE, **_by(_OVER, *_USER, *_SESSION)},
        requester="rp",
        target=ORDERS,
        has_session=True,
        lives={"family ended": "there is none before the code is redeemed"},
    ),
    "jwt-bearer": Door(
        by_partner,
        lambda visit: visit.shop.bear(visit.held, scope="es256:read"),
        {**_REQUESTER, **_SCOPE, **_by(_OVER, *_USER, *_ISSUER)},
        requester="app",
        target=ORDERS,
        issuer=PARTNER,
    ),
    "token-exchange: access_token": Door(
        signed_in("access_token"),
        at_exchange(ACCESS_TOKEN),
        {**_EXCHANGE, **_by(_WRONG, *_PERSONS, *_AUDIENCE)},
        requester="orders",
        of_client="app",
        target=BILLING,
        audience=ORDERS,
        has_session=True,
        can_be_revoked=True,
        signed=True,
    ),
    "token-exchange: jwt": Door(
        signed_in("access_token"),
        at_exchange(JWT),
        {**_EXCHANGE, **_by(_WRONG, *_PERSONS, *_AUDIENCE)},
        requester="orders",
        of_client="app",
        target=BILLING,
        audience=ORDERS,
        has_session=True,
        can_be_revoked=True,
        signed=True,
    ),
    "token-exchange: access_token of a service": Door(
        of_service,
        at_exchange(ACCESS_TOKEN),
        {**_EXCHANGE, **_by(_WRONG, *_ITS_CLIENT, *_AUDIENCE, *_REVOKED, *_KEY)},
        requester="orders",
        of_client="svc2",
        target=BILLING,
        audience=ORDERS,
        has_person=False,
        can_be_revoked=True,
        signed=True,
    ),
    "token-exchange: opaque access_token": Door(
        signed_in("access_token", "mail", "ps256:read"),
        at_exchange(ACCESS_TOKEN),
        {**_EXCHANGE, **_by(_WRONG, *_USER, *_ITS_CLIENT, *_SESSION, *_FAMILY, *_REVOKED, *_AUDIENCE)},
        requester="orders",
        of_client="mail",
        target=BILLING,
        audience=LETTERS,
        has_session=True,
        can_be_revoked=True,
    ),
    "token-exchange: id_token": Door(
        signed_in("id_token", scope="openid"),
        at_exchange(ID_TOKEN),
        {**_EXCHANGE, **_by(_WRONG, *_USER, *_ITS_CLIENT, *_SESSION, *_FAMILY, *_KEY)},
        requester="orders",
        of_client="app",
        target=BILLING,
        has_session=True,
        signed=True,
    ),
    "token-exchange: refresh_token": Door(
        signed_in("refresh_token", "web"),
        at_exchange(REFRESH_TOKEN, "web"),
        {**_EXCHANGE, **_by(_WRONG, *_USER, *_SESSION, *_FAMILY, "refresh key revoked")},
        requester="web",
        target=BILLING,
        has_session=True,
        refreshes=True,
    ),
    "token-exchange: jwt of a trusted issuer": Door(
        by_partner,
        at_exchange(JWT),
        {**_EXCHANGE, **_by(_WRONG, *_USER, *_ISSUER)},
        requester="orders",
        target=BILLING,
        issuer=PARTNER,
    ),
    "token-exchange: api_key": Door(
        an_api_key(),
        at_exchange(API_KEY),
        {**_EXCHANGE, **_by(_WRONG, *_USER, *_REVOKED)},
        requester="orders",
        target=BILLING,
        can_be_revoked=True,
    ),
    "token-exchange: api_key of a service": Door(
        an_api_key(service=True),
        at_exchange(API_KEY),
        {**_EXCHANGE, **_by(_WRONG, *_ITS_CLIENT, *_REVOKED)},
        requester="orders",
        of_client="svc",
        target=BILLING,
        has_person=False,
        can_be_revoked=True,
    ),
    "token-exchange: exchanged again": Door(
        by_exchange,
        at_exchange(ACCESS_TOKEN, "web"),
        {**_REQUESTER, **_by(_WRONG, *_PERSONS, *_AUDIENCE)},
        requester="web",
        of_client="orders",
        audience=BILLING,
        has_session=True,
        can_be_revoked=True,
        signed=True,
    ),
    "token-exchange: actor": Door(
        acting,
        as_actor,
        {**_EXCHANGE, **_by(_WRONG, *_PERSONS)},
        requester="closed",
        of_client="app",
        target=BILLING,
        has_session=True,
        can_be_revoked=True,
        signed=True,
    ),
    "introspection: access token": Door(
        signed_in("access_token"),
        asked,
        {**_REQUESTER, **_by(_INACTIVE, *_PERSONS, *_AUDIENCE)},
        requester="api",
        of_client="app",
        audience=ORDERS,
        has_session=True,
        can_be_revoked=True,
        signed=True,
    ),
    "introspection: opaque access token": Door(
        signed_in("access_token", "mail", "ps256:read"),
        asked,
        {**_REQUESTER, **_by(_INACTIVE, *_USER, *_ITS_CLIENT, *_SESSION, *_FAMILY, *_REVOKED, *_AUDIENCE)},
        requester="api",
        of_client="mail",
        audience=LETTERS,
        has_session=True,
        can_be_revoked=True,
    ),
    "introspection: API key": Door(
        an_api_key(),
        asked,
        {**_REQUESTER, **_by(_INACTIVE, *_USER, *_REVOKED, *_AUDIENCE)},
        requester="api",
        audience=ORDERS,
        can_be_revoked=True,
    ),
    "introspection: refresh token": Door(
        signed_in("refresh_token", "web"),
        lambda visit: introspect(visit.shop.world, visit.held, "web"),
        {**_REQUESTER, **_by(_INACTIVE, *_USER, *_SESSION, *_FAMILY, "refresh key revoked")},
        requester="web",
        has_session=True,
        refreshes=True,
    ),
    "userinfo": Door(
        signed_in("access_token", scope="openid"),
        bearing("GET", "/userinfo"),
        _by(_NO_TOKEN, *_PERSONS),
        of_client="app",
        has_session=True,
        can_be_revoked=True,
        signed=True,
    ),
    "me": Door(
        signed_in("access_token", scope="account"),
        bearing("GET", "/me"),
        _by(_NO_TOKEN, *_PERSONS),
        of_client="app",
        has_session=True,
        can_be_revoked=True,
        signed=True,
    ),
    "api-keys": Door(
        signed_in("access_token", scope="account"),
        bearing("GET", "/api-keys"),
        _by(_NO_TOKEN, *_PERSONS),
        of_client="app",
        has_session=True,
        can_be_revoked=True,
        signed=True,
    ),
    "logout": Door(
        signed_in("access_token", scope="account"),
        bearing("POST", "/logout"),
        _by(_NO_TOKEN, *_PERSONS),
        of_client="app",
        has_session=True,
        can_be_revoked=True,
        signed=True,
    ),
    "api-keys of a service": Door(empty_handed, _services_keys, _REQUESTER, requester="svc", has_person=False),
}
