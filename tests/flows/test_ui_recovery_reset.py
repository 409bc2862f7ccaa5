"""/ui/forgot and /ui/reset in a browser without scripts: only the mailed link leads to a new password (THREATS C)."""

import re

import pytest

from authsvc.crypto import opaque
from authsvc.observe.logging import JsonLine
from tests.flows.browser import SAME_ORIGIN, Browser, Page
from tests.flows.hosts import FOREIGN_HOSTS
from tests.flows.mailed import letters, link_in, token_of
from tests.flows.test_ui_login import events, visitor
from tests.flows.world import ISSUER, PASSWORD, World

NEW = "eleven silent harbours"
DEAD = "This link or code does not work any more."


def ask(world: World, username: str = "alice") -> str:
    """Ask for a letter in some browser; returns the path of its link."""
    assert Browser(world).submit("/ui/forgot", username=username).status_code == 303
    (letter,) = letters(world)
    return link_in(letter)


def signs_in(world: World, password: str, username: str = "alice") -> bool:
    return world.login(username=username, password=password, scope="openid").status_code == 200


def test_a_letter_is_asked_for_opened_elsewhere_and_gives_a_new_password(world: World):
    browser = Browser(world)
    browser.sign_in(browser.begin())
    handle = browser.begin()
    answer = browser.submit(f"/ui/forgot?flow={handle}", username="alice")
    assert answer.status_code == 303
    sent = browser.page(answer.headers["location"])
    assert "Look into your mailbox" in sent.text
    assert f"continue?flow={handle}" in sent.links
    (letter,) = letters(world)
    assert letter.recipient == "Alice@Example.com"
    phone = Browser(world)
    answer = phone.submit(link_in(letter), new_password=NEW)
    assert answer.status_code == 303
    assert events(world, answer) == [("password.reset", None, None)]
    assert "Your password was changed" in phone.page(answer.headers["location"]).text
    assert signs_in(world, NEW)
    assert not signs_in(world, PASSWORD)
    assert phone.cookie(opaque.SESSION) is None, "a link signs nobody in"
    found = visitor(world, browser.cookie(opaque.SESSION))
    assert found is not None
    assert not found.is_signed_in(world.clock())
    (told,) = letters(world)
    assert told.subject == "Your password was changed"


def test_opening_the_link_uses_nothing_up(small_world: World):
    link = ask(small_world)
    for _ in range(3):
        scanner = Browser(small_world)
        page = scanner.page(link)
        assert page.forms[0].fields["token"] == token_of(link)
        assert scanner.http.head(link).status_code == 200
    assert Browser(small_world).submit(link, new_password=NEW).status_code == 303


def test_the_secret_leaves_the_page_by_its_form_alone(small_world: World):
    answer = Browser(small_world).get(ask(small_world))
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cache-control"] == "no-store"
    assert "img-src 'self'" in answer.headers["content-security-policy"]
    page = Page(answer.text)
    assert not [link for link in page.links if "as_ml_" in link or "://" in link]
    assert [found["name"] for tag, found in page.elements if "as_ml_" in (found.get("value") or "")] == ["token"]


def test_the_code_of_the_letter_works_in_place_of_the_link(small_world: World):
    code = token_of(ask(small_world))
    assert Browser(small_world).submit("/ui/reset", token=f" {code} ", new_password=NEW).status_code == 303
    assert signs_in(small_world, NEW)


@pytest.mark.parametrize("username", ["nobody", "nobody@example.com", "bob", "bob@example.com", "dora", "irma"])
def test_the_answer_is_the_same_whoever_it_is(small_world: World, username):
    def told(name):
        answer = Browser(small_world).submit("/ui/forgot", username=name)
        page = Browser(small_world).get(answer.headers["location"])
        headers = [(key, value) for key, value in answer.headers.multi_items() if key != "x-request-id"]
        return answer.status_code, headers, answer.content, page.text

    assert told(username) == told("alice")
    assert [letter.recipient for letter in letters(small_world)] == ["Alice@Example.com"]


@pytest.mark.parametrize(
    "how",
    ["used", "superseded", "expired", "truncated", "another kind", "another tenant's", "empty", "none", "of another"],
)
def test_a_dead_link_changes_nothing_and_says_so(small_world: World, how):
    world, browser, link = small_world, Browser(small_world), ask(small_world)
    token, path = token_of(link), "/ui/reset"
    if how == "used":
        assert browser.submit(link, new_password=NEW + "!").status_code == 303
        token_of(letters(world)[0].text)
    elif how == "superseded":
        ask(world)
    elif how == "expired":
        world.clock.move(seconds=1_801)
    elif how == "another tenant's":
        path = "/t/other/ui/reset"
    elif how == "of another":
        token = opaque.new_secret(opaque.MAILED_TOKEN)
    else:
        token = {"truncated": token[:-1], "another kind": "as_se_" + token[6:], "empty": "", "none": ""}[how]
    form = browser.page(path).forms[0].fields | {"token": token, "new_password": NEW}
    if how == "none":
        del form["token"]
    answer = browser.send(path, form)
    assert answer.status_code == 400
    assert DEAD in answer.text
    assert not token or token not in answer.text
    assert not signs_in(world, NEW)
    assert not world.http.post(
        "/t/other/login", data={"username": "alice", "password": NEW, "client_id": "app", "scope": "openid"}
    ).is_success
    if how == "used":
        assert browser.get(link).status_code == 400


