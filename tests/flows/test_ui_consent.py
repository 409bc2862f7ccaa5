"""The pages of consent and of choosing an account (OpenID Connect Core §3.1.2.4)."""

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from authsvc.crypto import opaque
from authsvc.domain.sign_in.consents import Consent
from tests.flows.browser import Browser, Page, errand
from tests.flows.relying_party import REDIRECT_URI, add_client, asked, page_of
from tests.flows.test_ui_login import HOSTILE, check_harmless
from tests.flows.world import World

SCOPES = "openid profile es256:read"


@pytest.fixture
def browser(small_world: World) -> Browser:
    add_client(small_world, first_party=False, name="Corner Shop")
    return Browser(small_world)


def arrive(browser: Browser, **changed: Any) -> tuple[str, str]:
    """Come from the client; the page that one is sent to, and the errand."""
    return page_of(browser.get(f"/authorize?{urlencode(asked(**{'scope': SCOPES, **changed}))}"))


def at_consent(browser: Browser, username: str = "alice", **changed: Any) -> str:
    page, handle = arrive(browser, **changed)
    assert page == "login"
    browser.sign_in(handle, username)
    assert page_of(browser.get(f"/ui/continue?flow={handle}")) == ("consent", handle)
    return handle


def consent_of(world: World, username: str = "alice") -> Consent | None:
    uow = world.storage.unit_of_work(world.tenant.id)
    try:
        return uow.consents.get(world.user(username).id, "rp")
    finally:
        uow.close()


def answer_of(browser: Browser, handle: str) -> dict[str, list[str]]:
    answer = browser.get(f"/ui/continue?flow={handle}")
    assert answer.headers["location"].startswith(REDIRECT_URI), answer.headers["location"]
    return parse_qs(urlsplit(answer.headers["location"]).query)


def test_the_page_says_what_for_whom_and_where_it_leads(browser: Browser, small_world: World):
    handle = at_consent(browser)
    page = browser.page(f"/ui/consent?flow={handle}")
    for words in (
        "Corner Shop asks for your permission", "Know that it is you", "See your name and your profile",
        "Use ES256 in your name", "es256:read", "Alice", "taken back to rp.example",
    ):  # fmt: skip
        assert words in page.text, words
    assert "e-mail" not in page.text, "nobody asked for it"
    assert page.forms[0].buttons == [("decision", "allow"), ("decision", "deny")]
    assert consent_of(small_world) is None


def test_yes_gives_the_client_what_was_shown_and_is_remembered(world: World):
    add_client(world, first_party=False)
    browser = Browser(world)
    handle = at_consent(browser)
    browser.submit(f"/ui/consent?flow={handle}", decision="allow")
    assert "code" in answer_of(browser, handle)
    given = consent_of(world)
    assert given is not None
    assert given.scopes == frozenset(SCOPES.split())
    assert given.resources == {"https://es256.example"}
    again = browser.get(f"/authorize?{urlencode(asked(scope=SCOPES))}")
    assert again.headers["location"].startswith(REDIRECT_URI), "nothing is new: nothing is asked"


def test_no_tells_the_client_so_and_stores_nothing_else(browser: Browser, small_world: World):
    handle = at_consent(browser)
    browser.submit(f"/ui/consent?flow={handle}", decision="deny")
    assert answer_of(browser, handle)["error"] == ["access_denied"]
    assert consent_of(small_world) is None
    assert browser.get(f"/ui/consent?flow={handle}").status_code == 400, "the errand is over"


def test_only_what_is_new_is_asked(browser: Browser, small_world: World):
    browser.submit(f"/ui/consent?flow={at_consent(browser)}", decision="allow")
    page, handle = arrive(browser, scope=f"{SCOPES} email es256:write")
    assert page == "consent"
    shown = browser.page(f"/ui/consent?flow={handle}")
    assert "Corner Shop asks for more" in shown.text
    assert "See your e-mail address" in shown.text
    assert "es256:write" in shown.text
    assert "es256:read" not in shown.text
    assert "profile" not in shown.text
    browser.submit(f"/ui/consent?flow={handle}", decision="allow")
    given = consent_of(small_world)
    assert given is not None
    assert given.scopes == frozenset(f"{SCOPES} email es256:write".split())


def test_single_claims_are_asked_for_by_name(browser: Browser):
    handle = at_consent(browser, scope="openid", claims='{"userinfo":{"birthdate":null,"email":{"essential":true}}}')
    shown = browser.page(f"/ui/consent?flow={handle}")
    assert "See these details of you: birthdate, email" in " ".join(shown.text.split())


