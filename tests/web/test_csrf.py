from dataclasses import replace
from uuid import UUID

import pytest

from authsvc.crypto import opaque
from authsvc.web.cookies import Cookies, cookie_name
from authsvc.web.csrf import ForeignForm, FormOutdated, check_csrf, csrf_token
from tests.web.calls import a_call, a_tenant

SESSION, BROWSER = opaque.new_secret(opaque.SESSION), opaque.new_secret(opaque.BROWSER)
OTHER = opaque.new_secret(opaque.BROWSER)
COOKIE = f"{cookie_name(a_tenant(), opaque.BROWSER)}={BROWSER}"
SIGNED_IN = f"{COOKIE}; {cookie_name(a_tenant(), opaque.SESSION)}={SESSION}"
TOKEN = csrf_token(a_call(), Cookies(browser=BROWSER), "login", "flow")


@pytest.mark.parametrize("secret", [Cookies(browser=BROWSER), Cookies(SESSION, BROWSER)], ids=["browser", "session"])
def test_a_form_comes_back_from_the_browser_that_it_was_served_to(secret):
    token = csrf_token(a_call(), secret, "login", "flow")
    cookie = SIGNED_IN if secret.session else COOKIE
    check_csrf(a_call(fields={"csrf": (token,)}, cookie=cookie), "login", "flow")


@pytest.mark.parametrize(
    ("token", "cookie"),
    [
        pytest.param((), COOKIE, id="no token"),
        pytest.param((TOKEN, TOKEN), COOKIE, id="two tokens"),
        pytest.param((TOKEN,), "", id="no cookie"),
        pytest.param((TOKEN,), COOKIE.replace(BROWSER, OTHER), id="another browser"),
        pytest.param((TOKEN,), SIGNED_IN, id="somebody signed in since"),
        pytest.param((TOKEN.upper(),), COOKIE, id="another spelling"),
        pytest.param(("ü" * 64,), COOKIE, id="not even ASCII"),
        pytest.param((csrf_token(a_call(), Cookies(browser=BROWSER), "consent", "flow"),), COOKIE, id="another form"),
        pytest.param((csrf_token(a_call(), Cookies(browser=BROWSER), "login", "other"),), COOKIE, id="another errand"),
        pytest.param((csrf_token(a_call(), Cookies(browser=BROWSER), "loginf", "low"),), COOKIE, id="moved borders"),
    ],
)
def test_a_form_of_elsewhere_is_refused(token, cookie):
    with pytest.raises(FormOutdated):
        check_csrf(a_call(fields={"csrf": token} if token else {}, cookie=cookie), "login", "flow")


def test_a_form_of_another_tenant_is_refused():
    other = replace(a_tenant(), id=UUID("11111111-9999-4333-8444-555555555555"))
    assert csrf_token(a_call(other), Cookies(browser=BROWSER), "login") != csrf_token(
        a_call(), Cookies(browser=BROWSER), "login"
    )


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"sec_fetch_site": "cross-site"}, id="cross-site"),
        pytest.param({"sec_fetch_site": "same-site"}, id="a neighbour"),
        pytest.param({"origin": "https://evil.example"}, id="another origin"),
        pytest.param({"origin": "http://login.example"}, id="another scheme"),
        pytest.param({"origin": "https://login.example:8443"}, id="another port"),
        pytest.param({"origin": "null"}, id="an origin that hides"),
    ],
)
def test_a_form_that_another_site_sent_is_refused_even_with_its_token(headers):
    with pytest.raises(ForeignForm):
        check_csrf(a_call(fields={"csrf": (TOKEN,)}, cookie=COOKIE, **headers), "login", "flow")


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"sec_fetch_site": "same-origin", "origin": "https://login.example"}, id="a browser of today"),
        pytest.param({"sec_fetch_site": "none"}, id="typed by hand"),
        pytest.param({}, id="a browser that says nothing"),
    ],
)
def test_our_own_form_passes(headers):
    check_csrf(a_call(fields={"csrf": (TOKEN,)}, cookie=COOKIE, **headers), "login", "flow")