def test_a_password_that_may_not_be_chosen_is_asked_for_again_with_the_same_link(small_world: World):
    browser, link = Browser(small_world), ask(small_world)
    for bad, words in (("", "Enter a new password."), ("short", "too short"), ("a" * 20, "Many people use"),
                       ("alice@example.com", "your own name")):  # fmt: skip
        answer = browser.submit(link, new_password=bad)
        assert answer.status_code == 422
        assert words in answer.text
        assert not bad or f'value="{bad}"' not in answer.text
        assert Page(answer.text).forms[0].fields["token"] == token_of(link)
    assert browser.submit(link, new_password=NEW).status_code == 303


@pytest.mark.parametrize("path", ["/ui/forgot", "/ui/reset"])
@pytest.mark.parametrize("how", ["no token", "another browser's", "another form's", "foreign site", "foreign origin"])
def test_a_form_of_another_browser_page_or_site_changes_nothing(small_world: World, path, how):
    world, browser = small_world, Browser(small_world)
    link = ask(world)
    fields = {"username": "alice", "token": token_of(link), "new_password": NEW}
    headers, csrf = dict(SAME_ORIGIN), browser.page(path).forms[0].fields["csrf"]
    if how == "no token":
        csrf = ""
    elif how == "another browser's":
        csrf = Browser(world).page(path).forms[0].fields["csrf"]
    elif how == "another form's":
        csrf = browser.page("/ui/reset" if path.endswith("forgot") else "/ui/forgot").forms[0].fields["csrf"]
    else:
        headers |= {"Sec-Fetch-Site": "cross-site"} if how == "foreign site" else {"Origin": "https://evil.example"}
    assert browser.send(path, fields | {"csrf": csrf}, headers).status_code == 403
    assert letters(world) == []
    assert signs_in(world, PASSWORD)
    assert browser.submit(link, new_password=NEW).status_code == 303


def test_an_empty_form_sends_nothing(small_world: World):
    answer = Browser(small_world).submit("/ui/forgot", username="  ")
    assert answer.status_code == 422
    assert "Enter your user name or e-mail address." in answer.text
    assert letters(small_world) == []


def test_too_many_requests_are_refused_on_the_page_too(small_world: World):
    browser = Browser(small_world)
    answers = [browser.submit("/ui/forgot", username="nobody") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [303] * 5 + [429]
    assert "too many attempts" in answers[-1].text
    assert int(answers[-1].headers["retry-after"]) > 0


def test_no_log_line_holds_the_secret_of_a_link(small_world: World, caplog):
    with caplog.at_level("DEBUG", "authsvc"):
        link = ask(small_world)
        browser = Browser(small_world)
        browser.get(link)
        browser.submit(link, new_password="short")
        browser.submit(link, new_password=NEW)
        browser.submit("/ui/reset", token=token_of(link), new_password=NEW)
    told = [JsonLine().format(record) for record in caplog.records if record.name == "authsvc"]
    assert told
    assert not re.search(r"as_ml_[A-Za-z0-9_-]{20}", "".join(told))


@pytest.mark.parametrize("headers", FOREIGN_HOSTS)
def test_no_header_of_the_request_gets_into_a_letter_or_an_address(small_world: World, headers):
    browser = Browser(small_world)
    handle = browser.begin()
    for path, fields in (
        (f"/ui/forgot?flow={handle}", {"username": "alice"}),
        (f"/ui/register?flow={handle}", {"username": "nina", "password": PASSWORD}),
    ):
        form = browser.page(path).forms[0].fields | fields
        answer = browser.send(path, form, SAME_ORIGIN | headers)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith(f"{ISSUER}/ui/")
        assert "evil" not in str(answer.headers)
    (letter,) = letters(small_world)
    assert f"{ISSUER}/ui/reset?token=" in letter.text
    assert "evil" not in letter.text + letter.html
    for path in ("/ui/account", "/ui/register", "/ui/me/email/confirm"):
        answer = browser.get(path, **headers)
        assert "evil" not in answer.text + str(answer.headers)