def test_prompt_consent_asks_again_for_everything(browser: Browser):
    browser.submit(f"/ui/consent?flow={at_consent(browser)}", decision="allow")
    page, handle = arrive(browser, prompt="consent")
    assert page == "consent"
    assert "See your name and your profile" in browser.page(f"/ui/consent?flow={handle}").text
    browser.submit(f"/ui/consent?flow={handle}", decision="allow")
    assert "code" in answer_of(browser, handle)


@pytest.mark.parametrize("decision", ["", "yes", "ALLOW", "allow deny"])
def test_anything_but_a_clear_answer_changes_nothing(browser: Browser, small_world: World, decision):
    handle = at_consent(browser)
    before = small_world.rows()
    answer = browser.submit(f"/ui/consent?flow={handle}", decision=decision)
    assert page_of(answer) == ("continue", handle)
    assert page_of(browser.get(f"/ui/continue?flow={handle}")) == ("consent", handle)
    assert small_world.rows() == before


def test_two_answers_at_once_are_one_that_cannot_be_read(browser: Browser, small_world: World):
    handle = at_consent(browser)
    form = browser.page(f"/ui/consent?flow={handle}").forms[0].fields
    answer = browser.send("/ui/consent", {**form, "decision": ["allow", "deny"]})
    assert answer.status_code == 400
    assert consent_of(small_world) is None


def test_an_answer_counts_once(browser: Browser, small_world: World):
    handle = at_consent(browser)
    form = browser.page(f"/ui/consent?flow={handle}").forms[0].fields
    browser.send("/ui/consent", {**form, "decision": "allow"})
    second = browser.send("/ui/consent", {**form, "decision": "deny"})
    assert page_of(second) == ("continue", handle)
    assert "code" in answer_of(browser, handle), "it was said already"


def test_nobody_agrees_to_what_was_not_shown(browser: Browser, small_world: World):
    """The client gets more scopes between the page and its answer."""
    handle = at_consent(browser, scope=f"{SCOPES} email")
    with small_world.change() as uow:
        client = uow.clients.get("rp")
        assert client is not None
        scopes = client.scopes
        uow.clients.save(_with(client, scopes - {"email"}))
    form = browser.page(f"/ui/consent?flow={handle}").forms[0].fields
    with small_world.change() as uow:
        client = uow.clients.get("rp")
        assert client is not None
        uow.clients.save(_with(client, scopes))
    answer = browser.send("/ui/consent", {**form, "decision": "allow"})
    assert page_of(answer) == ("continue", handle)
    assert consent_of(small_world) is None
    assert page_of(browser.get(f"/ui/continue?flow={handle}")) == ("consent", handle)


def _with(client: Any, scopes: frozenset[str]) -> Any:

    return replace(client, scopes=scopes)


def test_nobody_agrees_in_the_name_of_who_signed_in_since(browser: Browser, small_world: World):
    handle = at_consent(browser)
    form = browser.page(f"/ui/consent?flow={handle}").forms[0].fields
    browser.sign_in(handle, "bob")
    answer = browser.send("/ui/consent", {**form, "decision": "allow"})
    assert page_of(answer) == ("continue", handle)
    assert consent_of(small_world) is None
    assert consent_of(small_world, "bob") is None


def test_a_consent_form_of_another_site_agrees_to_nothing(browser: Browser, small_world: World):
    handle = at_consent(browser)
    form = browser.page(f"/ui/consent?flow={handle}").forms[0].fields
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert browser.send("/ui/consent", {**form, "decision": "allow"}, headers).status_code == 403
    assert browser.send("/ui/consent", {"flow": handle, "decision": "allow"}).status_code == 303
    assert browser.send("/ui/consent", {**form, "csrf": "0" * 64, "decision": "allow"}).status_code == 303
    assert consent_of(small_world) is None


@pytest.mark.parametrize("page", ["consent", "select-account"])
def test_a_page_out_of_turn_shows_and_changes_nothing(browser: Browser, small_world: World, page):
    at, handle = arrive(browser)
    assert at == "login"
    before = small_world.rows()
    assert page_of(browser.get(f"/ui/{page}?flow={handle}")) == ("continue", handle)
    answer = browser.send(f"/ui/{page}", {"flow": handle, "decision": "allow", "csrf": "0" * 64})
    assert page_of(answer) == ("continue", handle)
    assert small_world.rows() == before
    assert errand(small_world, handle).done == frozenset()


