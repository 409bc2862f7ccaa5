"""How a request must arrive: media type, charset, size, spelling, method (RFC 6749 §3.2, RFC 9110, DESIGN 7)."""

import pytest

from tests.flows.world import FORM, World

SECRET_FREE = b"grant_type=client_credentials&client_id=svc2&client_secret="


@pytest.fixture
def good(small_world: World) -> bytes:
    return SECRET_FREE + small_world.secrets["svc2"].encode()


@pytest.mark.parametrize(
    "content_type",
    [
        pytest.param(FORM, id="plain"),
        pytest.param(FORM.upper(), id="upper case"),
        pytest.param(f"{FORM};charset=utf-8", id="charset"),
        pytest.param(f'{FORM}; charset="UTF-8"', id="quoted charset"),
    ],
)
def test_a_form_is_taken(small_world: World, good, content_type):
    assert small_world.raw("/token", good, content_type).status_code == 200


@pytest.mark.parametrize(
    "content_type",
    [
        pytest.param("application/json", id="JSON"),
        pytest.param("text/plain", id="text"),
        pytest.param("multipart/form-data; boundary=x", id="multipart"),
        pytest.param(f"{FORM}; charset=iso-8859-1", id="another charset"),
        pytest.param(f"{FORM}; charset=utf-16", id="wide charset"),
        pytest.param(f"{FORM}; charset=utf-7", id="charset with tricks"),
        pytest.param(f"{FORM}, application/json", id="two types"),
        pytest.param(f"x{FORM}", id="longer type"),
        pytest.param("", id="none"),
    ],
)
def test_anything_else_is_answered_415_with_what_is_taken(small_world: World, good, content_type):
    answer = small_world.raw("/token", good, content_type)
    assert (answer.status_code, answer.json()["error"]) == (415, "invalid_request")
    assert answer.headers["accept-post"] == FORM


def test_login_takes_json_and_says_so(small_world: World):
    posted = {"username": "alice", "password": "fourteen purple lanterns", "client_id": "app", "scope": "openid"}
    assert small_world.http.post("/login", json=posted).status_code == 200
    answer = small_world.raw("/login", b"<xml/>", "application/xml")
    assert (answer.status_code, answer.headers["accept-post"]) == (415, f"application/json, {FORM}")


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "gzip, identity"])
def test_an_encoded_body_is_refused(small_world: World, good, encoding):
    assert small_world.raw("/token", good, Content_Encoding=encoding).status_code == 415


def test_an_empty_body_needs_no_type(small_world: World):
    answer = small_world.http.post("/token")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


SPOILED = {
    "NUL": b"&x=a%00b",
    "raw NUL": b"&x=a\x00b",
    "control character": b"&x=%0d%0aSet-Cookie:%20a",
    "delete": b"&x=%7f",
    "C1 control": b"&x=%c2%85",
    "lone surrogate in UTF-8": b"&x=%ed%a0%80",
    "overlong UTF-8": b"&x=%c0%ae",
    "cut UTF-8": b"&x=%e2%82",
    "Latin-1": b"&x=\xe4",
    "broken escape": b"&x=%zz",
    "cut escape": b"&x=%4",
    "escape at the end": b"&x=%",
    "NUL in a name": b"&a%00b=x",
    "control in a name": b"&a%0ab=x",
    "long name": b"&" + b"n" * 200 + b"=x",
    "many parameters": b"".join(b"&p%d=x" % number for number in range(100)),
    "grant_type twice": b"&grant_type=client_credentials",
    "client_id twice": b"&client_id=svc2",
    "scope twice": b"&scope=es256:read&scope=es256:read",
    "unknown parameter twice": b"&x=1&x=2",
    "escaped name twice": b"&scope=es256:read&sc%6fpe=es256:read",
}


@pytest.mark.parametrize("spoiled", [pytest.param(body, id=name) for name, body in SPOILED.items()])
def test_what_can_be_read_in_two_ways_is_refused(small_world: World, good, spoiled):
    before = small_world.rows()
    answer = small_world.raw("/token", good + spoiled)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert small_world.rows() == before


