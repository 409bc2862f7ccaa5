"""Whatever ends, ends its exchanges: no token is had for what is over (CVE-2026-93999, CVE-2026-9097)."""

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest

from authsvc.domain.tokens.exchange import ExchangePolicy
from authsvc.protocol.grants.token_exchange import GRANT_TYPE
from authsvc.protocol.subject_token import ACCESS_TOKEN, API_KEY, ID_TOKEN, JWT, REFRESH_TOKEN
from tests.flows.administrators import Admins
from tests.flows.asking import introspect
from tests.flows.exchanges import (
    BILLING,
    ORDERS,
    PARTNER,
    PARTNERS,
    STOCK,
    TO_BILLING,
    TO_STOCK,
    Shop,
    claims_of,
    open_shop,
    refused,
)
from tests.flows.test_rfc8693_exchange import an_api_key, subject_of
from tests.flows.world import World, a_client, audience


@pytest.fixture
def shop(small_world: World) -> Shop:
    """Web may exchange every kind of token: its own people's and services', the partner's, API keys."""
    shop = open_shop(small_world)
    anything = (("*", frozenset({"eddsa:read"})),)
    shop.change_client(
        "web", serves=frozenset({ORDERS}), grant_types=frozenset({GRANT_TYPE, "refresh_token"}),
        exchanges=(
            ExchangePolicy(BILLING, frozenset({"web", "svc2", "orders"}), frozenset({PARTNER}), api_keys=True,
                           scopes=anything, any_audience=True),
        ),
    )  # fmt: skip
    return shop


Presented = Callable[[Shop], tuple[str, str]]
KINDS: dict[str, Presented] = {
    "access token": lambda shop: (shop.world.tokens("web", scope="es256:read")["access_token"], ACCESS_TOKEN),
    "access token as JWT": lambda shop: (shop.world.tokens("web", scope="es256:read")["access_token"], JWT),
    "id token": lambda shop: (shop.world.tokens("web", scope="openid")["id_token"], ID_TOKEN),
    "refresh token": lambda shop: (shop.world.tokens("web", scope="es256:read")["refresh_token"], REFRESH_TOKEN),
    "partner": lambda shop: (shop.partner(), JWT),
    "api key": lambda shop: (an_api_key(shop, "user", BILLING)[1], API_KEY),
    "service": lambda shop: (shop.own("svc2"), ACCESS_TOKEN),
    "service api key": lambda shop: (an_api_key(shop, "client", BILLING)[1], API_KEY),
}
OF_A_SESSION = ("access token", "access token as JWT", "id token", "refresh token")
OF_ALICE = (*OF_A_SESSION, "partner", "api key")


def disable_user(shop: Shop) -> None:
    with shop.world.change() as uow:
        assert uow.users.disable(shop.world.user().id, shop.world.clock())


def delete_user(shop: Shop) -> None:
    alice = shop.world.user().id
    with shop.world.change() as uow:
        assert uow.users.delete(alice)


def end_sessions(shop: Shop) -> None:
    with shop.world.change() as uow:
        assert uow.sessions.end_all(shop.world.user().id, shop.world.clock()) == 1


def disable_client(client_id: str) -> Callable[[Shop], None]:
    def disable(shop: Shop) -> None:
        with shop.world.change() as uow:
            assert uow.clients.disable(client_id, shop.world.clock())

    return disable


def disable_tenant(shop: Shop) -> None:
    with shop.world.change() as uow:
        assert uow.tenants.disable(shop.world.tenant.id, shop.world.clock())


def disable_target(shop: Shop) -> None:
    with shop.world.change() as uow:
        assert uow.resources.disable(BILLING, shop.world.clock())


def disable_partner(shop: Shop) -> None:
    with shop.world.change() as uow:
        assert uow.issuers.disable(PARTNER, shop.world.clock())


def revoke_keys(shop: Shop) -> None:
    keyring = shop.keyring()
    with shop.world.change() as uow:
        for record in uow.keys.list():
            if record.algorithm != "opaque":
                assert keyring.revoke(record.kid, uow, shop.world.clock())


