"""OpenID Connect Back-Channel Logout 1.0: each client of a session is told of its end, by a token made for it alone."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from jose import jwt

from authsvc.domain.sign_in.logout_deliveries import LogoutDelivery
from authsvc.domain.sign_in.session_ends import disable_user
from authsvc.settings import Outbound
from tests.flows.browser import SAME_ORIGIN, Page
from tests.flows.hasty_cache import hasty_cache
from tests.flows.receivers import Receiver, receiving
from tests.flows.relying_party import REDIRECT_URI, Browser, add_client, page_of
from tests.flows.world import ISSUER, PASSWORD, World, running_world
from tests.outbound.strangers import eventually

EVENT = "http://schemas.openid.net/event/backchannel-logout"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def told_world(unhurried: None, migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world whose server may speak to this machine."""
    monkeypatch.setattr("authsvc.app.Cache", hasty_cache)
    # A registration is judged by the operator's hosts, too: here it is written past that.
    monkeypatch.setattr("authsvc.domain.parties.relying_parties.check_way", lambda *_: None)
    with running_world(migrated_url, tmp_path, outbound=Outbound(allowed_hosts=("127.0.0.1",))) as running:
        yield running


def deliveries(world: World) -> tuple[LogoutDelivery, ...]:
    uow = world.storage.unit_of_work(world.tenant.id)
    try:
        return uow.logout_deliveries.list(None, 100)
    finally:
        uow.close()


def closed(world: World, count: int) -> tuple[LogoutDelivery, ...]:
    eventually(lambda: len([found for found in deliveries(world) if found.outcome]) == count)
    return deliveries(world)


def _has_failed(world: World, attempts: int, detail: str) -> bool:
    return [(found.attempts, found.detail) for found in deliveries(world)] == [(attempts, detail)]


def sign_out(browser: Browser) -> httpx.Response:
    (form,) = Page(browser.get("/ui/logout").text).forms
    return browser.send("POST", form.action, urlencode(form.fields), **SAME_ORIGIN)


def verified(world: World, token: str, client_id: str, algorithm: str) -> dict[str, Any]:
    kid = jwt.get_unverified_header(token)["kid"]
    (key,) = [known for known in world.get("/jwks").json()["keys"] if known["kid"] == kid]
    return dict(jwt.decode(token, key, algorithms=[algorithm], audience=client_id, issuer=ISSUER))


def test_every_client_of_the_session_is_told_as_it_knows_the_person(told_world: World, receiver: Receiver):
    world = told_world
    add_client(world, "one", backchannel_logout_uri=receiver.url("/one?a=b"))
    add_client(world, "two", backchannel_logout_uri=receiver.url("/two"), id_token_algorithm="ES256",
               subject_type="pairwise", grant_types=frozenset({"authorization_code"}))  # fmt: skip
    add_client(world, "silent")
    add_client(world, "away", backchannel_logout_uri=receiver.url("/away"))
    browser, elsewhere = Browser(world), Browser(world)
    browser.sign_in()
    elsewhere.sign_in()
    told = {client: browser.tokens(client)["id_token"] for client in ("one", "two", "silent")}
    elsewhere.tokens("away")

    assert sign_out(browser).status_code == 200

    receiver.tokens(2)
    posts = {path: (content_type, fields) for path, content_type, fields in receiver.posts}
    assert posts.keys() == {"/one?a=b", "/two"}
    for path, client, algorithm in (("/one?a=b", "one", "RS256"), ("/two", "two", "ES256")):
        content_type, fields = posts[path]
        assert (content_type, set(fields)) == ("application/x-www-form-urlencoded", {"logout_token"})
        (token,) = fields["logout_token"]
        assert jwt.get_unverified_header(token)["typ"] == "logout+jwt"
        said, known = verified(world, token, client, algorithm), jwt.get_unverified_claims(told[client])
        assert (said["sub"], said["sid"], said["aud"]) == (known["sub"], known["sid"], client)
        assert said["events"] == {EVENT: {}}
        assert said["exp"] - said["iat"] == 120
        assert said.keys() == {"iss", "sub", "aud", "iat", "exp", "jti", "sid", "events"}
    assert [found.outcome for found in closed(world, 2)] == ["delivered", "delivered"]


def _by_refresh_token(world: World, tokens: dict[str, Any]) -> httpx.Response:
    fields = {"refresh_token": tokens["refresh_token"], "client_id": "one", "client_secret": world.secrets["one"]}
    return world.http.post("/logout", data=fields)


def _by_new_password(world: World, tokens: dict[str, Any]) -> httpx.Response:
    account = world.tokens(scope="openid account")["access_token"]
    body = {"current_password": PASSWORD, "new_password": "fifteen golden harbours"}
    return world.http.post("/me/password", json=body, headers={"Authorization": f"Bearer {account}"})


