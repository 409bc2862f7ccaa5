"""A consent that is withdrawn on the account page: nothing that the client was given is good any more."""

from dataclasses import replace
from typing import Any

import pytest

from authsvc.domain.sign_in.consents import Consent
from authsvc.protocol.subject_token import ID_TOKEN
from tests.flows.asking import add_server, change_resource, introspect, make_opaque
from tests.flows.browser import Browser as Pages
from tests.flows.exchanges import TO_BILLING, open_shop, refused
from tests.flows.relying_party import Browser, add_client
from tests.flows.world import World

CODE_ALONE = frozenset({"authorization_code"})
SCOPES = frozenset({"openid", "es256:read"})


def _given(world: World, **changed: Any) -> str:
    """The access token of a client without refresh tokens, on the consent of alice."""
    tokens = _tokens(world, **changed)
    assert "refresh_token" not in tokens
    return str(tokens["access_token"])


def _tokens(world: World, **changed: Any) -> dict[str, Any]:
    """What a client gets on the consent of alice."""
    now = world.clock()
    add_client(world, **{"grant_types": CODE_ALONE, "first_party": False, **changed})
    add_server(world)
    with world.change() as uow:
        user = uow.users.find_by_login("alice")
        assert user is not None
        uow.consents.give(Consent(user.id, "rp", SCOPES, frozenset({"https://es256.example"}), frozenset(), now, now))
    browser = Browser(world)
    browser.sign_in()
    return dict(browser.tokens(scope="openid es256:read"))


def test_what_another_service_had_for_it_ends_with_the_consent(small_world: World):
    shop = open_shop(small_world)
    shop.policies(replace(TO_BILLING, clients=frozenset({"rp"})))
    exchanged = shop.exchange(_given(small_world)).json()["access_token"]
    assert introspect(small_world, exchanged, "billing").json()["active"]
    _withdraw(small_world)
    assert introspect(small_world, exchanged, "billing").json() == {"active": False}


@pytest.mark.parametrize("grants", [CODE_ALONE, CODE_ALONE | {"refresh_token"}], ids=["alone", "with refresh"])
def test_neither_an_id_token_nor_what_was_had_for_it_outlives_the_consent(small_world: World, grants: frozenset[str]):
    """The session does: it is the browser's."""
    shop = open_shop(small_world)
    given = (("*", frozenset({"eddsa:read"})),)
    shop.policies(replace(TO_BILLING, clients=frozenset({"rp"}), scopes=given, any_audience=True))
    id_token = _tokens(small_world, grant_types=grants)["id_token"]
    exchanged = shop.exchange(id_token, subject_token_type=ID_TOKEN).json()["access_token"]
    assert introspect(small_world, exchanged, "billing").json()["active"]
    _withdraw(small_world)
    assert introspect(small_world, exchanged, "billing").json() == {"active": False}
    refused(shop.exchange(id_token, subject_token_type=ID_TOKEN))


@pytest.mark.parametrize("ends", ["withdrawn", "goes on"])
def test_an_id_token_of_a_refresh_hangs_on_the_same(small_world: World, ends: str):
    shop = open_shop(small_world)
    shop.policies(
        replace(TO_BILLING, clients=frozenset({"rp"}), scopes=(("*", frozenset({"eddsa:read"})),), any_audience=True)
    )
    tokens = _tokens(small_world, grant_types=CODE_ALONE | {"refresh_token"})
    id_token = small_world.refresh(tokens["refresh_token"], "rp").json()["id_token"]
    if ends == "withdrawn":
        _withdraw(small_world)
    answer = shop.exchange(id_token, subject_token_type=ID_TOKEN)
    assert answer.status_code == (400 if ends == "withdrawn" else 200)


def _withdraw(world: World) -> None:
    pages = Pages(world)
    assert pages.sign_in(pages.begin()).status_code == 303
    assert pages.submit("/ui/account/apps", withdraw="rp").status_code == 303


@pytest.mark.parametrize("form", ["jwt", "opaque"])
def test_a_token_that_hangs_on_no_family_ends_with_the_consent(world: World, form: str):
    if form == "opaque":
        make_opaque(world)
    token = _given(world)
    assert introspect(world, token).json()["active"]
    assert world.get("/userinfo", token).status_code == 200
    _withdraw(world)
    assert introspect(world, token).json() == {"active": False}
    assert world.get("/userinfo", token).status_code == 401


def test_so_does_one_that_lives_for_a_day(small_world: World):
    change_resource(small_world, "ES256", access_token_seconds=86_400)
    token = _given(small_world)
    small_world.clock.move(hours=11)
    small_world.storage.purge(small_world.clock())
    assert introspect(small_world, token).json()["active"]
    _withdraw(small_world)
    assert introspect(small_world, token).json() == {"active": False}
