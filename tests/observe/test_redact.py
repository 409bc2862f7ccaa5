"""Planted secrets, in every shape that we know, never come out of the formatter."""

import base64
import json
import logging
import string
import time
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authsvc.observe.logging import JsonLine
from authsvc.observe.redact import LIMIT, REMOVED, clean, is_secret_name, redact

_URL_SAFE = string.ascii_letters + string.digits + "_-"
_PRINTABLE = "".join(chr(code) for code in range(0x20, 0x7F))


def _fragment(secret: str) -> str:
    return json.dumps(secret)[1:-1]


# Shape -> (where the secret stands, the letters that a secret of this shape may have).
SHAPES: dict[str, tuple[Callable[[str], str], str]] = {
    "form-password": (lambda s: f"username=bob&password={s}&scope=a", _URL_SAFE + "%+."),
    "words-password": (lambda s: f"password: x{s}", _PRINTABLE),
    "json-password": (lambda s: f'{{"username":"bob","password":"{_fragment(s)}","a":1}}', _URL_SAFE + " &=\\,:"),
    "json-in-json": (lambda s: json.dumps({"body": json.dumps({"password": s})}), _URL_SAFE + ' "\\&='),
    "repr-password": (lambda s: f"{{'password': {s!r}, 'a': 1}}", _URL_SAFE + " &=\\:"),
    "bytes-repr": (lambda s: f"{{b'client_secret': {s.encode()!r}}}", _URL_SAFE + " &=:"),
    "dataclass-repr": (lambda s: f"Credentials(username='bob', new_password={s!r})", _URL_SAFE + " &=:"),
    "client-secret": (lambda s: f"client_secret={s}", _URL_SAFE),
    "camel-case": (lambda s: f'"clientSecret" : "{s}"', _URL_SAFE + " &=:"),
    "refresh-token": (lambda s: f"refresh_token={s}", _URL_SAFE + ".~"),
    "access-token": (lambda s: f"ACCESS_TOKEN = {s}", _URL_SAFE + ".~"),
    "id-token": (lambda s: f"id_token:{s}", _URL_SAFE + ".~"),
    "token": (lambda s: f"token={s}", _URL_SAFE + ".~/"),
    "code": (lambda s: f"https://app.example/cb?code={s}&state=1", _URL_SAFE),
    "code-encoded": (lambda s: f"/ui/login?next=%2Fcb%3Fcode%3D{s}", _URL_SAFE),
    "json-encoded": (lambda s: f"%7B%22token%22%3A%22{s}%22%7D", _URL_SAFE),
    "secret": (lambda s: f"secret={s}", _URL_SAFE + ".~/+"),
    "assertion": (lambda s: f"client_assertion={s}", _URL_SAFE + "."),
    "chain": (lambda s: f"token: code: {s}", _URL_SAFE),
    "list": (lambda s: f'recovery_codes: ["x", "{s}"]', _URL_SAFE),
    "authorization": (lambda s: f"Authorization: Digest a={s}, b", _PRINTABLE),
    "cookie": (lambda s: f"Cookie: a=1; session={s}", _PRINTABLE),
    "set-cookie": (lambda s: f"set-cookie: __Host-s={s}; Secure", _PRINTABLE),
    "header-pair": (lambda s: f"[(b'x-a', b'1'), (b'authorization', b'Digest {s}')]", _URL_SAFE + " :="),
    "bearer": (lambda s: f"got Bearer {s}", _URL_SAFE + ".~+/"),
    "basic": (lambda s: f"got basic {base64.b64encode(s.encode()).decode()}", _URL_SAFE),
    "jwt": (lambda s: f"<eyJhbGciOi.eyJzdWIi.{s}>", _URL_SAFE),
    "jwt-body": (lambda s: f"<eyJhbGciOi.{s}.c2ln>", _URL_SAFE),
    "opaque": (lambda s: f"<as_rt_0123456789abcdef{s}>", _URL_SAFE),
    "access-token-opaque": (lambda s: f"<as_at_0123456789abcdef{s}>", _URL_SAFE),
    "api-key": (lambda s: f"<as_ak_0123456789abcdef{s}>", _URL_SAFE),
    "client-secret-opaque": (lambda s: f"<as_cs_0123456789abcdef{s}>", _URL_SAFE),
    "mailed-link": (lambda s: f"https://a.example/ui/verify/as_ml_0123456789abcdef{s}", _URL_SAFE),
    "pem": (
        lambda s: f"-----BEGIN PRIVATE KEY-----\nMIG\n{s}\n-----END PRIVATE KEY-----\n",
        _URL_SAFE + "+/=\n",
    ),
    "pem-cut": (lambda s: f"-----BEGIN EC PRIVATE KEY-----\\nMIG\\n{s}", _URL_SAFE + "+/="),
    "jwk": (lambda s: f'{{"kty":"EC","crv":"P-256","d":"{s}"}}', _URL_SAFE),
    "url-password": (lambda s: f"postgresql://app:{s}@db.example/auth", _URL_SAFE + "/@:?#%"),
    "url-user": (lambda s: f"https://{s}@git.example/x", _URL_SAFE),
    "url-no-user": (lambda s: f"redis://:{s}@cache.example", _URL_SAFE + "/@:?#%"),
    "sql-parameters": (lambda s: f"[SQL: SELECT 1]\n[parameters: ('a', '{s}')]\n(Background)", _PRINTABLE),
}
_FILLER = st.text(string.ascii_letters + string.digits + " .;:=/-_\n?!%{}", max_size=40)
_BOUNDARY = st.sampled_from([" ", "?", "&", "\n", "(", "> "])


