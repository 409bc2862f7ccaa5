import pytest

from authsvc.verify import MetadataInvalid
from authsvc.verify.metadata import check_issuer, metadata_urls, read_address
from tests.verify.conftest import MakeVerifier
from tests.verify.issuer_server import Answer, Hands, IssuerServer, json_answer

ISSUER = "https://auth.example"


@pytest.mark.parametrize(
    "issuer",
    [
        "https://auth.example",
        "https://auth.example/",
        "https://auth.example:8443/t/acme",
        "http://localhost:8000",
        "http://127.0.0.1:8000/t/acme",
        "http://[::1]:8000",
    ],
)
def test_an_issuer_is_https_or_http_on_loopback(issuer: str):
    check_issuer(issuer)


@pytest.mark.parametrize(
    "issuer",
    [
        pytest.param("http://auth.example", id="no TLS"),
        pytest.param("http://localhost.evil.example", id="looks like loopback"),
        pytest.param("http://127.0.0.1.evil.example", id="begins like loopback"),
        pytest.param("http://10.0.0.1", id="private address without TLS"),
        pytest.param("ftp://localhost", id="other scheme"),
        pytest.param("auth.example", id="no scheme"),
        pytest.param("https://", id="no host"),
        pytest.param("https://user@auth.example", id="user information"),
        pytest.param("https://auth.example?x", id="query"),
        pytest.param("https://auth.example?", id="empty query"),
        pytest.param("https://auth.example#x", id="fragment"),
        pytest.param("https://auth.example#", id="empty fragment"),
        pytest.param("https://auth.example:99999", id="no such port"),
        pytest.param("https://[::1", id="half an address"),
        pytest.param("https://auth\n.example", id="line feed"),
        pytest.param("https://auth.example ", id="space"),
        pytest.param("https://auth.example\\@evil.example", id="backslash"),
        pytest.param("https://\u0430uth.example", id="letter of another script"),
        pytest.param("", id="empty"),
    ],
)
def test_any_other_issuer_is_refused(issuer: str):
    with pytest.raises(ValueError, match=r"."):
        check_issuer(issuer)


@pytest.mark.parametrize(
    ("issuer", "urls"),
    [
        (
            "https://auth.example/",
            (
                "https://auth.example/.well-known/oauth-authorization-server",
                "https://auth.example/.well-known/openid-configuration",
            ),
        ),
        (
            "https://auth.example/t/acme",
            (
                "https://auth.example/.well-known/oauth-authorization-server/t/acme",
                "https://auth.example/t/acme/.well-known/openid-configuration",
            ),
        ),
    ],
)
def test_metadata_lies_where_the_two_specifications_put_it(issuer: str, urls: tuple[str, str]):
    assert metadata_urls(issuer) == urls


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({"jwks_uri": f"{ISSUER}/jwks"}, id="no issuer"),
        pytest.param({"issuer": f"{ISSUER}/", "jwks_uri": f"{ISSUER}/jwks"}, id="issuer with a slash more"),
        pytest.param({"issuer": "https://AUTH.example", "jwks_uri": f"{ISSUER}/jwks"}, id="issuer in capitals"),
        pytest.param({"issuer": [ISSUER], "jwks_uri": f"{ISSUER}/jwks"}, id="issuer in a list"),
        pytest.param({"issuer": ISSUER}, id="no keys"),
        pytest.param({"issuer": ISSUER, "jwks_uri": 5}, id="keys are a number"),
        pytest.param({"issuer": ISSUER, "jwks_uri": "http://auth.example/jwks"}, id="keys without TLS"),
        pytest.param({"issuer": ISSUER, "jwks_uri": "http://127.0.0.1/jwks"}, id="keys on our own loopback"),
        pytest.param({"issuer": ISSUER, "jwks_uri": "file:///etc/jwks"}, id="keys in a file"),
        pytest.param({"issuer": ISSUER, "jwks_uri": "/jwks"}, id="keys without a host"),
    ],
)
def test_metadata_that_is_not_the_issuers_own_is_refused(metadata: dict[str, object]):
    with pytest.raises(MetadataInvalid):
        read_address(metadata, ISSUER, "jwks_uri")


def test_keys_may_lie_on_another_host_that_speaks_tls():
    metadata = {"issuer": ISSUER, "jwks_uri": "https://keys.example/jwks?v=1"}

    assert read_address(metadata, ISSUER, "jwks_uri") == "https://keys.example/jwks?v=1"


def test_an_issuer_with_a_path_is_found_in_the_inserted_form(hands: Hands, make_verifier: MakeVerifier):
    server = IssuerServer(hands, "/t/acme")
    try:
        assert make_verifier(server.issuer).verify(server.token()).subject == "user-1"
    finally:
        server.go_away()
    assert server.fetches == {"/.well-known/oauth-authorization-server/t/acme": 1, "/jwks": 1}


@pytest.mark.parametrize(
    "first",
    [
        pytest.param((404, {}, b""), id="not found"),
        pytest.param((302, {"Location": "/"}, b""), id="redirect"),
        pytest.param((200, {}, b"<html>"), id="a page"),
        pytest.param(json_answer({"issuer": "https://neighbour.example"}), id="a neighbour's"),
    ],
)
def test_an_issuer_known_only_to_openid_is_found_in_the_appended_form(
    first: Answer, server: IssuerServer, make_verifier: MakeVerifier
):
    server.answers[server.metadata_path] = first
    server.answers["/.well-known/openid-configuration"] = json_answer(server.metadata())

    assert make_verifier().verify(server.token()).subject == "user-1"


def test_a_server_that_answers_for_another_issuer_is_refused(server: IssuerServer, make_verifier: MakeVerifier):
    verifier = make_verifier(server.issuer.replace("127.0.0.1", "localhost"))

    with pytest.raises(MetadataInvalid):
        verifier.verify(server.token())
    assert server.fetches["/jwks"] == 0
