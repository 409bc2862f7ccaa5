from dataclasses import replace
from uuid import UUID

import pytest

from authsvc.crypto import opaque
from authsvc.web.cookies import Cookies, clear_cookies, cookie_name, presented_cookies, set_cookies, with_browser
from tests.web.calls import a_call, a_tenant

SESSION, BROWSER = opaque.new_secret(opaque.SESSION), opaque.new_secret(opaque.BROWSER)
NAME, BROWSER_NAME = "__Host-as-session-11111111", "__Host-as-browser-11111111"


def test_cookies_of_an_https_issuer_are_its_hosts_alone_and_end_with_the_browser():
    headers = set_cookies(a_tenant(), Cookies(SESSION, BROWSER))
    assert headers == (
        (b"set-cookie", f"{NAME}={SESSION}; Path=/; HttpOnly; SameSite=Lax; Secure".encode()),
        (b"set-cookie", f"{BROWSER_NAME}={BROWSER}; Path=/; HttpOnly; SameSite=Lax; Secure".encode()),
    )


def test_cookies_on_loopback_without_https_have_plain_names():
    (header,) = set_cookies(a_tenant("http://localhost:8000"), Cookies(SESSION))
    assert header == (b"set-cookie", f"as-session-11111111={SESSION}; Path=/; HttpOnly; SameSite=Lax".encode())


def test_a_sign_out_makes_the_browser_forget_both():
    assert [text.split(b"=")[0].decode() for _, text in clear_cookies(a_tenant())] == [NAME, BROWSER_NAME]
    assert all(b"Max-Age=0" in text and b"; Secure" in text for _, text in clear_cookies(a_tenant()))


def test_each_tenant_has_names_of_its_own():
    other = replace(a_tenant(), id=UUID("99999999-2222-4333-8444-555555555555"))
    assert cookie_name(other, opaque.SESSION) != cookie_name(a_tenant(), opaque.SESSION)
    assert presented_cookies(a_call(other, cookie=f"{NAME}={SESSION}")) == Cookies()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param(f"{NAME}={SESSION}; {BROWSER_NAME}={BROWSER}", Cookies(SESSION, BROWSER), id="both"),
        pytest.param(f"a=b;{NAME}={SESSION};c", Cookies(SESSION), id="among others"),
        pytest.param(f"{NAME}={SESSION}\n{BROWSER_NAME}={BROWSER}", Cookies(SESSION, BROWSER), id="in two headers"),
        pytest.param(f"{NAME}={SESSION}; {NAME}={SESSION}", Cookies(), id="twice"),
        pytest.param(f"{NAME}={BROWSER}", Cookies(), id="of the other kind"),
        pytest.param(f"{NAME}={SESSION[:-1]}", Cookies(), id="cut short"),
        pytest.param(f"{NAME}=", Cookies(), id="empty"),
        pytest.param(f"as-session-11111111={SESSION}", Cookies(), id="without the prefix"),
        pytest.param(";;=;\x7f", Cookies(), id="nonsense"),
    ],
)
def test_a_cookie_is_taken_only_whole_once_and_under_its_name(header, expected):
    assert presented_cookies(a_call(cookie=header)) == expected


def test_a_browser_gets_its_cookie_when_first_needed_and_keeps_it():
    cookies, headers = with_browser(a_call())
    assert cookies.browser is not None
    assert headers == set_cookies(a_tenant(), Cookies(browser=cookies.browser))
    assert with_browser(a_call(cookie=f"{BROWSER_NAME}={BROWSER}")) == (Cookies(None, BROWSER), ())


def test_the_strongest_cookie_is_that_of_the_sign_in():
    assert Cookies(SESSION, BROWSER).strongest == SESSION
    assert Cookies(None, BROWSER).strongest == BROWSER
    assert Cookies().strongest is None
    assert Cookies(None, BROWSER).browser_hash == opaque.hash_secret(BROWSER)
