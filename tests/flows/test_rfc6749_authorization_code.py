"""Codes: once, for whom they were given to, within a minute (RFC 6749 §4.1, RFC 7636, RFC 9700 §2.1, §4.5, §4.8)."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx
import pytest

from authsvc.domain.parties.clients import Client
from tests.flows.relying_party import (
    CHALLENGE,
    REDIRECT_URI,
    VERIFIER,
    Browser,
    add_client,
    answered,
    page_of,
    redeem,
)
from tests.flows.world import World

OTHER_VERIFIER = VERIFIER[::-1]


@pytest.fixture
def browser(small_world: World) -> Browser:
    """Signed in, and known to a confidential client of each profile and a public one."""
    add_client(small_world)
    add_client(small_world, "rp-oidc", profile="oidc")
    add_client(small_world, "spa", auth_method="none")
    browser = Browser(small_world)
    browser.sign_in()
    return browser


def error_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("error", "")


REFUSED = (400, "invalid_grant")
MENDABLE = [
    pytest.param("rp", {"code_verifier": OTHER_VERIFIER}, id="wrong verifier"),
    pytest.param("rp", {"code_verifier": None}, id="no verifier"),
    pytest.param("rp", {"code_verifier": CHALLENGE}, id="the challenge for a verifier"),
    pytest.param("rp", {"code_verifier": VERIFIER[:-1]}, id="part of the verifier"),
    pytest.param("spa", {"code_verifier": None}, id="no verifier, public client"),
    pytest.param("rp-oidc", {"code_verifier": OTHER_VERIFIER}, id="wrong verifier, oidc"),
    pytest.param("rp", {"redirect_uri": f"{REDIRECT_URI}/"}, id="another redirect URI"),
    pytest.param("rp", {"redirect_uri": "https://RP.example/cb"}, id="the redirect URI in other letters"),
    pytest.param("rp-oidc", {"redirect_uri": None}, id="oidc without the redirect URI"),
]


@pytest.mark.parametrize(("client", "changed"), MENDABLE)
def test_what_the_client_can_mend_leaves_the_code_unused(browser: Browser, client: str, changed: dict[str, Any]):
    code = browser.code(client)
    assert error_of(redeem(browser.world, code, client, **changed)) == REFUSED
    assert redeem(browser.world, code, client).status_code == 200


def test_a_code_is_for_the_client_that_it_was_given_to(browser: Browser):
    world = browser.world
    for owner, thief in (("rp", "spa"), ("spa", "rp"), ("rp", "rp-oidc"), ("rp-oidc", "spa")):
        code = browser.code(owner)
        assert error_of(redeem(world, code, thief)) == REFUSED
        tokens = redeem(world, code, owner).json()
        # Nor does another client's use of a used one end anything.
        assert error_of(redeem(world, code, thief)) == REFUSED
        assert world.get("/userinfo", tokens["access_token"]).status_code == 200


def test_oauth_leaves_the_redirect_uri_to_the_verifier(browser: Browser):
    assert redeem(browser.world, browser.code(), redirect_uri=None).status_code == 200
    code = answered(browser.authorize(redirect_uri=None, scope="es256:read"))["code"]
    assert error_of(redeem(browser.world, code, redirect_uri=f"{REDIRECT_URI}2")) == REFUSED
    assert redeem(browser.world, code, redirect_uri=None).status_code == 200


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param({"code_challenge": None, "code_challenge_method": None}, id="left out"),
        pytest.param({"code_challenge": "", "code_challenge_method": ""}, id="empty"),
    ],
)
def test_a_verifier_without_a_challenge_is_a_downgrade(browser: Browser, asked: dict[str, Any]):
    """Somebody took the challenge out of the request on its way (RFC 9700 §4.8.2)."""
    code = browser.code("rp-oidc", **asked)
    assert error_of(redeem(browser.world, code, "rp-oidc")) == REFUSED
    assert redeem(browser.world, code, "rp-oidc", code_verifier=None).status_code == 200


PLAIN = {"code_challenge": CHALLENGE, "code_challenge_method": "plain"}
NO_PKCE = [
    pytest.param({"code_challenge": None, "code_challenge_method": None}, ("rp", "spa"), id="left out"),
    pytest.param({"code_challenge": ""}, ("rp", "spa", "rp-oidc"), id="empty, with its method"),
    pytest.param({"code_challenge_method": None}, ("rp", "spa", "rp-oidc"), id="without a method: plain"),
    pytest.param(PLAIN, ("rp", "spa", "rp-oidc"), id="plain"),
    pytest.param({"code_challenge_method": "s256"}, ("rp", "spa", "rp-oidc"), id="another spelling"),
    pytest.param({"code_challenge": CHALLENGE[:-1]}, ("rp", "spa", "rp-oidc"), id="too short"),
    pytest.param({"code_challenge": CHALLENGE + "="}, ("rp", "spa", "rp-oidc"), id="padded"),
    pytest.param({"code_challenge": [CHALLENGE, CHALLENGE]}, ("rp", "spa", "rp-oidc"), id="twice"),
]


@pytest.mark.parametrize(("changed", "clients"), NO_PKCE)
def test_a_challenge_that_protects_nothing_is_refused(
    browser: Browser, changed: dict[str, Any], clients: tuple[str, ...]
):
    for client in clients:
        said = answered(browser.authorize(client, **changed))
        assert said["error"] == "invalid_request", client
        assert "code" not in said


def test_a_public_client_of_openid_connect_needs_a_challenge_too(browser: Browser):
    add_client(browser.world, "spa-oidc", auth_method="none", profile="oidc")
    said = answered(browser.authorize("spa-oidc", code_challenge=None, code_challenge_method=None))
    assert said["error"] == "invalid_request"


def test_a_code_lasts_sixty_seconds(browser: Browser):
    codes = [browser.code() for _ in range(2)]
    browser.world.clock.move(seconds=59)
    assert redeem(browser.world, codes[0]).status_code == 200
    browser.world.clock.move(seconds=1)
    assert error_of(redeem(browser.world, codes[1])) == REFUSED


def test_a_code_lasts_no_longer_where_the_clock_is_behind_or_was_set_back(browser: Browser):
    first, second = browser.code(), browser.code()
    browser.world.clock.move(seconds=-59)
    assert redeem(browser.world, first).status_code == 200
    browser.world.clock.move(seconds=-2)
    assert error_of(redeem(browser.world, second)) == REFUSED


@pytest.mark.parametrize("end", ["session", "user"])
def test_a_code_is_worth_nothing_once_its_session_or_person_is_out(browser: Browser, end: str):
    world, session = browser.world, browser.sign_in()
    code = browser.code()
    with world.change() as uow:
        if end == "session":
            uow.sessions.end(session.id, world.clock())
        else:
            uow.users.disable(session.user_id, world.clock())
    assert error_of(redeem(world, code)) == REFUSED


def test_a_client_that_takes_the_id_of_a_deleted_one_cannot_redeem_its_codes(browser: Browser):
    world, code = browser.world, browser.code("spa")
    with world.change() as uow:
        client = uow.clients.get("spa")
        assert client is not None
        uow.clients.delete("spa")
    world.clock.move(seconds=1)
    with world.change() as uow:
        uow.clients.add(replace(client, created_at=world.clock()))
    assert error_of(redeem(world, code, "spa")) == REFUSED


def test_a_client_without_the_grant_gets_no_code(browser: Browser):
    _change(browser.world, "rp", grant_types=frozenset({"refresh_token"}))
    assert answered(browser.authorize())["error"] == "unauthorized_client"


def test_a_client_that_may_not_refresh_gets_nothing_to_refresh_with(browser: Browser):
    _change(browser.world, "rp", grant_types=frozenset({"authorization_code"}))
    tokens = browser.tokens(scope="openid offline_access")
    assert "refresh_token" not in tokens
    assert tokens["scope"] == "openid"


def test_of_64_parallel_redemptions_one_gets_tokens_and_the_others_end_them(world: World):
    add_client(world)
    browser = Browser(world)
    browser.sign_in()
    code = browser.code(scope="openid")
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda _: redeem(world, code), range(64)))
    good = [answer.json() for answer in answers if answer.status_code == 200]
    assert {error_of(answer) for answer in answers if answer.status_code != 200} <= {REFUSED}
    assert len(good) == 1
    assert world.get("/userinfo", good[0]["access_token"]).status_code == 401
    assert error_of(world.refresh(good[0]["refresh_token"], "rp")) == REFUSED


def test_a_replay_ends_opaque_tokens_and_offline_ones_as_well(browser: Browser):
    world = browser.world
    with world.change() as uow:
        resource = next(each for each in uow.resources.list() if each.audience == "https://ps256.example")
        uow.resources.save(replace(resource, token_format="opaque"))
    code = browser.code(scope="openid offline_access ps256:read")
    tokens = redeem(world, code).json()
    assert tokens["access_token"].startswith("as_at_")
    assert world.get("/userinfo", tokens["access_token"]).status_code == 200
    world.clock.move(seconds=600)
    assert error_of(redeem(world, code)) == REFUSED
    assert world.get("/userinfo", tokens["access_token"]).status_code == 401
    assert error_of(world.refresh(tokens["refresh_token"], "rp")) == REFUSED


def test_a_replay_ends_a_token_that_no_refresh_token_stands_beside(browser: Browser):
    _change(browser.world, "rp", grant_types=frozenset({"authorization_code"}))
    code = browser.code()
    token = redeem(browser.world, code).json()["access_token"]
    assert browser.world.get("/userinfo", token).status_code == 200
    assert error_of(redeem(browser.world, code)) == REFUSED
    assert browser.world.get("/userinfo", token).status_code == 401


def test_what_is_granted_offline_outlives_the_browsers_session_and_nothing_else(browser: Browser):
    world = browser.world
    session = browser.sign_in()
    bound, free = browser.tokens(scope="openid"), browser.tokens(scope="openid offline_access")
    with world.change() as uow:
        assert uow.sessions.end(session.id, world.clock())
    assert error_of(world.refresh(bound["refresh_token"], "rp")) == REFUSED
    assert world.get("/userinfo", bound["access_token"]).status_code == 401
    fresh = world.refresh(free["refresh_token"], "rp")
    assert fresh.status_code == 200
    assert world.get("/userinfo", fresh.json()["access_token"]).status_code == 200


def test_offline_access_that_was_not_asked_for_is_not_given(browser: Browser):
    _change(browser.world, "rp", scopes=frozenset({"openid", "es256:read", "offline_access"}))
    assert browser.tokens(scope=None)["scope"] == "es256:read openid"
    assert browser.tokens(scope="openid offline_access")["scope"] == "offline_access openid"


def test_a_stranger_gets_offline_access_only_where_the_person_agrees(browser: Browser):
    add_client(browser.world, "third", first_party=False)
    assert page_of(browser.authorize("third", scope="openid offline_access"))[0] == "consent"
    assert answered(browser.authorize("third", scope="openid offline_access", prompt="none"))["error"] == (
        "consent_required"
    )


def _change(world: World, client_id: str, **changed: Any) -> Client:
    with world.change() as uow:
        client = uow.clients.get(client_id)
        assert client is not None
        return uow.clients.save(replace(client, **changed))
