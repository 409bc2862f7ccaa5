"""The login page: a person signs in, in the browser that they came with (THREATS C)."""

import re

import httpx
import pytest

from authsvc.crypto import opaque
from authsvc.domain.sign_in.sessions import Visitor
from tests.flows.browser import Browser, Page, errand
from tests.flows.world import FORM, ISSUER, OTHER_PASSWORD, PASSWORD, World

WRONG = "The name or the password is wrong."


def visitor(world: World, secret: str | None) -> Visitor | None:
    uow = world.storage.unit_of_work(world.tenant.id)
    try:
        return uow.browser_sessions.find(opaque.hash_secret(secret or ""))
    finally:
        uow.close()


def events(world: World, answer: httpx.Response) -> list[tuple[str, str | None, str | None]]:
    uow = world.storage.unit_of_work(world.tenant.id)
    try:
        rows = uow.audit.find_request(answer.headers["x-request-id"])
    finally:
        uow.close()
    return [(row.event, row.client_id, row.rule) for row in rows]


def test_the_page_says_who_asks_and_knows_the_name_that_the_client_hints_at(small_world: World):
    browser = Browser(small_world)
    handle = browser.begin(parameters={"login_hint": "alice"})
    page = browser.page(f"/ui/login?flow={handle}")
    assert "to continue to app" in page.text
    (form,) = page.forms
    assert (form.action, form.method) == ("login", "post")
    assert form.fields.keys() == {"csrf", "flow", "username", "password"}
    assert (form.fields["username"], form.fields["password"]) == ("alice", "")
    inputs = {found["name"]: found for tag, found in page.elements if tag == "input"}
    assert inputs["username"]["autocomplete"] == "username"
    assert inputs["password"]["autocomplete"] == "current-password"


def test_a_right_password_signs_the_browser_in_and_goes_on(world: World):
    browser = Browser(world)
    handle = browser.begin()
    answer = browser.sign_in(handle)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{ISSUER}/ui/continue?flow={handle}")
    assert answer.headers["cache-control"] == "no-store"
    found = visitor(world, browser.cookie(opaque.SESSION))
    assert found is not None
    assert found.is_signed_in(world.clock())
    assert found.user.username == "alice"
    assert found.browser.session.amr == ("pwd",)
    stored = errand(world, handle)
    assert (stored.session_id, stored.done, stored.denied) == (found.browser.session.id, frozenset({"login"}), False)
    assert events(world, answer) == [("login.succeeded", "app", None)]


@pytest.mark.parametrize("name", ["ALICE", " alice ", "alice@example.com"])
def test_every_spelling_of_the_name_signs_in(small_world: World, name):
    browser = Browser(small_world)
    assert browser.sign_in(browser.begin(), name).status_code == 303


def test_an_old_hash_is_renewed_as_by_post_login(small_world: World):
    browser, before = Browser(small_world), small_world.user("irma").password_hash
    assert browser.sign_in(browser.begin(), "irma").status_code == 303
    after = small_world.user("irma").password_hash
    assert str(before).startswith("$pbkdf2")
    assert str(after).startswith("$argon2id")


def unlike(answer: httpx.Response, name: str) -> tuple[int, list[tuple[str, str]], str]:
    """Everything that a stranger sees of an answer, but for what each request has of its own."""
    own = {"x-request-id", "date"}
    headers = [(key, value) for key, value in answer.headers.multi_items() if key not in own]
    return answer.status_code, headers, answer.text.replace(f'value="{name}"', "")


@pytest.mark.parametrize("name", ["nobody", "dora", "irma", "nobody@example.com", "bob@example.com"])
def test_nobody_learns_from_a_refusal_whether_there_is_such_an_account(small_world: World, name):
    browser = Browser(small_world)
    handle = browser.begin()
    known, other = browser.sign_in(handle, "alice", "wrong"), browser.sign_in(handle, name, "wrong")
    # Their lengths differ by the names, which were sent.
    assert len(known.text) - len(other.text) == len("alice") - len(name)
    strip = [(status, [h for h in headers if h[0] != "content-length"], body)
             for status, headers, body in (unlike(known, "alice"), unlike(other, name))]  # fmt: skip
    assert strip[0] == strip[1]
    assert strip[0][0] == 403
    assert WRONG in known.text
    assert browser.cookie(opaque.SESSION) is None