@pytest.mark.parametrize("page", ["consent", "select-account"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_pages_are_worth_nothing_in_another_browser(browser: Browser, small_world: World, page, method):
    handle, victim = at_consent(browser), Browser(small_world)
    victim.sign_in(victim.begin(), "bob")
    form = browser.page(f"/ui/consent?flow={handle}").forms[0].fields | {"decision": "allow"}
    answer = victim.get(f"/ui/{page}?flow={handle}") if method == "GET" else victim.send(f"/ui/{page}", form)
    assert answer.status_code == 403
    assert "This page belongs to another browser" in answer.text
    assert consent_of(small_world, "bob") is None


def test_a_person_goes_on_with_the_account_that_is_signed_in(browser: Browser, small_world: World):
    browser.sign_in(browser.begin())
    page, handle = arrive(browser, prompt="select_account")
    assert page == "select-account"
    shown = browser.page(f"/ui/select-account?flow={handle}")
    assert "Continue as Alice" in shown.text
    assert f"login?flow={handle}" in shown.links
    browser.submit(f"/ui/select-account?flow={handle}")
    assert page_of(browser.get(f"/ui/continue?flow={handle}")) == ("consent", handle)


def test_a_person_chooses_another_account_by_signing_in_with_it(browser: Browser, small_world: World):
    browser.sign_in(browser.begin())
    _, handle = arrive(browser, prompt="select_account")
    browser.sign_in(handle, "bob")
    assert page_of(browser.get(f"/ui/continue?flow={handle}")) == ("consent", handle)
    assert "bob" in browser.page(f"/ui/consent?flow={handle}").text


def test_who_was_asked_to_sign_up_may_sign_in_instead(browser: Browser):
    page, handle = arrive(browser, prompt="create")
    assert page == "register"
    browser.sign_in(handle)
    assert page_of(browser.get(f"/ui/continue?flow={handle}")) == ("consent", handle)


def test_the_pages_may_lead_to_the_clients_own_addresses(browser: Browser):
    policy = browser.get(f"/ui/consent?flow={at_consent(browser)}").headers["content-security-policy"]
    assert "form-action 'self' https:;" in policy


@pytest.mark.parametrize(
    ("uris", "words"),
    [
        pytest.param("com.example.app:/cb", "the app com.example.app on this device", id="an app"),
        pytest.param("http://127.0.0.1/cb", "a program on this device", id="loopback"),
    ],
)
def test_where_it_leads_is_told_for_programs_too(small_world: World, uris, words):
    add_client(small_world, "native", first_party=False, auth_method="none", redirect_uris=(uris,),
               application_type="native")  # fmt: skip
    browser = Browser(small_world)
    handle = at_consent(browser, client_id="native", redirect_uri=uris)
    assert words in browser.page(f"/ui/consent?flow={handle}").text


@pytest.mark.parametrize("name", [text for text in HOSTILE if text.isprintable()])
def test_a_clients_words_are_only_words(small_world: World, name):
    texts = {"policy_uri": "https://rp.example/privacy?a=1&b=%3Cscript%3E", "tos_uri": "https://rp.example/terms"}
    add_client(small_world, first_party=False, name=name, texts=texts)
    browser = Browser(small_world)
    handle = at_consent(browser)
    answer = browser.get(f"/ui/consent?flow={handle}")
    page = Page(answer.text)
    assert " ".join(name.split()) in " ".join(page.text.split())
    outside = [link for link in page.links if link.startswith("http")]
    assert outside == ["https://rp.example/privacy?a=1&b=%3Cscript%3E", "https://rp.example/terms"]
    assert all(found.get("rel") == "noopener noreferrer" for tag, found in page.elements if found.get("target"))
    check_harmless(httpx.Response(200, text=answer.text.replace('href="https:', 'href="x')))


def test_a_client_is_called_by_its_name_in_the_persons_language(small_world: World):
    add_client(small_world, first_party=False, name="Shop", texts={"client_name#de": "Laden"})
    browser = Browser(small_world)
    handle = at_consent(browser, ui_locales="de")
    page = browser.page(f"/ui/consent?flow={handle}")
    assert "Laden bittet um Ihre Erlaubnis" in page.text
    assert ("html", {"lang": "de", "dir": "ltr"}) in page.elements


def test_the_browsers_own_cookie_stays_through_the_sign_in(browser: Browser):
    """What another window has begun hangs on it, and it opens nothing by itself."""
    first, second = arrive(browser)[1], arrive(browser, state="st-2")[1]
    before = browser.cookie(opaque.BROWSER)
    browser.sign_in(first)
    assert browser.cookie(opaque.BROWSER) == before
    assert page_of(browser.get(f"/ui/continue?flow={second}")) == ("consent", second)


def test_what_another_person_did_in_the_errand_is_not_done(browser: Browser):
    _, handle = arrive(browser, prompt="login select_account")
    browser.sign_in(handle)
    browser.sign_in(browser.begin(), "bob")
    assert page_of(browser.get(f"/ui/continue?flow={handle}")) == ("select-account", handle)
    browser.submit(f"/ui/select-account?flow={handle}")
    assert page_of(browser.get(f"/ui/continue?flow={handle}")) == ("login", handle), "Bob has not signed in here"