def _by_deletion(world: World, tokens: dict[str, Any]) -> httpx.Response:
    account = world.tokens(scope="openid account")["access_token"]
    return world.http.delete("/me", headers={"Authorization": f"Bearer {account}"})


def _by_hint(world: World, tokens: dict[str, Any]) -> httpx.Response:
    return tokens["browser"].get(f"/connect/logout?id_token_hint={tokens['id_token']}")  # type: ignore[no-any-return]


@pytest.mark.parametrize("end", [_by_refresh_token, _by_new_password, _by_deletion, _by_hint])
def test_every_way_in_which_a_browsers_session_ends_leaves_word_in_the_same_transaction(told_world: World, end):
    # Nobody listens there: what is left is to be seen.
    add_client(told_world, "one", backchannel_logout_uri="http://127.0.0.1:9/back")
    browser = Browser(told_world)
    session = browser.sign_in()
    tokens = {**browser.tokens("one"), "browser": browser}
    assert end(told_world, tokens).status_code in {200, 204}
    (left,) = deliveries(told_world)
    assert (left.client_id, left.session_id, left.user_id) == ("one", session.id, session.user_id)


def test_disabling_a_person_ends_their_sessions_with_a_word(told_world: World):
    add_client(told_world, "one", backchannel_logout_uri="http://127.0.0.1:9/back")
    browser, elsewhere = Browser(told_world), Browser(told_world)
    sessions = {each.sign_in().id for each in (browser, elsewhere)}
    tokens = browser.tokens("one", scope="openid offline_access")
    elsewhere.tokens("one")
    with told_world.change() as uow:
        # Both browsers' and the one of what was granted offline.
        assert disable_user(told_world.user().id, uow, told_world.clock()) == 3
    assert {left.session_id for left in deliveries(told_world)} == sessions
    with told_world.change() as uow:
        uow.users.enable(told_world.user().id)
    assert page_of(browser.authorize("one"))[0] == "login"
    assert told_world.refresh(tokens["refresh_token"], "one").status_code == 400


def test_the_next_person_at_a_browser_ends_the_session_before_with_a_word(told_world: World):
    from tests.flows.browser import Browser as Sitting  # noqa: PLC0415 - the other kind, which fills in forms

    add_client(told_world, "one", backchannel_logout_uri="http://127.0.0.1:9/back")
    sitting = Sitting(told_world)
    sitting.sign_in(sitting.begin())
    cookies = {cookie.name: str(cookie.value) for cookie in sitting.http.cookies.jar}
    Browser(told_world, cookies).tokens("one")
    sitting.sign_in(sitting.begin(), "bob")
    assert [left.client_id for left in deliveries(told_world)] == ["one"]


def test_a_client_that_fails_is_told_again_and_where_it_points_is_not_gone_to(told_world: World):
    with receiving(302, 500, 200) as receiver:
        add_client(told_world, "one", backchannel_logout_uri=receiver.url())
        browser = Browser(told_world)
        browser.sign_in()
        browser.tokens("one")
        sign_out(browser)
        receiver.tokens(1)
        for count, detail in ((1, "answered 302"), (2, "answered 500")):
            eventually(partial(_has_failed, told_world, count, detail))
            told_world.clock.move(seconds=60)
            told_world.get("/ui/logout")  # Wakes the job, as every visit does.
        (delivery,) = closed(told_world, 1)
        tokens = receiver.tokens(3)
    assert (delivery.outcome, delivery.attempts, delivery.detail) == ("delivered", 3, None)
    assert {path for path, _, _ in receiver.posts} == {"/back"}
    assert len({jwt.get_unverified_claims(token)["jti"] for token in tokens}) == 3


def test_a_logout_token_is_nothing_else(told_world: World, receiver: Receiver):
    world = told_world
    add_client(world, "one", backchannel_logout_uri=receiver.url(), post_logout_redirect_uris=(REDIRECT_URI,))
    browser = Browser(world)
    browser.sign_in()
    browser.tokens("one")
    sign_out(browser)
    (token,) = receiver.tokens(1)
    assert browser.get(f"/connect/logout?id_token_hint={token}").status_code == 400
    assert [world.get(path, token).status_code for path in ("/userinfo", "/me")] == [401, 401]
    asked = {"client_id": "one", "client_secret": world.secrets["one"], "token": token}
    assert world.http.post("/introspect", data=asked).json() == {"active": False}
    again = Browser(world)
    again.sign_in()
    assert again.authorize("one", id_token_hint=token).headers["location"].partition("error=")[2] != ""
