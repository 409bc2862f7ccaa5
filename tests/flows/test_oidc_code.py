"""The authorization code flow (OpenID Connect Core §3.1), with a person who is signed in already."""

import hashlib
from base64 import urlsafe_b64encode

import pytest
from jose import jwt

from tests.flows.relying_party import Browser, add_client, answered, redeem
from tests.flows.world import ISSUER, World


def _claims(token: str) -> dict[str, object]:
    return dict(jwt.get_unverified_claims(token))


def test_a_person_who_is_here_gives_a_first_party_client_a_code_and_it_gets_tokens(world: World):
    add_client(world)
    browser = Browser(world)
    session = browser.sign_in(ago_seconds=120)
    said = answered(browser.authorize(scope="openid profile es256:read"))
    assert said == {"code": said["code"], "state": "st-1", "iss": ISSUER}
    answer = redeem(world, said["code"])
    assert answer.status_code == 200, answer.text
    tokens = answer.json()
    about = _claims(tokens["id_token"])
    user = world.user()
    digest = hashlib.sha256(tokens["access_token"].encode()).digest()[:16]
    assert about == about | {
        "iss": ISSUER, "sub": str(user.id), "aud": "rp", "nonce": "n-1", "acr": "urn:authsvc:acr:1fa", "amr": ["pwd"],
        "auth_time": int(session.authenticated_at.timestamp()), "sid": str(session.id), "name": "Alice",
        "at_hash": urlsafe_b64encode(digest).rstrip(b"=").decode(), "preferred_username": "alice",
    }  # fmt: skip
    assert tokens["scope"] == "es256:read openid profile"
    access = _claims(tokens["access_token"])
    assert (access["sub"], access["acr"], access["aud"]) == (str(user.id), about["acr"], "https://es256.example")
    assert world.refresh(tokens["refresh_token"], "rp").status_code == 200
    assert world.get("/userinfo", tokens["access_token"]).json()["sub"] == str(user.id)


@pytest.mark.parametrize("profile", ["oauth2.1", "oidc"])
def test_a_code_is_good_once_and_a_second_use_ends_what_the_first_gave(world: World, profile: str):
    add_client(world, profile=profile)
    browser = Browser(world)
    browser.sign_in()
    code = browser.code(scope="openid")
    tokens = redeem(world, code).json()
    assert world.get("/userinfo", tokens["access_token"]).status_code == 200
    world.clock.move(seconds=30)
    again = redeem(world, code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert world.get("/userinfo", tokens["access_token"]).status_code == 401
    assert world.refresh(tokens["refresh_token"], "rp").json()["error"] == "invalid_grant"


@pytest.mark.parametrize("left_out", ["offline_access", "nonsense", "eddsa:write"])
def test_a_client_may_repeat_with_the_code_what_scopes_it_asked_for(small_world: World, left_out: str):
    """MSAL does so, and asks for offline_access every time."""
    add_client(small_world, grant_types=frozenset({"authorization_code"}))
    browser = Browser(small_world)
    browser.sign_in()
    asked = f"openid email {left_out}"
    tokens = redeem(small_world, browser.code(scope=asked), scope=asked)
    assert tokens.status_code == 200, tokens.text
    assert tokens.json()["scope"] == "email openid"
    fewer = redeem(small_world, browser.code(scope=asked), scope=f"openid {left_out}")
    assert fewer.json()["scope"] == "openid"


def test_what_a_code_does_not_give_is_not_given_with_it(small_world: World):
    add_client(small_world)
    browser = Browser(small_world)
    browser.sign_in()
    code = browser.code(scope="openid email")
    assert redeem(small_world, code, scope="openid es256:read").json()["scope"] == "openid"
    for scope, granted in (("es256:read", "openid email"), ("es256:write es256:read", "es256:read")):
        refused = redeem(small_world, browser.code(scope=granted), scope=scope)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")
