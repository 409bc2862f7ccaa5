"""Take the four pictures of README.md from the demo: `python examples/pictures.py` (needs Debian's chromium).

Starts the demo in a folder of its own, and clicks through it as a person would.
"""

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import demo
from playwright.sync_api import Browser, Page, sync_playwright

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
]
PORT = 9443
SHOP = f"https://localhost:{PORT + 1}/"


def main() -> None:
    """Take them all."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        password = demo.play(Path(folder).resolve(), PORT, running).password
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            take(at_sign_in(browser, "en-GB"), "sign-in")
            take(at_sign_in(browser, "ar"), "sign-in-arabic")
            page = at_sign_in(browser, "en-GB", color_scheme="dark")
            sign_in(page, password)
            take(page, "consent-dark")
            page = at_sign_in(browser, "en-GB")
            sign_in(page, password)
            page.click("button[value=allow]")
            page.goto(f"https://localhost:{PORT}/ui/account")
            take(page, "account")
            browser.close()


def at_sign_in(browser: Browser, locale: str, color_scheme: Literal["dark", "light"] = "light") -> Page:
    """Come to the page of sign-in from the shop, in a browser without a past."""
    size = {"width": 640, "height": 720}
    context = browser.new_context(ignore_https_errors=True, locale=locale, viewport=size, color_scheme=color_scheme)
    page = context.new_page()
    page.goto(SHOP)
    page.click("text=Sign in")
    return page


def sign_in(page: Page, password: str) -> None:
    """Be Ada."""
    page.fill("input[name=username]", demo.USERNAME)
    page.fill("input[name=password]", password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/ui/consent**")


def take(page: Page, name: str) -> None:
    """Keep what is seen."""
    page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


if __name__ == "__main__":
    main()
