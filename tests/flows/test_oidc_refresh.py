"""What comes of a refresh tells the same as the first answer did (OpenID Connect Core §12)."""

from dataclasses import replace

import pytest

from authsvc.crypto import opaque
from authsvc.web.cookies import cookie_name
from tests.flows.asking import make_opaque
from tests.flows.relying_party import Browser, add_client
from tests.flows.test_oidc_claims import PAIRWISE, about, read
from tests.flows.world import World

WANTED = '{"userinfo":{"email":{"essential":true},"picture":null,"role":null},"id_token":{"phone_number":null}}'


@pytest.fixture
def browser(small_world: World) -> Browser:
    add_client(small_world)
    browser = Browser(small_world)
    browser.sign_in()
    return browser


@pytest.mark.parametrize("scope", ["openid", "openid offline_access", "openid es256:read"])
def test_userinfo_answers_as_before(browser: Browser, scope: str):
    world = browser.world
    make_opaque(world)
    tokens = browser.tokens(scope=scope, claims=WANTED)
    first = about(browser, tokens)
    assert first.keys() == {"sub", "email"}
    for _ in range(2):
        tokens = world.refresh(tokens["refresh_token"], "rp").json()
        assert about(browser, tokens) == first


def test_what_the_scopes_tell_is_not_told_twice_and_nothing_without_openid(browser: Browser):
    world = browser.world
    tokens = browser.tokens(scope="openid email es256:read", claims=WANTED)
    fresh = world.refresh(tokens["refresh_token"], "rp").json()
    assert read(fresh["access_token"])["userinfo_claims"] == ["picture"]
    narrow = world.refresh(fresh["refresh_token"], "rp", scope="es256:read").json()
    assert "userinfo_claims" not in read(narrow["access_token"])


@pytest.mark.parametrize("client", ["rp", "one"])
@pytest.mark.parametrize("scope", ["openid", "openid offline_access"])
def test_an_id_token_names_the_session_person_and_instant_that_the_first_did(browser: Browser, client: str, scope: str):
    world = browser.world
    add_client(world, "one", **PAIRWISE)
    tokens = browser.tokens(client, scope=scope)
    first = read(tokens["id_token"])
    world.clock.move(minutes=20)
    later = read(world.refresh(tokens["refresh_token"], client).json()["id_token"])
    kept = ("iss", "sub", "aud", "auth_time", "amr", "acr", "sid")
    assert {name: later[name] for name in kept} == {name: first[name] for name in kept}
    assert "nonce" not in later
    assert later["iat"] > first["iat"]


@pytest.mark.parametrize("scope", ["openid", "openid offline_access"])
def test_who_signs_in_again_makes_no_earlier_sign_in_younger(browser: Browser, scope: str):
    world = browser.world
    tokens = browser.tokens(scope=scope)
    world.clock.move(minutes=20)
    sign_in_again(browser, ("pwd", "otp"))
    fresh = world.refresh(tokens["refresh_token"], "rp").json()
    for kind in ("id_token", "access_token"):
        first, later = read(tokens[kind]), read(fresh[kind])
        assert (later["auth_time"], later["amr"]) == (first["auth_time"], ["pwd"]), kind
    assert read(browser.tokens()["id_token"])["amr"] == ["pwd", "otp"]


def sign_in_again(browser: Browser, amr: tuple[str, ...]) -> None:
    """As the page does: the session goes on, with a new instant and new means."""
    world, name = browser.world, cookie_name(browser.world.tenant, opaque.SESSION)
    with world.change() as uow:
        visitor = uow.browser_sessions.find(opaque.hash_secret(browser.cookies[name]))
        assert visitor is not None
        old, secret = visitor.browser, opaque.new_secret(opaque.SESSION)
        session = replace(old.session, authenticated_at=world.clock(), amr=amr)
        renewed = replace(old, session=session, secret_hash=opaque.hash_secret(secret))
        assert uow.browser_sessions.renew(renewed, instead_of=old.secret_hash)
    browser.cookies[name] = secret
