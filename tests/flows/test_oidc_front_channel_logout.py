"""OpenID Connect Front-Channel Logout 1.0: the page that says goodbye shows each client's own page in a frame."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.flows.browser import Page
from tests.flows.relying_party import Browser, add_client
from tests.flows.test_oidc_back_channel_logout import sign_out
from tests.flows.test_oidc_rp_initiated_logout import ask
from tests.flows.world import ISSUER, World

AFTER = "https://rp.example/signed-out"
FRONT = "https://rp.example/front"


def frames(page: Page) -> list[str]:
    return [str(about["src"]) for element, about in page.elements if element == "iframe"]


def framed_origins(policy: str) -> list[str]:
    found = re.search(r"frame-src ([^;]*);", policy)
    return found[1].split(" ") if found else []


@pytest.fixture
def person(small_world: World) -> Browser:
    add_client(small_world, frontchannel_logout_uri=FRONT, post_logout_redirect_uris=(AFTER,))
    add_client(
        small_world, "other", redirect_uris=("https://rp.example/cb", "https://other.example:8443/cb"),
        frontchannel_logout_uri="https://other.example:8443/out?a=b", frontchannel_logout_session_required=True,
    )  # fmt: skip
    add_client(small_world, "without")
    add_client(small_world, "not-here", frontchannel_logout_uri=FRONT)
    browser = Browser(small_world)
    browser.sign_in()
    return browser


def test_each_client_of_the_session_is_shown_in_a_frame_and_no_other_origin_may_be(person: Browser):
    for client in ("rp", "other", "without"):
        person.tokens(client)
    uow = person.world.storage.unit_of_work(person.world.tenant.id)
    (session,) = [found.session for found in uow.browser_sessions.list(person.world.user().id)]
    uow.close()

    answer = sign_out(person)

    shown = Page(answer.text)
    assert sorted(address.partition("?")[0] for address in frames(shown)) == ["https://other.example:8443/out", FRONT]
    (with_session,) = [address for address in frames(shown) if "other" in address]
    assert parse_qs(urlsplit(with_session).query) == {"a": ["b"], "iss": [ISSUER], "sid": [str(session.id)]}
    assert FRONT in frames(shown), "who need not be told which session is not told"
    policy = answer.headers["content-security-policy"]
    assert framed_origins(policy) == ["https://other.example:8443", "https://rp.example"]
    assert "default-src 'none'" in policy
    assert "refresh" not in answer.headers


def test_the_browser_goes_on_once_the_frames_had_their_time(person: Browser):
    hint = person.tokens()["id_token"]
    answer = ask(person, id_token_hint=hint, post_logout_redirect_uri=AFTER, state="x")
    assert answer.status_code == 200
    assert answer.headers["refresh"] == f"3;url={AFTER}?state=x"
    assert f"{AFTER}?state=x" in Page(answer.text).links
    assert frames(Page(answer.text)) == [FRONT]


def test_without_such_clients_there_is_no_frame_and_none_may_be(person: Browser):
    person.tokens("without")
    answer = sign_out(person)
    assert frames(Page(answer.text)) == []
    assert "frame-src" not in answer.headers["content-security-policy"]


def test_a_disabled_client_is_shown_to_nobody(person: Browser):
    person.tokens()
    with person.world.change() as uow:
        uow.clients.disable("rp", person.world.clock())
    assert frames(Page(sign_out(person).text)) == []


def test_who_only_looks_is_shown_no_frame(person: Browser):
    person.tokens()
    assert frames(Page(person.get("/ui/logout").text)) == []
    assert frames(Page(person.get("/connect/logout?client_id=rp").text)) == []
