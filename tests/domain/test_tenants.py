from datetime import UTC, datetime

import pytest

from authsvc.domain.tenants import IssuerInvalid, Look, LookInvalid, check_issuer, check_look, new_tenant

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "issuer",
    [
        "https://login.example.com",
        "https://login.example.com:8443/t/acme",
        "https://example.com/auth",
        "https://example.com/api/v1/auth/t/acme",
        "http://localhost:8000",
        "http://127.0.0.1:8000/auth",
        "http://[::1]:8000",
    ],
)
def test_an_issuer_is_https_or_http_on_loopback_with_a_plain_path(issuer: str):
    assert check_issuer(issuer) == issuer


@pytest.mark.parametrize(
    "issuer",
    [
        pytest.param("http://login.example.com", id="no TLS"),
        pytest.param("login.example.com", id="no scheme"),
        pytest.param("https://", id="no host"),
        pytest.param("https://login.example.com/", id="trailing slash"),
        pytest.param("https://login.example.com/auth/", id="trailing slash after a path"),
        pytest.param("https://login.example.com//auth", id="empty segment"),
        pytest.param("https://login.example.com/a/../b", id="dots"),
        pytest.param("https://login.example.com/./b", id="a dot"),
        pytest.param("https://login.example.com/.well-known/auth", id="well-known"),
        pytest.param("https://login.example.com/a%2Fb", id="escaped slash"),
        pytest.param("https://login.example.com/a b", id="space"),
        pytest.param("https://login.example.com?x", id="query"),
        pytest.param("https://login.example.com?", id="empty query"),
        pytest.param("https://login.example.com#x", id="fragment"),
        pytest.param("https://me@login.example.com", id="user name"),
        pytest.param("https://login .example.com", id="space in the host"),
        pytest.param("https://login.example.com\u202e", id="right-to-left override"),
        pytest.param("https://l\u00f6gin.example.com", id="other alphabet"),
        pytest.param("https://login.example.com\n", id="line feed"),
        pytest.param('https://login"x.example.com', id="quote"),
    ],
)
def test_any_other_issuer_is_refused(issuer: str):
    with pytest.raises(IssuerInvalid):
        check_issuer(issuer)


@pytest.mark.parametrize(
    ("default", "issuer", "host", "path"),
    [
        pytest.param("https://a.example", "https://a.example/t/acme", None, "/t/acme", id="a path"),
        pytest.param("https://a.example", "https://b.example", "b.example", "", id="a host"),
        pytest.param("https://a.example", "https://B.example/t/acme", "b.example", "/t/acme", id="both"),
        pytest.param("https://a.example/auth", "https://a.example/auth/t/acme", None, "/t/acme", id="a path, mounted"),
        pytest.param("https://a.example/auth", "https://b.example/auth", "b.example", "", id="a host, mounted"),
    ],
)
def test_a_tenant_is_selected_by_what_its_issuer_has_beyond_the_default_ones(
    default: str, issuer: str, host: str | None, path: str
):
    first = new_tenant("default", default, NOW, None)
    tenant = new_tenant("acme", issuer, NOW, first)

    assert (first.host, first.path, first.is_default) == (None, "", True)
    assert (tenant.host, tenant.path, tenant.is_default) == (host, path, False)


@pytest.mark.parametrize(
    ("default", "issuer"),
    [
        pytest.param("https://a.example", "https://a.example/acme", id="another path"),
        pytest.param("https://a.example", "https://a.example/t/Acme", id="capitals"),
        pytest.param("https://a.example", "https://a.example/t/a/b", id="deeper"),
        pytest.param("https://a.example/auth", "https://a.example/t/acme", id="outside the mount"),
        pytest.param("https://a.example/auth", "https://a.example/authentic/t/acme", id="beside the mount"),
        pytest.param("https://a.example/auth", "https://b.example", id="another host outside the mount"),
        pytest.param(None, "https://a.example/t/acme", id="the default with a tenant's path"),
        pytest.param(None, "https://a.example/auth/t/acme", id="the mounted default with a tenant's path"),
    ],
)
def test_a_tenant_that_no_request_could_select_is_refused(default: str | None, issuer: str):
    first = new_tenant("default", default, NOW, None) if default else None
    with pytest.raises(IssuerInvalid):
        new_tenant("acme", issuer, NOW, first)


PNG = b"\x89PNG\r\n\x1a\n..."


@pytest.mark.parametrize(
    "look",
    [
        Look(),
        Look("Ännes Laden", "#a0b1C2", "#ffffff", PNG, "image/png"),
        Look(logo=b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", logo_type="image/svg+xml"),
    ],
    ids=["plain", "everything", "drawn"],
)
def test_a_look_is_a_name_two_colours_and_a_picture(look):
    assert check_look(look) is look


@pytest.mark.parametrize(
    "look",
    [
        pytest.param(Look(name=""), id="empty name"),
        pytest.param(Look(name="x" * 101), id="long name"),
        pytest.param(Look(name="a\nb"), id="name in two lines"),
        pytest.param(Look(accent="red"), id="colour by name"),
        pytest.param(Look(accent="#fff"), id="short colour"),
        pytest.param(Look(accent_dark="#000000;}"), id="style sheet for a colour"),
        pytest.param(Look(logo=PNG), id="logo without a type"),
        pytest.param(Look(logo_type="image/png"), id="type without a logo"),
        pytest.param(Look(logo=PNG, logo_type="text/html"), id="page for a logo"),
        pytest.param(Look(logo=b"<html>", logo_type="image/png"), id="not what it says"),
        pytest.param(Look(logo=b"<html>", logo_type="image/svg+xml"), id="no drawing"),
        pytest.param(Look(logo=PNG + b"x" * 65_536, logo_type="image/png"), id="too large"),
    ],
)
def test_pages_cannot_look_so(look):
    with pytest.raises(LookInvalid):
        check_look(look)
