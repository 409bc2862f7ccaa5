"""Every page, in both themes, as axe (WCAG 2.2 AA) sees it, and as it fits narrow screens in every language."""

from collections.abc import Callable
from itertools import count

import pytest
from playwright.sync_api import Browser, Page

from authsvc.web.languages import LANGUAGES
from tests.browsers.site import DESKTOP, NARROW, PHONE, Site, visiting
from tests.flows.world import PASSWORD
from tests.harness.requirements import require

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_NOBODY = (f"nobody {number}" for number in count())
"""Another one each time: guesses at one name are throttled."""
Open = Callable[[Page, Site], None]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def _press(page: Page) -> None:
    """The page's button, and wait for the next page."""
    with page.expect_navigation():
        page.locator("main button").click()


def _login(page: Page, site: Site) -> None:
    page.goto(site.ask())


def _login_wrong(page: Page, site: Site) -> None:
    page.goto(site.ask())
    page.locator("#username").fill(next(_NOBODY))
    page.locator("#password").fill("wrong")
    _press(page)
    page.get_by_role("alert").wait_for()


def _consent(page: Page, site: Site) -> None:
    page.goto(site.ask(prompt="login consent", claims='{"userinfo":{"birthdate":null}}'))
    page.locator("#username").fill("alice")
    page.locator("#password").fill(PASSWORD)
    page.locator("main button").click()
    page.wait_for_url("**/ui/consent*")


def _select_account(page: Page, site: Site) -> None:
    _consent(page, site)
    page.goto(site.ask(prompt="select_account"))
    page.wait_for_url("**/ui/select-account*")


def _register(page: Page, site: Site) -> None:
    page.goto(site.ask(prompt="create"))
    page.wait_for_url("**/ui/register*")


def _register_wrong(page: Page, site: Site) -> None:
    _register(page, site)
    page.locator("#username").fill("a b")
    page.locator("#password").fill("too short")
    _press(page)
    page.get_by_role("alert").wait_for()


def _forgot(page: Page, site: Site) -> None:
    page.goto(f"{site.issuer}/ui/forgot")


def _forgot_sent(page: Page, site: Site) -> None:
    _forgot(page, site)
    page.locator("#username").fill(next(_NOBODY))
    _press(page)
    page.locator("#username").wait_for(state="detached")


def _reset(page: Page, site: Site) -> None:
    page.goto(f"{site.issuer}/ui/reset")


def _account(page: Page, site: Site) -> None:
    page.goto(f"{site.issuer}/ui/account")
    page.locator("#username").fill("alice")
    page.locator("#password").fill(PASSWORD)
    page.locator("main button").click()
    page.wait_for_url("**/ui/account")


def _of_account(name: str) -> Open:
    def opened(page: Page, site: Site) -> None:
        _account(page, site)
        answer = page.goto(f"{site.issuer}/ui/account/{name}")
        assert answer is not None
        assert answer.status == 200

    return opened


ACCOUNT = ("profile", "sign-in", "password", "sessions", "apps", "keys", "data", "delete")


def _logout(page: Page, site: Site) -> None:
    _consent(page, site)
    page.goto(f"{site.issuer}/ui/logout")
    page.locator("main button").wait_for()


def _signed_out(page: Page, site: Site) -> None:
    _logout(page, site)
    _press(page)
    page.get_by_role("heading").wait_for()


def _error(page: Page, site: Site) -> None:
    page.goto(f"{site.issuer}/ui/login?flow=x")


def _nowhere(page: Page, site: Site) -> None:
    page.goto(f"{site.issuer}/ui/nowhere")


PAGES: dict[str, Open] = {
    "login": _login,
    "login with a problem": _login_wrong,
    "consent": _consent,
    "select account": _select_account,
    "register": _register,
    "register with a problem": _register_wrong,
    "forgot": _forgot,
    "forgot, sent": _forgot_sent,
    "reset": _reset,
    "account": _account,
    **{f"account, {name}": _of_account(name) for name in ACCOUNT},
    "sign out": _logout,
    "signed out": _signed_out,
    "error": _error,
    "nothing there": _nowhere,
}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(chromium: Browser, site: Site, name: str, theme: str):
    script = require("axe-core").read_text()
    with visiting(chromium, color_scheme=theme, viewport=PHONE, bypass_csp=True) as person:
        PAGES[name](person.page, site)
        person.page.evaluate(script)
        found = person.page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found["violations"]] == []
    assert len(found["passes"]) > 15, "it has looked"


# The longest words and the other direction everywhere, every language where everybody comes by.
FITS = [(name, code) for name in PAGES for code in LANGUAGES if code in {"de", "ar"} or name in {"login", "consent"}]


@pytest.mark.parametrize(("name", "language"), FITS)
def test_nothing_has_to_be_scrolled_sideways_on_the_narrowest_screen(
    chromium: Browser, site: Site, name: str, language: str
):
    with visiting(chromium, viewport=NARROW, locale=language) as person:
        PAGES[name](person.page, site)
        wide = person.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide == 0
        assert person.page.evaluate("document.documentElement.lang") == language
        direction = person.page.evaluate("getComputedStyle(document.querySelector('h1')).direction")
        assert direction == LANGUAGES[language].direction


@pytest.mark.parametrize("name", PAGES)
def test_no_page_complains_or_asks_anybody_else(chromium: Browser, site: Site, name: str):
    with visiting(chromium, viewport=DESKTOP) as person:
        PAGES[name](person.page, site)
        # A refusal's own status is all that the console may mention.
        assert [text for text in person.complaints if "status of 4" not in text] == []
        assert all(address.startswith(site.issuer) for address in person.requests)