JSON_SPOILED = {
    "a member twice": b'{"username":"alice","username":"bob","password":"x","client_id":"app"}',
    "an escaped member twice": b'{"username":"alice","\\u0075sername":"bob","password":"x","client_id":"app"}',
    "NUL": b'{"username":"al\\u0000ice","password":"x","client_id":"app"}',
    "lone surrogate": b'{"username":"\\ud800","password":"x","client_id":"app"}',
    "lone surrogate in a password": b'{"username":"alice","password":"\\udfff","client_id":"app"}',
    "lone surrogate in a name": b'{"username":"alice","password":"x","client_id":"app","\\ud800":"x"}',
    "a number": b'{"username":1,"password":"x","client_id":"app"}',
    "null": b'{"username":null,"password":"x","client_id":"app"}',
    "an object": b'{"username":{},"password":"x","client_id":"app"}',
    "two in a list": b'{"username":["alice","bob"],"password":"x","client_id":"app"}',
    "NaN": b'{"username":NaN,"password":"x","client_id":"app"}',
    "a list": b'["username"]',
    "a text": b'"username"',
    "not JSON": b"{username:alice}",
    "cut": b'{"username":"alice"',
    "two objects": b"{}{}",
    "byte order mark": b'\xef\xbb\xbf{"username":"alice"}',
    "UTF-16": '{"username":"alice"}'.encode("utf-16"),
    "Latin-1": '{"username":"älice"}'.encode("latin-1"),
    "deep": b'{"username":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "long number": b'{"username":' + b"9" * 20_000 + b"}",
}


@pytest.mark.parametrize("spoiled", [pytest.param(body, id=name) for name, body in JSON_SPOILED.items()])
def test_json_that_can_be_read_in_two_ways_is_refused_too(small_world: World, spoiled):
    before = small_world.rows()
    answer = small_world.raw("/login", spoiled, "application/json")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert answer.headers["content-type"] == "application/problem+json"
    assert small_world.rows() == before


@pytest.mark.parametrize("path", ["/token", "/login", "/logout", "/register"])
def test_a_body_above_the_limit_is_answered_413(small_world: World, path):
    answer = small_world.raw(path, b"x=" + b"y" * 70_000)
    assert answer.status_code == 413
    assert answer.json()["request_id"]


@pytest.mark.parametrize("length", ["99999999999999999999", "-1", "0x10", "1e3", "70000", ""])
def test_a_declared_length_is_judged_before_the_body_is_read(small_world: World, length):
    answer = small_world.http.post("/token", content=b"", headers={"Content-Type": FORM, "Content-Length": length})
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [
        ("/token", "GET", "OPTIONS, POST"),
        ("/token", "HEAD", "OPTIONS, POST"),
        ("/token", "PUT", "OPTIONS, POST"),
        ("/token", "DELETE", "OPTIONS, POST"),
        ("/token", "TRACE", "OPTIONS, POST"),
        ("/login", "GET", "OPTIONS, POST"),
        ("/logout", "GET", "OPTIONS, POST"),
        ("/jwks", "POST", "GET, HEAD, OPTIONS"),
        ("/.well-known/openid-configuration", "POST", "GET, HEAD, OPTIONS"),
    ],
)
def test_another_method_is_answered_405_with_those_that_are_allowed(small_world: World, path, method, allowed):
    answer = small_world.http.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.text == "" if method == "HEAD" else answer.json()["error"] == "invalid_request"


def test_head_answers_as_get_without_a_body(small_world: World):
    got, head = small_world.http.get("/jwks"), small_world.http.head("/jwks")
    assert head.status_code == 200
    assert head.content == b""
    for name in ("content-length", "content-type", "etag", "cache-control"):
        assert head.headers[name] == got.headers[name]


@pytest.mark.parametrize("path", ["/token", "/login", "/jwks", "/me", "/health/live"])
def test_options_is_answered_without_a_body_or_its_length(small_world: World, path):
    answer = small_world.http.options(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-length" not in answer.headers
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", ["/nothing", "/token/", "/TOKEN", "//token", "/token/%2e%2e/jwks", "/t/other", "/%00"])
def test_an_unknown_path_is_answered_404(small_world: World, path):
    answer = small_world.http.get(path)
    assert answer.status_code == 404
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_every_answer_carries_the_security_headers_and_its_own_request_id(small_world: World):
    answers = [small_world.http.get("/jwks"), small_world.http.post("/token"), small_world.http.get("/nothing"),
               small_world.http.get("/me"), small_world.http.options("/token")]  # fmt: skip
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)


def test_an_empty_value_counts_as_absent(small_world: World, good):
    assert small_world.raw("/token", good + b"&scope=&resource=&x").json()["scope"] == "es256:read"
