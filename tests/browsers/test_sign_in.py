"""People sign in with a real browser, with scripts and without (the long ones in `make test-all`)."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browsers.site import DESKTOP, PHONE, Site, publish, visiting
from tests.flows.world import PASSWORD

pytestmark = pytest.mark.timeout(300)
SCRIPTS = [pytest.param(True, id="with scripts"), pytest.param(False, id="without scripts")]


def sign_in(page: Page, username: str = "alice", password: str = PASSWORD) -> None:
    page.get_by_label("User name or e-mail address").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def home(page: Page) -> dict[str, list[str]]:
    """What the client was told; its site has sent the browser on to another host by then."""
    expect(page.get_by_role("heading", name="Welcome back")).to_be_visible()
    assert urlsplit(page.url).path == "/home"
    return parse_qs(urlsplit(page.url).query)


def test_a_person_signs_in_agrees_and_is_known_the_next_time(chromium: Browser, site: Site):
    with visiting(chromium, java_script_enabled=False, viewport=PHONE) as person:
        page = person.page
        page.goto(site.ask())
        expect(page.get_by_text("to continue to Corner Shop")).to_be_visible()
        sign_in(page)
        expect(page.get_by_role("heading", name="Corner Shop asks for your permission")).to_be_visible()
        page.get_by_role("button", name="Allow", exact=True).click()
        told = home(page)
        assert told["state"] == ["st-1"]
        assert told["iss"] == [site.issuer]
        assert told["code"]
        page.goto(site.ask(state="st-2"))
        assert home(page)["state"] == ["st-2"], "at once: signed in, and nothing new to agree to"
        assert person.complaints == []
        assert {urlsplit(address).netloc for address in person.requests} <= _places(site)


def _places(site: Site) -> set[str]:
    port = urlsplit(site.client).port
    return {urlsplit(site.issuer).netloc, urlsplit(site.client).netloc, f"localhost:{port}"}


@pytest.mark.slow
@pytest.mark.parametrize("scripts", SCRIPTS)
def test_a_person_who_says_no_is_taken_back_all_the_same(chromium: Browser, site: Site, scripts: bool):
    with visiting(chromium, java_script_enabled=scripts) as person:
        person.page.goto(site.ask(prompt="consent"))
        sign_in(person.page, "bob")
        person.page.get_by_role("button", name="Do not allow").click()
        assert home(person.page)["error"] == ["access_denied"]
        assert person.complaints == []


@pytest.mark.slow
@pytest.mark.parametrize("scripts", SCRIPTS)
def test_a_person_mends_a_mistyped_password(chromium: Browser, site: Site, scripts: bool):
    with visiting(chromium, java_script_enabled=scripts) as person:
        page = person.page
        page.goto(site.ask(login_hint="alice"))
        expect(page.get_by_label("Password")).to_be_focused()
        sign_in(page, password="wrong")
        expect(page.get_by_role("alert")).to_contain_text("The name or the password is wrong.")
        expect(page.get_by_label("User name or e-mail address")).to_have_value("alice")
        expect(page.get_by_label("Password")).to_have_value("")
        sign_in(page)
        expect(page).to_have_url(re.compile(r"/ui/consent\?|/home\?"))


@pytest.mark.slow
def test_everything_can_be_done_with_the_keyboard(chromium: Browser, site: Site):
    with visiting(chromium, viewport=DESKTOP) as person:
        page = person.page
        page.goto(site.ask(prompt="login consent"))
        expect(page.get_by_label("User name or e-mail address")).to_be_focused()  # a person waits for the cursor too
        page.keyboard.type("alice")
        page.keyboard.press("Tab")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("/ui/consent"))
        page.get_by_role("link", name="Use another account").focus()
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Allow", exact=True)).to_be_focused()
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Do not allow")).to_be_focused()
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", "the focus can be seen"
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Enter")
        assert "code" in home(page)


@pytest.mark.slow
@pytest.mark.parametrize("scripts", SCRIPTS)
def test_a_person_chooses_between_accounts(chromium: Browser, site: Site, scripts: bool):
    with visiting(chromium, java_script_enabled=scripts) as person:
        page = person.page
        page.goto(site.ask(prompt="consent"))
        sign_in(page)
        expect(page).to_have_url(re.compile("/ui/consent"))
        page.goto(site.ask(prompt="select_account consent"))
        expect(page.get_by_role("button", name="Continue as Alice")).to_be_visible()
        page.get_by_role("link", name="Use another account").click()
        sign_in(page, "bob")
        expect(page.get_by_text("bob", exact=True)).to_be_visible()


@pytest.mark.slow
def test_two_windows_with_two_errands_do_not_get_in_each_others_way(chromium: Browser, site: Site):
    with visiting(chromium) as person:
        first, second = person.page, person.context.new_page()
        first.goto(site.ask(state="first", prompt="consent"))
        second.goto(site.ask(state="second", prompt="consent"))
        sign_in(first)
        expect(first).to_have_url(re.compile("/ui/consent"))
        sign_in(second, password="not even right")
        for page, state in ((second, "second"), (first, "first")):
            page.get_by_role("button", name="Allow", exact=True).click()
            assert home(page)["state"] == [state]


@pytest.mark.slow
def test_the_way_back_is_pleasant(chromium: Browser, site: Site):
    with visiting(chromium) as person:
        page = person.page
        page.goto(site.ask(prompt="consent"))
        sign_in(page)
        page.get_by_role("button", name="Allow", exact=True).click()
        home(page)
        page.go_back()
        page.reload()
        expect(page.get_by_role("heading", name="This page has expired")).to_be_visible()
        expect(page.get_by_text("go back to the app that you came from")).to_be_visible()


@pytest.mark.slow
def test_an_address_that_was_passed_on_is_worth_nothing(chromium: Browser, site: Site):
    """Session fixation, with two real browsers."""
    with visiting(chromium) as attacker, visiting(chromium) as victim:
        attacker.page.goto(site.ask())
        link = attacker.page.url
        victim.page.goto(link)
        expect(victim.page.get_by_role("heading", name="This page belongs to another browser")).to_be_visible()
        victim.page.goto(site.ask())
        sign_in(victim.page, "bob")
        expect(victim.page).to_have_url(re.compile("/ui/consent"))
        attacker.page.goto(victim.page.url)
        expect(attacker.page.get_by_role("heading", name="This page belongs to another browser")).to_be_visible()
        victim.page.goto(link)
        expect(victim.page.get_by_role("heading", name="This page belongs to another browser")).to_be_visible()


@pytest.mark.slow
def test_another_site_cannot_sign_a_visitor_in_as_somebody_else(chromium: Browser, site: Site):
    """Login CSRF, with two real browsers: everything that the attacker's own browser knows, sent by the victim's."""
    with visiting(chromium) as attacker, visiting(chromium) as victim:
        attacker.page.goto(site.ask())
        fields = {
            name: attacker.page.locator(f"input[name={name}]").get_attribute("value") for name in ("csrf", "flow")
        } | {"username": "bob", "password": PASSWORD}
        inputs = "".join(f'<input name="{name}" value="{value}">' for name, value in fields.items())
        publish("/evil", f'<form method="post" action="{site.issuer}/ui/login">{inputs}<button>Win</button></form>')
        victim.page.goto(site.ask())
        for host in (site.other, f"http://localhost:{urlsplit(site.other).port}"):
            victim.page.goto(f"{host}/evil")
            victim.page.get_by_role("button", name="Win").click()
            expect(victim.page.get_by_role("heading")).to_have_text(
                re.compile("This page belongs to another browser|This did not come from here")
            )
        names = {cookie["name"].rpartition("-")[0] for cookie in victim.context.cookies()}
        assert names == {"as-browser"}


@pytest.mark.slow
def test_no_page_can_be_framed(chromium: Browser, site: Site):
    with visiting(chromium) as person:
        publish("/frame", f'<iframe src="{site.ask()}" title="framed"></iframe>')
        with person.page.expect_console_message(lambda message: "frame-ancestors" in message.text):
            person.page.goto(f"{site.other}/frame")
        assert any("frame-ancestors" in complaint for complaint in person.complaints)


@pytest.mark.slow
@pytest.mark.parametrize("scripts", SCRIPTS)
def test_an_answer_by_form_reaches_the_client(chromium: Browser, site: Site, scripts: bool):
    with visiting(chromium, java_script_enabled=scripts) as person:
        page = person.page
        page.goto(site.ask(prompt="consent", response_mode="form_post"))
        sign_in(page)
        page.get_by_role("button", name="Allow", exact=True).click()
        if not scripts:
            expect(page.get_by_text("Press the button to go on.")).to_be_visible()
            page.get_by_role("button", name="Continue").click()
        assert "code" in home(page)
        assert person.complaints == []


@pytest.mark.slow
@pytest.mark.parametrize("scripts", SCRIPTS)
def test_a_person_signs_out_and_is_asked_who_they_are_the_next_time(chromium: Browser, site: Site, scripts: bool):
    with visiting(chromium, java_script_enabled=scripts) as person:
        page = person.page
        page.goto(site.ask(prompt="consent"))
        sign_in(page)
        expect(page).to_have_url(re.compile("/ui/consent"))
        page.goto(f"{site.issuer}/ui/logout")
        expect(page.get_by_text("You are signed in as alice.")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
        assert person.context.cookies() == []
        page.goto(site.ask())
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