def test_a_refusal_is_an_audit_row_as_at_post_login(small_world: World):
    browser = Browser(small_world)
    answer = browser.sign_in(browser.begin(), "alice", "wrong")
    assert [(event, rule) for event, _, rule in events(small_world, answer)] == [
        ("ui_login.refused", "bad_credentials")
    ]


def test_a_disabled_account_is_told_of_only_after_its_password(small_world: World):
    browser = Browser(small_world)
    answer = browser.sign_in(browser.begin(), "dora")
    assert answer.status_code == 403
    assert "This account is disabled." in answer.text
    assert browser.cookie(opaque.SESSION) is None


def test_guesses_are_throttled_together_with_those_at_post_login(small_world: World):
    browser = Browser(small_world)
    handle = browser.begin()
    for _ in range(3):
        browser.sign_in(handle, "alice", "wrong")
    for _ in range(2):
        small_world.login(username="alice", password="wrong")
    answer = browser.sign_in(handle)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert "There were too many attempts." in answer.text
    small_world.clock.move(seconds=31)
    assert browser.sign_in(handle).status_code == 303


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        pytest.param({"username": "", "password": ""}, ["Enter your user name", "Enter your password"], id="empty"),
        pytest.param({"username": "alice", "password": ""}, ["Enter your password"], id="no password"),
        pytest.param({"username": " ", "password": "x"}, ["Enter your user name"], id="a blank name"),
        pytest.param({"username": "a" * 1_025, "password": "x"}, ["This name is too long"], id="an endless name"),
    ],
)
def test_an_incomplete_form_names_its_fields_and_counts_as_no_guess(small_world: World, fields, words):
    browser = Browser(small_world)
    handle = browser.begin()
    before = small_world.rows()
    answer = browser.submit(f"/ui/login?flow={handle}", **fields)
    assert answer.status_code == 422
    page = Page(answer.text)
    for text in words:
        assert text in page.text
    targets = {found.get("id") for _, found in page.elements}
    assert {link[1:] for link in page.links if link.startswith("#")} <= targets
    assert small_world.rows() == before


def test_the_same_person_keeps_the_session_and_gets_a_new_cookie(world: World):
    browser = Browser(world)
    browser.sign_in(browser.begin())
    first_secret = browser.cookie(opaque.SESSION)
    first = visitor(world, first_secret)
    world.clock.move(minutes=5)
    browser.sign_in(browser.begin())
    second = visitor(world, browser.cookie(opaque.SESSION))
    assert first is not None
    assert second is not None
    assert second.browser.session.id == first.browser.session.id
    assert second.browser.session.authenticated_at > first.browser.session.authenticated_at
    assert visitor(world, first_secret) is None, "the old cookie is worth nothing"


def test_another_person_ends_the_session_that_was_here(world: World):
    browser = Browser(world)
    browser.sign_in(browser.begin())
    first = visitor(world, browser.cookie(opaque.SESSION))
    browser.sign_in(browser.begin(), "bob")
    second = visitor(world, browser.cookie(opaque.SESSION))
    assert first is not None
    assert second is not None
    assert second.user.username == "bob"
    assert second.browser.session.id != first.browser.session.id
    uow = world.storage.unit_of_work(world.tenant.id)
    ended = uow.sessions.get(first.browser.session.id)
    uow.close()
    assert ended is not None
    assert ended.ended_at is not None


def test_a_planted_session_cookie_is_not_the_one_that_a_person_signs_in_with(small_world: World):
    browser, planted = Browser(small_world), opaque.new_secret(opaque.SESSION)
    browser.plant(opaque.SESSION, planted)
    assert browser.sign_in(browser.begin()).status_code == 303
    assert browser.cookie(opaque.SESSION) != planted
    assert visitor(small_world, planted) is None