def revoke_api_keys(shop: Shop) -> None:
    with shop.world.change() as uow:
        for key in (*uow.api_keys.list(user_id=shop.world.user().id), *uow.api_keys.list(client_id="svc")):
            assert uow.api_keys.revoke(key.id, shop.world.clock())


def cases():
    everything = tuple(KINDS)
    table = [
        ("disabled user", disable_user, OF_ALICE, 400),
        ("deleted user", delete_user, OF_ALICE, 400),
        ("ended session", end_sessions, OF_A_SESSION, 400),
        ("disabled service", disable_client("svc2"), ("service",), 400),
        ("disabled owner of the key", disable_client("svc"), ("service api key",), 400),
        ("disabled requester", disable_client("web"), everything, 401),
        ("disabled target", disable_target, everything, 400),
        ("disabled tenant", disable_tenant, everything, 404),
        ("disabled issuer", disable_partner, ("partner",), 400),
        ("revoked keys", revoke_keys, ("access token", "access token as JWT", "id token", "service"), 400),
        ("revoked API keys", revoke_api_keys, ("api key", "service api key"), 400),
    ]
    for name, end, kinds, status in table:
        for kind in kinds:
            yield pytest.param(end, kind, status, id=f"{name}, {kind}")


@pytest.mark.parametrize(("end", "kind", "status"), list(cases()))
def test_what_is_over_gives_no_token(shop, end, kind, status):
    token, token_type = KINDS[kind](shop)
    assert claims_of(shop.exchange(token, "web", subject_token_type=token_type))["aud"] == BILLING
    end(shop)
    answer = shop.exchange(token, "web", subject_token_type=token_type)
    assert answer.status_code == status, answer.text
    assert "access_token" not in answer.json()


@pytest.mark.parametrize("end", [disable_user, end_sessions, disable_client("web"), revoke_keys])
def test_what_is_over_gives_no_token_as_an_actor_either(shop, end):
    actor = KINDS["access token"](shop)[0]
    shop.change_client("orders", exchanges=(replace(TO_BILLING, clients=frozenset({"app2"})),))
    presented = shop.world.tokens("app2", username="irma", scope="es256:read")["access_token"]
    acting = {"actor_token": actor, "actor_token_type": ACCESS_TOKEN}
    claims_of(shop.exchange(presented, **acting))
    end(shop)
    refused(shop.exchange(presented, **acting))


def test_a_disabled_audience_is_no_reason_to_exchange(shop):
    presented = shop.token()
    with shop.world.change() as uow:
        assert uow.resources.disable(ORDERS, shop.world.clock())
    refused(shop.exchange(presented))


def test_a_revoked_access_token_gives_no_other(shop):
    presented = shop.token()
    with shop.world.change() as uow:
        uow.access_tokens.revoke(subject_of(presented)["jti"], shop.world.clock().replace(year=2100))
    refused(shop.exchange(presented))


def test_an_ended_family_ends_the_exchanges_of_its_tokens(shop):
    presented = shop.token()
    exchanged = shop.exchange(presented).json()["access_token"]
    claims_of(shop.exchange(exchanged, "billing"))
    with shop.world.change() as uow:
        assert uow.families.end(UUID(subject_of(presented)["grant_id"]), shop.world.clock())
    refused(shop.exchange(presented))
    refused(shop.exchange(exchanged, "billing"))


def test_the_end_of_a_session_reaches_what_was_exchanged_from_it(shop):
    exchanged = shop.exchange(shop.token()).json()["access_token"]
    end_sessions(shop)
    refused(shop.exchange(exchanged, "billing"))


def test_the_end_of_a_session_reaches_what_a_partners_word_gave(shop):
    shop.policies(replace(PARTNERS, any_audience=True))
    shop.change_client("billing", exchanges=(
        ExchangePolicy(audience("PS256"), frozenset({"orders"}), scopes=(("eddsa:read", frozenset({"ps256:read"})),)),
    ))  # fmt: skip
    exchanged = shop.exchange(shop.partner(), subject_token_type=JWT).json()["access_token"]
    claims_of(shop.exchange(exchanged, "billing"))
    end_sessions(shop)
    refused(shop.exchange(exchanged, "billing"))


