import json
from typing import Any

import pytest

from authsvc.crypto import jwk
from authsvc.domain.parties.key_sources import KeySourceInvalid, check_key_source

PUBLIC = dict(jwk.load_signing_key("ES256", jwk.generate("ES256")).public)
NAMED = frozenset({"inside:8080", "intranet"})


def a_set(*keys: Any) -> str:
    return json.dumps({"keys": keys})


def test_public_keys_are_taken():
    check_key_source(a_set(PUBLIC), None)
    check_key_source(a_set({"kty": "unknown"}, {k: v for k, v in PUBLIC.items() if k != "kid"}), None)


@pytest.mark.parametrize("url", ["https://host.example/jwks?x=1", "https://8.8.8.8:8443/", "http://inside:8080/k"])
def test_a_url_that_may_be_read_is_taken(url: str):
    check_key_source(None, url, NAMED)


@pytest.mark.parametrize(
    ("jwks", "jwks_uri"),
    [
        pytest.param(None, None, id="neither"),
        pytest.param(a_set(PUBLIC), "https://host.example/", id="both"),
        pytest.param(None, "", id="empty URL"),
        pytest.param(None, "http://host.example/", id="no TLS"),
        pytest.param(None, "http://inside:8081/", id="no TLS on another port than named"),
        pytest.param(None, "https://user@host.example/", id="user info"),
        pytest.param(None, "https://host.example/#keys", id="fragment"),
        pytest.param(None, "https://host.example:22/", id="port of another service"),
        pytest.param(None, "https://0x7f.1/", id="number for an address"),
        pytest.param(None, "file:///etc/passwd", id="file"),
        pytest.param(None, "https://host.example/" + "a" * 2_048, id="too long"),
        pytest.param("", None, id="empty text"),
        pytest.param("[]", None, id="no object"),
        pytest.param('{"keys": {}}', None, id="no list"),
        pytest.param('{"keys": [], "keys": []}', None, id="read in two ways"),
        pytest.param('{"keys": ["\ud800"]}', None, id="lone surrogate"),
        pytest.param(a_set(), None, id="no key"),
        pytest.param(a_set({"kty": "unknown"}), None, id="no usable key"),
        pytest.param(a_set(*[PUBLIC] * 101), None, id="too many keys"),
        pytest.param(a_set(PUBLIC, PUBLIC | {"d": "AAAA"}), None, id="private key"),
        pytest.param(a_set(PUBLIC, {"kty": "AKP", "alg": "ML-DSA-44", "priv": "AAAA"}), None, id="private ML-DSA key"),
        pytest.param(a_set(PUBLIC, {"kty": "oct", "k": "AAAA"}), None, id="symmetric key"),
        pytest.param(a_set(PUBLIC, {"kty": "oct"}), None, id="symmetric key without its octets"),
        pytest.param(a_set(PUBLIC | {"x5c": ["A" * 70_000]}), None, id="text too long"),
    ],
)
def test_keys_that_cannot_be_had_are_refused(jwks: str | None, jwks_uri: str | None):
    with pytest.raises(KeySourceInvalid):
        check_key_source(jwks, jwks_uri, NAMED)