def test_what_was_agreed_to_in_another_sign_in_counts_no_more(small_world: World):
    browser = Browser(small_world)
    handle = browser.begin(done=frozenset({"consent", "select_account"}), denied=True)
    browser.sign_in(handle)
    stored = errand(small_world, handle)
    assert (stored.done, stored.denied) == (frozenset({"login"}), False)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_somebody_elses_errand_cannot_be_completed(small_world: World, method):
    attacker, victim = Browser(small_world), Browser(small_world)
    handle = attacker.begin()
    victim.begin()
    form = attacker.page(f"/ui/login?flow={handle}").forms[0].fields | {"username": "alice", "password": PASSWORD}
    before = small_world.rows()
    answer = victim.get(f"/ui/login?flow={handle}") if method == "GET" else victim.send("/ui/login", form)
    assert answer.status_code == 403
    assert "This page belongs to another browser" in answer.text
    assert victim.cookie(opaque.SESSION) is None
    assert small_world.rows() == {**before, "audit_events": before["audit_events"] + 1}


def test_a_login_form_of_another_site_signs_nobody_in(small_world: World):
    """Login CSRF: the attacker's own name and password, sent by the victim's browser."""
    victim, attacker = Browser(small_world), Browser(small_world)
    theirs, mine = victim.begin(), attacker.begin()
    token = attacker.page(f"/ui/login?flow={mine}").forms[0].fields["csrf"]
    fields = {"flow": theirs, "csrf": token, "username": "bob", "password": PASSWORD}
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        answer = victim.send("/ui/login", fields, headers)
        assert answer.status_code == 403
        assert "Another website tried to send a form in your name." in answer.text
    answer = victim.send("/ui/login", fields, {})
    assert answer.status_code == 403
    assert "This page was out of date." in answer.text
    assert "bob" not in answer.text
    assert victim.cookie(opaque.SESSION) is None


