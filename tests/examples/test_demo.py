"""The demonstration, clicked through: the shop signs a person in by Authlib, over https, and takes an order."""

import os
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import httpx
import pytest

from tests.harness import postgres

DEMO = Path(__file__).parents[2] / "examples" / "demo.py"


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[tuple[httpx.Client, str, str]]:
    """A browser that trusts the demonstration's authority, the shop's address, and Ada's password."""
    # The two ports after it are taken too.
    port = postgres.free_port()
    printed = tmp_path / "printed"
    with printed.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, DEMO, "--data", tmp_path, "--port", str(port)], stdout=out, stderr=out,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 100
        while not (found := re.search(r"Sign in as +ada +with +(\S+)", printed.read_text())):
            assert process.poll() is None, printed.read_text()
            assert time.monotonic() < deadline, printed.read_text()
            time.sleep(0.2)
        context = ssl.create_default_context(cafile=tmp_path / "ca.pem")
        with httpx.Client(verify=context, trust_env=False, follow_redirects=True, timeout=30) as browser:
            yield browser, f"https://localhost:{port + 1}", found[1]
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def submit(browser: httpx.Client, page: httpx.Response, button: str = "", **typed: str) -> httpx.Response:
    """Fill in the page's form and press its button of that name."""
    form = re.search(r"<form[^>]*method=\"?post\"?.*?</form>", page.text, re.DOTALL)
    assert form is not None, page.text
    action = re.search(r'action="([^"]*)"', form[0])
    fields = dict(re.findall(r'<input[^>]*type="hidden"[^>]*name="([^"]*)"[^>]*value="([^"]*)"', form[0]))
    if button:
        pressed = re.search(rf'<button[^>]*name="([^"]*)"[^>]*value="({button})"', form[0])
        assert pressed is not None, form[0]
        fields[pressed[1]] = pressed[2]
    address = page.url.join(unescape(action[1])) if action else page.url
    values = {name: unescape(value) for name, value in fields.items()}
    origin = f"{page.url.scheme}://{page.url.netloc.decode()}"
    return browser.post(address, data=values | typed, headers={"Origin": origin})


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_person_signs_in_agrees_orders_and_signs_out(demo: tuple[httpx.Client, str, str]):
    browser, shop, password = demo
    assert "Sign in" in browser.get(shop).text

    login = browser.get(f"{shop}/sign-in")
    assert login.url.path == "/ui/login"
    assert "Harbour Books" in login.text
    wrong = submit(browser, login, username="ada", password="not this one")
    assert wrong.url.path == "/ui/login"
    consent = submit(browser, wrong, username="ada", password=password)
    assert consent.url.path == "/ui/consent"
    home = submit(browser, consent, "allow")
    assert home.url == httpx.URL(f"{shop}/")
    assert "Good to see you, Ada" in home.text

    ordered = browser.post(f"{shop}/order", data={"book": "Tides and Their Tables"})
    assert ordered.text.count("Tides and Their Tables") >= 3

    out = browser.post(f"{shop}/sign-out")
    if out.url.path != "/":
        out = submit(browser, out)
    assert out.url == httpx.URL(f"{shop}/")
    assert "Sign in" in out.text
    assert browser.get(f"{shop}/sign-in").url.path == "/ui/login", "signed out there, too"