def test_a_disabled_service_is_no_subject_of_a_chain(shop):
    shop.policies(ExchangePolicy(BILLING, frozenset({"svc2"}), scopes=(("es256:read", frozenset({"eddsa:read"})),)))
    exchanged = shop.exchange(shop.own("svc2")).json()["access_token"]
    claims_of(shop.exchange(exchanged, "billing"))
    disable_client("svc2")(shop)
    refused(shop.exchange(exchanged, "billing"))


def is_known(shop: Shop, exchanged: str) -> bool:
    """Whether billing, whose the token is, is told that it is good; the next exchange must agree."""
    active = introspect(shop.world, exchanged, "billing").json()["active"]
    assert (shop.exchange(exchanged, "billing").status_code == 200) == active
    return bool(active)


def disable_app(shop: Shop) -> None:
    disable_client("app")(shop)


def delete_app(shop: Shop) -> None:
    with shop.world.change() as uow:
        assert uow.clients.delete("app")


@pytest.mark.parametrize("end", [disable_app, delete_app])
def test_what_was_had_for_a_clients_token_ends_with_the_client(shop, end):
    exchanged = shop.exchange(shop.token()).json()["access_token"]
    behind = shop.exchange(exchanged, "billing").json()["access_token"]
    shop.add_service(a_client("stock", shop.world.clock(), first_party=False, auth_method="client_secret_post"))
    shop.change_client("stock", serves=frozenset({STOCK}))
    assert subject_of(behind)["origin"]["clients"] == ["app", "orders"]
    assert is_known(shop, exchanged)
    assert introspect(shop.world, behind, "stock").json()["active"]
    end(shop)
    assert not is_known(shop, exchanged)
    assert not introspect(shop.world, behind, "stock").json()["active"]


def test_what_was_had_for_a_revoked_token_ends_with_it(shop):
    """Also when a consent is withdrawn on which the token alone hangs: that revokes it by its id."""
    presented = shop.token()
    exchanged = shop.exchange(presented).json()["access_token"]
    assert is_known(shop, exchanged)
    with shop.world.change() as uow:
        uow.access_tokens.revoke(subject_of(presented)["jti"], shop.world.clock().replace(year=2100))
    assert not is_known(shop, exchanged)


@pytest.mark.parametrize("owner", ["user", "client"])
def test_what_was_had_for_an_api_key_ends_with_the_key(shop, owner):
    key, secret = an_api_key(shop, owner, BILLING)
    exchanged = shop.exchange(secret, "web", subject_token_type=API_KEY).json()["access_token"]
    assert introspect(shop.world, exchanged, "billing").json()["active"]
    with shop.world.change() as uow:
        assert uow.api_keys.revoke(key.id, shop.world.clock())
    assert introspect(shop.world, exchanged, "billing").json() == {"active": False}


def test_no_more_than_ten_clients_stand_behind_a_token(shop):
    for step in range(12):
        shop.add_service(replace(a_client(f"s{step}", shop.world.clock(), first_party=False,
            auth_method="client_secret_post"), grant_types=frozenset({GRANT_TYPE}), serves=frozenset({BILLING}),
            exchanges=(ExchangePolicy(BILLING, frozenset({"orders", f"s{step - 1}"}),
                                      scopes=(("*", frozenset({"eddsa:read"})),)),)))  # fmt: skip
    token = shop.exchange(shop.token()).json()["access_token"]
    for step in range(9):
        token = shop.exchange(token, f"s{step}").json()["access_token"]
    assert len(subject_of(token)["origin"]["clients"]) == 10
    refused(shop.exchange(token, "s9"))


def test_who_is_registered_by_the_id_of_a_deleted_client_inherits_no_door(shop):
    shared = replace(TO_BILLING, clients=frozenset({"app", "web"}))
    shop.policies(TO_BILLING, shared)
    with shop.world.change() as uow:
        app = uow.clients.get("app")
    gone = Admins(shop.world).call("admin:clients:write", "DELETE", "/admin/clients/app")
    assert gone.status_code == 204, gone.text
    with shop.world.change() as uow:
        uow.clients.add(app)
        orders, billing = uow.clients.read("orders"), uow.clients.read("billing")
    assert orders.exchanges == (replace(shared, clients=frozenset({"web"})),)
    assert billing.exchanges == (TO_STOCK,)
    refused(shop.exchange(shop.token()))
