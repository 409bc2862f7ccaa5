import re
from base64 import b64encode
from hashlib import sha256

import pytest

from authsvc.domain.people.lockout import Throttled
from authsvc.domain.sign_in.flows import FlowOver, ForeignBrowser
from authsvc.errors import AuthsvcError, StorageUnavailable
from authsvc.protocol.errors import InvalidRequest
from authsvc.web.csrf import ForeignForm, FormOutdated
from authsvc.web.error_page import error_page
from authsvc.web.languages import LANGUAGES
from authsvc.web.page import Frame, Reader, logo_address, page_address, render, see_other
from authsvc.web.responses import Response
from tests.web.calls import a_call, a_tenant

SHOWN = {"title": "T", "words": "W", "advice": "", "request_id": "r1", "told": ""}


def header(response: Response, name: str) -> str:
    (found,) = [value.decode() for key, value in response.headers if key == name.encode()]
    return found


def policy(response: Response) -> dict[str, str]:
    return dict(part.strip().split(" ", 1) for part in header(response, "content-security-policy").split(";"))


def test_a_page_lets_in_its_own_stylesheet_and_nothing_else():
    response = render(a_call(), "error", SHOWN)
    style = re.search(r"<style>(.*?)</style>", response.body.decode(), re.DOTALL)
    assert style is not None
    digest = b64encode(sha256(style[1].encode()).digest()).decode()
    assert policy(response) == {
        "default-src": "'none'", "style-src": f"'sha256-{digest}'", "img-src": "'self'", "form-action": "'self'",
        "base-uri": "'none'", "frame-ancestors": "'none'",
    }  # fmt: skip
    assert header(response, "referrer-policy") == "same-origin"
    assert header(response, "cache-control") == "no-store"
    assert not re.search(r"<script|<iframe|\son\w+=|\sstyle=|url\(|@import|https?://", response.body.decode())


@pytest.mark.parametrize(
    ("leads_to", "expected"),
    [
        pytest.param(("https://app.example/cb", "https://b.example/cb"), "'self' https:", id="the web"),
        pytest.param(("http://127.0.0.1:4711/cb",), "'self' http: https:", id="loopback"),
        pytest.param(("com.example.app:/cb",), "'self' com.example.app:", id="an app of its own"),
    ],
)
def test_a_form_may_lead_where_the_errand_ends(leads_to, expected):
    assert policy(render(a_call(), "error", SHOWN, Frame(leads_to=leads_to)))["form-action"] == expected


def test_what_is_shown_is_text_whatever_it_holds():
    evil = "<script>alert(1)</script>'\"><img src=x onerror=alert(1)>"
    body = render(a_call(a_tenant(name=evil)), "error", SHOWN | {"words": evil}).body.decode()
    assert "&lt;script&gt;alert(1)" in body
    assert "<script" not in body
    assert "<img" not in body


@pytest.mark.parametrize("code", list(LANGUAGES))
def test_a_page_names_its_language_and_direction(code):
    body = render(a_call(accept_language=code), "error", SHOWN).body.decode()
    assert f'<html lang="{code}" dir="{LANGUAGES[code].direction}">' in body


def test_a_tenants_name_logo_and_colours_are_shown():
    tenant = a_tenant("https://login.example/auth", name="Acme", accent="#ffdd00", logo=b"PNG", logo_type="image/png")
    body = render(a_call(tenant), "error", SHOWN).body.decode()
    assert "<title>T · Acme</title>" in body
    assert f'<img src="{logo_address(tenant)}" alt="">' in body
    assert logo_address(tenant).startswith("/auth/ui/logo?v=")
    assert ":root{--accent:#ffdd00;--on-accent:#000000;}" in body, "too bright for text on white"
    assert "--accent:#ffdd00;--on-accent:#000000;--link:#ffdd00;" in body, "but not on black"


def test_addresses_are_built_of_the_issuer_alone():
    tenant = a_tenant("https://login.example/t/acme")
    assert page_address(tenant, "login", "h") == "https://login.example/t/acme/ui/login?flow=h"
    assert header(see_other(page_address(tenant, "account")), "location") == "https://login.example/t/acme/ui/account"


@pytest.mark.parametrize(
    ("error", "status", "title"),
    [
        pytest.param(Throttled(30), 429, "Too many attempts", id="throttled"),
        pytest.param(StorageUnavailable("disk"), 503, "Just a moment", id="storage"),
        pytest.param(FlowOver("x"), 400, "This page has expired", id="flow over"),
        pytest.param(ForeignBrowser("x"), 403, "This page belongs to another browser", id="foreign browser"),
        pytest.param(ForeignForm("x"), 403, "This did not come from here", id="foreign form"),
        pytest.param(FormOutdated("x"), 403, "This page is out of date", id="form outdated"),
        pytest.param(InvalidRequest("x", detail="secret detail"), 400, "This cannot be done", id="a protocol's"),
        pytest.param(AuthsvcError("secret detail"), 500, "Something went wrong", id="unknown"),
    ],
)
def test_the_error_page_says_what_helps_and_no_details(error, status, title):
    response = error_page(error, Reader(LANGUAGES["en"], None), "r4711")
    body = response.body.decode()
    assert response.status == status
    assert f"<h1>{title}</h1>" in body
    assert "r4711" in body
    assert "secret detail" not in body
    assert not error.detail or error.detail not in re.sub("<style>.*</style>", "", body, flags=re.DOTALL).split()
    if status in {429, 503}:
        assert int(header(response, "retry-after")) >= 1


@pytest.mark.parametrize("code", list(LANGUAGES))
def test_what_a_client_did_wrong_is_told_in_the_words_of_the_protocol_besides(code):
    error = InvalidRequest("the redirect_uri is <not> registered", detail="secret detail")
    body = error_page(error, Reader(LANGUAGES[code], None), "r").body.decode()
    assert '<code lang="en" dir="ltr">invalid_request: the redirect_uri is &lt;not&gt; registered</code>' in body
    assert "secret detail" not in body


def test_the_error_page_speaks_the_readers_language():
    body = error_page(FlowOver("x"), Reader(LANGUAGES["ar"], a_tenant()), "r").body.decode()
    assert "انتهت صلاحية هذه الصفحة" in body
    assert 'dir="rtl"' in body


def test_a_tenants_colour_is_that_of_links_only_where_it_can_be_read():
    body = render(a_call(a_tenant("https://login.example", accent="#0b5c8a")), "error", SHOWN).body.decode()
    own, dark = body.partition("@media (prefers-color-scheme: light){")[2].split("\n", 2)[:2]
    assert "--link:#0b5c8a" in own
    assert "--accent:#0b5c8a" in dark
    assert "--link" not in dark