@pytest.mark.parametrize(
    "flow",
    [
        "",
        "x",
        "as_co_" + "A" * 48,
        pytest.param(opaque.new_secret(opaque.CONTINUATION), id="unknown"),
        pytest.param(opaque.new_secret(opaque.BROWSER), id="another kind"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_without_an_errand_there_is_nothing_to_sign_in_for(small_world: World, method, flow):
    browser = Browser(small_world)
    browser.begin()
    before = small_world.rows()
    fields = {"flow": flow, "username": "alice", "password": PASSWORD}
    answer = browser.get(f"/ui/login?flow={flow}") if method == "GET" else browser.send("/ui/login", fields)
    assert answer.status_code == 400
    assert "This page has expired" in answer.text
    assert small_world.rows() == before


def test_an_errand_that_took_too_long_is_over(small_world: World):
    browser = Browser(small_world)
    handle = browser.begin()
    form = browser.page(f"/ui/login?flow={handle}").forms[0].fields
    small_world.clock.move(minutes=11)
    for answer in (
        browser.get(f"/ui/login?flow={handle}"),
        browser.send("/ui/login", form | {"username": "alice", "password": PASSWORD}),
    ):
        assert answer.status_code == 400
        assert "go back to the app that you came from" in answer.text
    assert browser.cookie(opaque.SESSION) is None


def test_the_page_without_a_query_sends_the_person_to_their_account(small_world: World):
    answer = Browser(small_world).get("/ui/login")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{ISSUER}/ui/account")


def test_two_clicks_on_the_button_are_as_good_as_one(world: World):
    browser, second_click = Browser(world), Browser(world)
    handle = browser.begin()
    second_click.plant(opaque.BROWSER, str(browser.cookie(opaque.BROWSER)))
    form = browser.page(f"/ui/login?flow={handle}").forms[0].fields | {"username": "alice", "password": PASSWORD}
    assert browser.send("/ui/login", form).status_code == 303
    assert second_click.send("/ui/login", form).status_code == 303
    found = visitor(world, second_click.cookie(opaque.SESSION))
    assert found is not None
    assert errand(world, handle).session_id == found.browser.session.id


def test_a_form_in_a_second_window_goes_on_once_the_first_has_signed_in(small_world: World):
    browser = Browser(small_world)
    first, second = browser.begin(), browser.begin("app2")
    stale = browser.page(f"/ui/login?flow={second}").forms[0].fields | {"username": "alice", "password": "wrong"}
    browser.sign_in(first)
    secret = browser.cookie(opaque.SESSION)
    answer = browser.send("/ui/login", stale)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{ISSUER}/ui/continue?flow={second}")
    assert browser.cookie(opaque.SESSION) == secret


def test_each_tenant_signs_in_its_own_people(small_world: World):
    browser = Browser(small_world)
    handle = browser.begin()
    answer = browser.get(f"/t/other/ui/login?flow={handle}")
    assert answer.status_code == 400, "an errand is of one tenant"
    assert browser.sign_in(handle, password=OTHER_PASSWORD).status_code == 403


HOSTILE = (
    '"><script>alert(1)</script>', "'><img src=x onerror=alert(1)>", "javascript:alert(1)",
    "</title><svg onload=alert(1)>",
    "{{7*7}}${7*7}", "%(name)s %s", "&lt;b&gt;", "\u202egnp.exe", "</style><style>*{background:url(//evil.example)}",
)  # fmt: skip


@pytest.mark.parametrize("name", ["login_hint", "ui_locales", "state", "nonce", "scope", "redirect_uri"])
@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_a_client_sends_becomes_part_of_the_page(small_world: World, name, text):
    browser = Browser(small_world)
    check_harmless(browser.get(f"/ui/login?flow={browser.begin(parameters={name: text})}"))


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_a_person_sends_becomes_part_of_the_page(small_world: World, text):
    browser = Browser(small_world)
    answer = browser.sign_in(browser.begin(), text, text)
    check_harmless(answer)
    assert Page(answer.text).forms[0].fields["username"] == text
    assert text not in answer.headers.get("location", "")


def check_harmless(answer: httpx.Response) -> None:
    page = Page(answer.text)
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "img", "svg", "iframe", "object", "embed", "base", "b"}
    assert sum(tag == "style" for tag, _ in page.elements) == 1
    assert not [name for _, found in page.elements for name in found if name.startswith("on") or name == "style"]
    assert not [link for link in page.links if re.match(r"\s*(javascript|data|https?):", link, re.IGNORECASE)]
    assert "49" not in page.text


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_page_that_is_not_there_is_told_in_words(small_world: World, method):
    browser = Browser(small_world)
    answer = browser.get("/ui/nowhere?flow=<b>") if method == "GET" else browser.send("/ui/nowhere", {"a": "b"})
    assert answer.status_code == 404
    assert "There is nothing here" in Page(answer.text).text
    assert "nowhere" not in answer.text


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        pytest.param("x=" + "x" * 70_000, {}, 413, id="too large"),
        pytest.param("{}", {"Content-Type": "application/json"}, 415, id="another type"),
        pytest.param("%ff=%ff", {}, 400, id="not UTF-8"),
        pytest.param("flow=a&flow=b", {}, 400, id="twice"),
        pytest.param("username=%00", {}, 400, id="NUL"),
        pytest.param("username=%ed%a0%80", {}, 400, id="a lone surrogate"),
        pytest.param("a=b&" * 70, {}, 400, id="too many fields"),
    ],
)
def test_what_no_browser_sends_is_refused_in_words(small_world: World, content, headers, status):
    answer = small_world.http.post(
        "/ui/login", content=content, headers={"Content-Type": FORM, "Accept-Language": "fr", **headers}
    )
    assert answer.status_code == status
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "Cette action est impossible" in answer.text
    assert answer.headers["x-request-id"] in answer.text
