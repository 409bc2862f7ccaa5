"""Step-up (RFC 9470): an API that finds a sign-in too old is obeyed by a new one, and its token says so."""

from typing import Any

import jwt
import pytest

from tests.flows.relying_party import Browser, add_client, answered, page_of
from tests.flows.world import World


def _claims(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, options={"verify_signature": False}))


@pytest.mark.parametrize("which", ["access_token", "id_token"])
def test_tokens_say_when_and_how_the_person_signed_in_also_when_refreshed(small_world: World, which: str):
    add_client(small_world)
    browser = Browser(small_world)
    session = browser.sign_in(ago_seconds=500)
    tokens = browser.tokens(scope="openid es256:read")
    small_world.clock.move(seconds=200)
    fresh = small_world.refresh(tokens["refresh_token"], "rp").json()
    for token in (tokens[which], fresh[which]):
        said = _claims(token)
        assert (said["auth_time"], said["acr"]) == (
            int(session.authenticated_at.timestamp()), "urn:authsvc:acr:1fa",
        )  # fmt: skip


def test_an_app_that_must_step_up_gets_a_newer_sign_in(small_world: World):
    add_client(small_world)
    browser = Browser(small_world)
    browser.sign_in(ago_seconds=500)
    page, handle = page_of(browser.authorize(max_age="300", scope="openid es256:read"))
    assert page == "login"
    browser.sign_in()
    assert answered(browser.get(f"/ui/continue?flow={handle}"))["code"]
    assert answered(browser.authorize(max_age="300", prompt="none"))["code"]
