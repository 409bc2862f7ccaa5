"""Forgeries whose signature is true: what the claims, the type or the JSON say is all that is wrong with them."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

from tests.crypto.issuer import AUDIENCE, ISSUER, KEYS, NOW, claims, good, header, token

Forgery = tuple[str, str]
"""What it tries, and the token."""

_ANY_WRONG = [None, True, False, "", [], {}, [NOW + 300], {"value": 1}, float("nan"), float("inf"), -float("inf")]
_WRONG: dict[str, list[Any]] = {
    "exp": [*_ANY_WRONG, "1900000000", -1, 0, NOW - 60, NOW - 61.5, 253402300800, 10**17],
    "nbf": [*_ANY_WRONG, "0", -1, NOW + 61, NOW + 10**6, 10**17],
    "iat": [*_ANY_WRONG, "0", -1, NOW + 61, NOW + 10**6, 10**17],
    "sub": [None, "", True, 0, 1.5, [], ["user-1"], {}, float("nan"), "a\x00b", "\ud800", "\udc00x"],
    "jti": [None, True, 0, [], {}],
}
_RAW_NUMBERS = ["1e400", "-1e400", "NaN", "Infinity", "1" * 5000, "-" + "9" * 19, "0x7fffffff", "01", "1_000", "٣"]


def claim_values() -> Iterator[Forgery]:
    for algorithm in KEYS:
        for name in ("iss", "sub", "aud", "iat", "exp"):
            yield f"no {name}", good(algorithm, **{name: ...})
        for name, values in _WRONG.items():
            for value in values:
                yield f"{name}={value!r}", good(algorithm, **{name: value})
        for name, number in itertools.product(("exp", "iat", "nbf", "extra"), _RAW_NUMBERS):
            payload = json.dumps(claims(**{name: "@"})).replace('"@"', number).encode()
            yield f"{name}={number}"[:40], token(header(algorithm), payload, KEYS[algorithm].key)


def issuers_and_audiences() -> Iterator[Forgery]:
    for algorithm, (name, right) in itertools.product(KEYS, {"iss": ISSUER, "aud": AUDIENCE}.items()):
        near = [
            right[:-1],
            right[1:],
            right + "/",
            right + " ",
            " " + right,
            right + "\x00",
            right + "\n",
            right.upper(),
            right.replace("https", "http"),
            right.replace(".example", ".example:443"),
            right.replace(".example", ".example."),
            right.replace("e", "е", 1),
            right.replace("/o", "/%6f"),
            right + "?",
            right + "#",
            right + "," + right,
            "https://" + right,
            "*",
            "",
            "https:",
        ]
        for value in near:
            if value != right:
                yield f"{name}={value!r}", good(algorithm, **{name: value})
        nested: list[Any] = [{"value": right}, {right: 1}, 1, 0, True, 1.5, [[right]], [], None, [1], [right[:-1]]]
        for other in [*nested, *([[right]] if name == "iss" else [[right, 1], [right, None], [near[2]], [""]])]:
            yield f"{name}={other!r}", good(algorithm, **{name: other})


def types() -> Iterator[Forgery]:
    odd = [
        ...,
        None,
        "",
        0,
        True,
        ["at+jwt"],
        "JWT",
        "jwt",
        "at",
        "at+jwt ",
        " at+jwt",
        "at+jwt;v=1",
        "text/at+jwt",
        "application/application/at+jwt",
        "/at+jwt",
        "at+jwt/",
        "rt+jwt",
        "dpop+jwt",
        "logout+jwt",
        "secevent+jwt",
        "id+jwt",
        "token-introspection+jwt",
        "oauth-authz-req+jwt",
        "at+jwt\x00",
        "application/jwt",
    ]
    for algorithm, typ in itertools.product(KEYS, odd):
        yield f"typ {typ!r}", token(header(algorithm, typ=typ), claims(), KEYS[algorithm].key)


def json_tricks() -> Iterator[Forgery]:
    right = json.dumps(claims())
    deep = "[" * 4000 + "]" * 4000
    payloads = {
        "a member twice": right[:-1] + f', "sub": "root", "iss": "{ISSUER}"}}',
        "a nested member twice": right[:-1] + ', "x": {"a": 1, "a": 2}}',
        "twice by escape": right[:-1] + r', "s\u0075b": "root"}',
        "text after": right + " {}",
        "NUL after": right + "\x00",
        "no end": right[:-1],
        "a list": f"[{right}]",
        "a text": json.dumps(right),
        "a number": "1",
        "null": "null",
        "comment": right[:-1] + "/**/}",
        "comma": right[:-1] + ",}",
        "single quotes": right.replace('"', "'"),
        "deep": right[:-1] + f', "x": {deep}}}',
        "deep only": deep,
        "lone surrogate": right[:-1] + r', "x": "\ud800"}',
        "lone surrogate in a list": right[:-1] + r', "x": ["a", {"b": "\udfff"}]}',
        "lone surrogate as a name": right[:-1] + r', "\ud800": 1}',
        "NUL in a text": right[:-1] + r', "x": "a\u0000b"}',
        "raw control character": right[:-1] + ', "x": "\x01"}',
    }
    encoded: dict[str, bytes] = {name: text.encode() for name, text in payloads.items()}
    encoded |= {
        "byte order mark": b"\xef\xbb\xbf" + right.encode(),
        "utf-16": right.encode("utf-16"),
        "utf-32": right.encode("utf-32"),
        "latin-1": right.replace("user-1", "us\xe9r").encode("latin-1"),
        "raw surrogate": right.encode().replace(b"user-1", b"\xed\xa0\x80"),
        "overlong": right.encode().replace(b"user-1", b"\xc0\xaf"),
        "binary": bytes(range(256)),
    }
    for what, payload in encoded.items():
        for algorithm in KEYS:
            yield f"claims: {what}", token(header(algorithm), payload, KEYS[algorithm].key)
    head = json.dumps(header())
    for what, bent in {
        "alg twice": head[:-1] + ', "alg": "none"}',
        "kid twice": head[:-1] + ', "kid": "x"}',
        "crit by escape": head[:-1] + r', "cr\u0069t": []}',
        "list": f"[{head}]",
        "text": json.dumps(head),
        "null": "null",
        "NaN": head[:-1] + ', "x": NaN}',
        "deep": head[:-1] + f', "x": {deep[:2000]}{deep[-2000:]}}}',
        "surrogate": head[:-1] + r', "x": "\ud800"}',
        "after": head + "x",
    }.items():
        yield f"header: {what}", token(bent.encode(), claims(), KEYS["ES256"].key)