def _alone(record: Mapping[str, object]) -> str:
    return JsonLine().format(logging.makeLogRecord({"name": "x", "levelname": "INFO", **record}))


def _raised(text: str) -> tuple[type[BaseException], BaseException, None]:
    try:
        int(text, 2)
    except ValueError as cause:
        error = RuntimeError("outer")
        error.__cause__ = cause
    return RuntimeError, error, None


PLACES: dict[str, Callable[[str], str]] = {
    "message": lambda text: _alone({"msg": text}),
    "argument": lambda text: _alone({"msg": "seen: %s!", "args": (text,)}),
    "object-argument": lambda text: _alone({"msg": "seen %r", "args": (ValueError(text),)}),
    "broken-arguments": lambda text: _alone({"msg": f"{text} %d %d", "args": (text,)}),
    "field": lambda text: _alone({"msg": "m", "fields": {"detail": text}}),
    "extra": lambda text: _alone({"msg": "m", "detail": text}),
    "nested": lambda text: _alone({"msg": "m", "detail": {"a": [{"b": (text,)}]}}),
    "key": lambda text: _alone({"msg": "m", "detail": {text: 1}}),
    "bytes": lambda text: _alone({"msg": "m", "detail": text.encode()}),
    "exception": lambda text: _alone({"msg": "m", "exc_info": _raised(text)}),
    "message-object": lambda text: _alone({"msg": ValueError(text)}),
}


@pytest.mark.parametrize("shape", SHAPES)
@settings(deadline=None)
@given(data=st.data(), before=_FILLER, boundary=_BOUNDARY, after=_FILLER, place=st.sampled_from(sorted(PLACES)))
def test_a_secret_of_each_shape_never_reaches_a_line(shape, data, before, boundary, after, place) -> None:
    embed, letters = SHAPES[shape]
    secret = "canary" + data.draw(st.text(letters, min_size=8, max_size=40)) + "canary"
    line = PLACES[place](f"{before}{boundary}{embed(secret)}\n{after}")
    assert "canary" not in line
    assert secret not in str(json.loads(line))


@pytest.mark.parametrize(
    "name",
    [
        "password", "new_password", "passwd", "Passphrase", "client_secret", "clientSecret", "refresh_token",
        "access_token", "id_token", "token", "registration_access_token", "code", "user_code", "code_verifier",
        "Authorization", "cookie", "Set-Cookie", "secret", "client_assertion", "X-Api-Key", "private_key", "otp",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "place",
    [
        pytest.param(lambda name, value: {"msg": "m", "fields": {name: value}}, id="field"),
        pytest.param(lambda name, value: {"msg": "m", name: value}, id="extra"),
        pytest.param(lambda name, value: {"msg": "m", "body": {"a": [{name: [value]}]}}, id="nested"),
        pytest.param(lambda name, value: {"msg": "m", "headers": [(name.encode(), value)]}, id="pairs"),
        pytest.param(lambda name, value: {"msg": f"%({name})s", "args": {name: value}}, id="named argument"),
        pytest.param(lambda name, value: {"msg": "%s", "args": ({name: value},)}, id="mapping argument"),
        pytest.param(lambda name, value: {"msg": {name: value}}, id="mapping message"),
    ],
)
def test_a_value_under_a_secret_name_never_reaches_a_line(name, place) -> None:
    assert "canary" not in _alone(place(name, "canary with 'quotes\" & blanks"))


@pytest.mark.parametrize(
    "text",
    [
        "grant_type=client_credentials&client_id=orders&scope=orders:read",
        "HTTP/1.1 401 with status_code=401 error=invalid_grant",
        "the client authenticates with client_secret_basic at token_endpoint",
        "Bearer token expected; basic authentication failed",
        "2001:db8::1 asked https://issuer.example:8443/t/acme/token?x=1 for bob@example.org",
        "as_of_today, token_type=Bearer, tokens_issued=5",
    ],
)
def test_what_is_no_secret_stays_readable(text) -> None:
    assert redact(text) == text


def test_names_of_secrets_are_told_from_their_neighbours() -> None:
    assert not any(
        map(is_secret_name, ["token_type", "status_code", "error_code", "client_id", "grant_type", "tokens_issued"])
    )


def test_the_members_of_a_private_jwk_are_removed_and_the_public_ones_stay() -> None:
    jwk = {"kty": "RSA", "n": "public", "d": "canary", "p": "canary", "dp": "canary", "k": "canary"}
    assert clean(jwk) == {"kty": "RSA", "n": "public"} | dict.fromkeys(("d", "p", "dp", "k"), REMOVED)


def test_a_long_text_is_cut_and_says_so() -> None:
    assert redact("a" * (LIMIT + 5)) == "a" * LIMIT + "... (5 characters more)"


def test_deep_wide_and_odd_values_become_plain_json() -> None:
    loop: dict[str, object] = {"nan": float("nan"), "many": list(range(1000)), "set": {1}, "none": None}
    loop["self"] = loop
    assert len(json.dumps(clean(loop), allow_nan=False)) < 10_000


@pytest.mark.parametrize(
    "bait", ["://a:", "://", "token=", "password='", '["', "eyJ", "as_rt_", "-----BEGIN ", "bearer ", "x@", "%3d", "\\"]
)
def test_no_text_makes_redaction_slow(bait) -> None:
    def cost(length: int) -> float:
        """Of as many characters, in texts of this length."""
        text, costs = "@ " + (bait * length)[: length - 2], []
        for _ in range(7):
            began = time.thread_time()
            for _ in range(4 * LIMIT // length):
                redact(text)
            costs.append(time.thread_time() - began)
        return min(costs)

    # The same with linear rules; four times as much with a quadratic one.
    assert cost(LIMIT) < 2.5 * cost(LIMIT // 4)
