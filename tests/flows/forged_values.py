"""Claims as a forger, or a careless issuer, writes them; each with the way in which it is off,
and JSON of two minds."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import uuid4

from tests.flows.assertions import GONE

Wrong = tuple[str, str, Any]
"""A claim, the way in which it is off, and its value."""

TEXTS = ("iss", "sub", "aud", "jti", "client_id", "sid", "grant_id", "scope")
INSTANTS = ("exp", "nbf", "iat")
YEAR_9999 = 253_402_300_799
RAW_NUMBERS = (
    "1e400", "-1e400", "NaN", "-NaN", "Infinity", "-Infinity", "nan", "1" * 5_000, "-" + "9" * 19, "9" * 30,
    "0x7fffffff", "01", "1_000", "٣", "1.", ".5", "+1", "1e", "--1", "1 2",
)  # fmt: skip
_TOO_DEEP: dict[str, Any] = {"sub": "f", "act": {"sub": "e", "act": {"sub": "d", "act": {"sub": "c"}}}}
_TOO_DEEP = {"sub": "h", "act": {"sub": "g", "act": _TOO_DEEP}}
_OBJECTS: Mapping[str, Mapping[str, Sequence[Any]]] = {
    "act": {
        "null": [None],
        "type": ["x", 1, 1.5, True, [], ["x"], [{"sub": "x"}], {"sub": 1}, {"sub": None}, {"sub": {}}, {"sub": "x",
            "act": "y"},
                 {"sub": "x", "act": []}, {"sub": "x", "more": {"deep": []}}],
        "deep": [_TOO_DEEP, {"sub": "x" * 3_000}],
    },
    "may_act": {
        "null": [None],
        "type": ["x", 1, 1.5, True, [], ["x"], {}, {"sub": 1}, {"sub": ["x"]}, {"sub": None}, {"act": {"sub": "x"}}],
        "other": [{"sub": "somebody"}, {"client_id": "somebody"}, {"iss": "https://elsewhere.example",
            "sub": "orders"}],
    },
    "amr": {"null": [None], "type": [5, 1.5, True]},
    "auth_time": {"null": [None], "type": ["x", [], {}], "odd": [10**17, -(10**17), 1e300, -1e300]},
    "cnf": {"present": [{"jkt": "x"}, {"x5t#S256": "x"}, {"jwk": {}}, {}, None, "x"]},
}  # fmt: skip


def wrong_values(claims: Mapping[str, Any], others: Mapping[str, Sequence[str]], now: int) -> Iterator[Wrong]:
    """Each claim off in each way that there is. `others` are values that belong to somebody else."""
    for name in TEXTS:
        yield from _texts(name, claims.get(name), others.get(name, ()))
    for name in INSTANTS:
        yield from ((name, way, value) for way, value in _instants(name, now))
    for name, ways in _OBJECTS.items():
        yield from ((name, way, value) for way, values in ways.items() for value in values)
    for name in (*TEXTS, *INSTANTS, *_OBJECTS):
        if name in claims and name != "nbf":
            yield name, "absent", GONE


def _texts(name: str, found: Any, others: Sequence[str]) -> Iterator[Wrong]:
    right = found[0] if isinstance(found, list) else found
    yield name, "null", None
    if name != "jti" or found is not None:
        yield name, "empty", ""
    wrong: list[Any] = [0, 1, True, False, 1.5, {}, {"value": right}, {str(right): 1}]
    wrong += [[], [None], [1], [[right]], [right, 1], [right, None], [""]]
    if name != "aud":
        wrong += [[right], [right, right]]
    yield from ((name, "type", value) for value in wrong)
    yield from ((name, "other", other) for other in others if other != right)
    if name in ("sid", "grant_id") and found is not None:
        yield name, "other", str(uuid4())
    if name == "jti":
        yield name, "long", uuid4().hex.ljust(257, "x")
    if right is None:
        return
    if name == "aud":
        if found == right:
            yield name, "list", [right]
        yield name, "many", [right, right]
        yield name, "many", [right, "https://elsewhere.example"]
        yield name, "many", ["https://elsewhere.example", right]
        yield from ((name, "near", [near]) for near in _near(right)[:4])
    yield from ((name, "near", near) for near in _near(right))
    yield from ((name, "case", other) for other in dict.fromkeys((right.upper(), right.swapcase())) if other != right)


def _near(right: str) -> list[str]:
    found = [
        right[:-1], right[1:], right[: len(right) // 2], f"{right}/", f"{right} ", f" {right}", f"{right}\n",
        f"{right}x",
        f"{right}.", f"{right}?", f"{right}#", f"{right},{right}", f"https://{right}", "*", f"{right}*", f"{right}%20",
        f"{right}%00", f"%{ord(right[0]):02x}{right[1:]}", f"{right[:-1]}%{ord(right[-1]):02X}", f"{right}\u200b",
        f"{right}\u0301", f"{right}\u00a0", f"{right}@elsewhere.example", f"{right[0]}\uff0f{right[1:]}",
        right.replace("e", "\u0435", 1), right.replace("http://", "https://"), right.replace("https://", "http://"),
        right.replace("localhost", "127.0.0.1"), right.replace(".example", ".example."), right.replace("/", "//"),
        right.replace(".example", ".example:443"), right.replace(":8000", ""), right.replace("-", "_"),
    ]  # fmt: skip
    return [near for near in dict.fromkeys(found) if near not in (right, "")]


def _instants(name: str, now: int) -> Iterator[tuple[str, Any]]:
    yield "null", None
    yield "empty", ""
    for wrong in (
        True,
        False,
        [],
        [now],
        {},
        {"value": now},
        str(now),
        f"{now + 300}",
        "now",
        f"{now}.0",
        "2100-01-01",
    ):
        yield "type", wrong
    for odd in (-1, -1.5, -(10**17), YEAR_9999 + 1, 10**17, 1e300, -1e300, float("inf"), float("nan")):
        yield "odd", odd
    if name == "exp":
        yield from (("past", past) for past in (0, 1, now - 10**6, now - 61, now - 60.5, 1e-300))
    if name == "iat":
        yield from (("past", past) for past in (0, 1, now - 10**6))
    later = 61 if name != "exp" else 10**6
    yield from (("future", future) for future in (now + later + 1, now + 10**7, YEAR_9999, float(YEAR_9999)))


def json_tricks_of(members: Mapping[str, Any]) -> dict[str, bytes]:
    """The members in spellings that two parsers could read differently, or not at all."""
    right, first = json.dumps(dict(members)), next(iter(members))
    open_, deep = right[:-1], "[" * 4_000 + "]" * 4_000
    texts = {
        "a member twice": f'{open_}, "{first}": "x"}}',
        "a member twice, alike": f"{open_}, {right[1:]}",
        "twice by escape": f'{open_}, "\\u{ord(first[0]):04x}{first[1:]}": "x"}}',
        "twice within": open_ + ', "x": {"a": 1, "a": 2}}',
        "text after": right + " {}",
        "NUL after": right + "\x00",
        "no end": open_,
        "a list": f"[{right}]",
        "a text": json.dumps(right),
        "a number": "1",
        "null": "null",
        "true": "true",
        "nothing": " ",
        "two": right + right,
        "comment": open_ + "/**/}",
        "comma": open_ + ",}",
        "single quotes": right.replace('"', "'"),
        "deep": open_ + f', "x": {deep}}}',
        "deep only": deep,
        "lone surrogate": open_ + r', "x": "\ud800"}',
        "lone surrogate within": open_ + r', "x": ["a", {"b": "\udfff"}]}',
        "surrogate's name": open_ + r', "\ud800": 1}',
        "NUL within": open_ + r', "x": "a\u0000b"}',
        "raw control": open_ + ', "x": "\x01"}',
        "raw tab": open_ + ', "x": "\t"}',
        "bad escape": open_ + r', "x": "\x41"}',
        "NaN": open_ + ', "x": NaN}',
        "huge": open_ + ', "x": 1e400}',
        "empty": "{}",
        "no quotes": right.replace('"', ""),
        "byte order mark": "\ufeff" + right,
    }
    found = {what: text.encode() for what, text in texts.items()}
    extended = open_ + ', "x": "é"}'
    return found | {
        "utf-16": right.encode("utf-16"),
        "utf-16 plain": right.encode("utf-16-le"),
        "utf-32": right.encode("utf-32"),
        "latin-1": extended.encode("latin-1"),
        "raw surrogate": extended.encode().replace("é".encode(), b"\xed\xa0\x80"),
        "overlong": extended.encode().replace("é".encode(), b"\xc0\xaf"),
        "binary": bytes(range(256)),
    }
