"""What may never stand in a log line: secrets by the name they are written under, and by their own shape.

In doubt it removes too much. Every rule runs in time linear in the text, which is cut at LIMIT first.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from itertools import islice
from math import isfinite

REMOVED = "[removed]"
LIMIT = 4096
"""Characters of one string that are looked at; the rest is left out of the line."""
_DEPTH = 6
_ITEMS = 64

# Names whose value may hold blanks: it is taken to reach to the end of the line.
_LINE = r"(?:pass[_-]?(?:word|wd|phrase|code)|pwd)s?(?:[_-]?hash)?|authorization|cookies?"
# Names whose value is one word. `code` must be a whole name, for `status_code=401` is no secret.
_WORD = (
    r"secrets?(?:[_-]?(?:key|hash))?|tokens?|assertions?|(?:api|private|master|signing)[_-]?keys?|code[_-]?verifier"
    r"|(?:(?<![a-z0-9_-])|(?<=%[0-9a-f]{2}))(?:codes?|t?otp)|(?:user|device|authorization|recovery|otp)[_-]?codes?"
)
# Between name and value: quotes (escaped ones too), brackets, then one of = => : or its percent-encoded form.
_CLOSE = r"(?:%22|[\\\"'\]])*\s*"
_SEPARATOR = rf"{_CLOSE}(?:=>?|:|%3[ad])\s*"
# A quoted value ends at the same quote, equally escaped, where a value can end; if there is none, at the end.
_QUOTED = (
    r"[bu]?(?P<escapes>\\*)(?P<quote>[\"'])"
    r".*?(?:(?<!\\)(?P=escapes)(?P=quote)(?=[\s,;&)\]}>\\\"']|\Z)|\Z)"
)
_FLAGS = re.IGNORECASE | re.DOTALL

_NAMED_LINE = re.compile(
    rf"(?P<kept>(?:{_LINE}){_CLOSE}(?:(?P<pair>=(?!>)|%3d)|=>|:|%3a)\s*)"
    rf"(?:{_QUOTED}|(?(pair)[^\r\n&]*|[^\r\n]*))",
    _FLAGS,
)
_NAMED_WORD = re.compile(
    rf"(?P<kept>(?:(?:{_WORD}){_SEPARATOR})+)"
    rf"(?:{_QUOTED}|[\[({{][^\r\n]*|(?:(?!(?:{_LINE}|{_WORD}){_SEPARATOR})[^\s&\"'])+)",
    _FLAGS,
)
# ("authorization", "Basic ..."), as header lists are written.
_NAMED_IN_PAIR = re.compile(
    rf"(?P<kept>[(\[]\s*[bu]?\\*[\"'][\w-]*?(?:{_LINE}|{_WORD})\\*[\"']\s*,\s*)(?:{_QUOTED}|[^\s)\]]+)",
    _FLAGS,
)
_PRIVATE_JWK_MEMBER = re.compile(
    r"(?P<kept>[\"'](?:d|k|p|q|dp|dq|qi|priv)\\*[\"']\s*:\s*\\*[\"'])[a-z0-9_-]{16,}", _FLAGS
)
_PEM = re.compile(
    r"(?P<kept>)-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY"
    r".*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,40}-----|\Z)",
    _FLAGS,
)
_URL_USERINFO = re.compile(r"(?P<kept>://)(?:[^\s:/?#@\"'<>]{0,64}:[^\s\"'<>]{0,256}|[^\s/?#@\"'<>]{1,256})(?=@)")
_SQL_PARAMETERS = re.compile(r"(?P<kept>\[parameters: )[^\n]*")
# "Bearer token", "basic authentication" are words about the scheme, not credentials.
_CREDENTIALS = re.compile(
    r"(?P<kept>\b(?:bearer|basic|dpop)\s+)(?!(?:auth|authentication|credentials|realm|scheme|tokens?)(?![\w.~+/=-]))"
    r"[\w.~+/=-]+",
    _FLAGS,
)
_JWT = re.compile(r"(?P<kept>)eyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)*")
_OPAQUE = re.compile(r"(?P<kept>)as_[a-z]{2}_[A-Za-z0-9_.~-]{16,}")

# Each with the mark without which it cannot match: most texts cost a few quick looks.
_RULES = tuple(
    (re.compile(mark), rule)
    for mark, rule in (
        ("-----", _PEM),
        (r"\[parameters", _SQL_PARAMETERS),
        ("[\"']", _PRIVATE_JWK_MEMBER),
        ("[=:%]", _NAMED_LINE),
        (",", _NAMED_IN_PAIR),
        ("@", _URL_USERINFO),
        ("[=:%]", _NAMED_WORD),
        (r"\s", _CREDENTIALS),
        ("eyJ", _JWT),
        ("as_", _OPAQUE),
    )
)

_SECRET_NAME = re.compile(rf"(?:{_LINE}|{_WORD})\Z", re.IGNORECASE)
_PRIVATE_JWK_NAMES = frozenset({"d", "k", "p", "q", "dp", "dq", "qi", "oth", "priv"})
# No rule can match a text without one of these.
_WORTH_A_LOOK = re.compile(r"[=:%,\s]|eyJ|as_|-----")


def redact(text: str) -> str:
    """Return the text with every secret replaced by REMOVED, cut at LIMIT characters."""
    if not _WORTH_A_LOOK.search(text, 0, LIMIT):
        return text if len(text) <= LIMIT else _cut(text)
    if len(text) > LIMIT:
        text = _cut(text)
    for mark, rule in _RULES:
        if mark.search(text):
            text = rule.sub(_remove, text)
    return text


def clean(value: object, depth: int = 0) -> object:
    """Return the value as JSON can hold it, with secrets removed by name and by shape, at every depth."""
    cleaned: object
    match value:
        case str():  # the common cases first: isinstance against Mapping is slow
            cleaned = redact(value)
        case None | int():
            cleaned = value
        case float():
            cleaned = value if isfinite(value) else str(value)  # JSON has neither NaN nor infinity
        case Mapping() | list() | tuple() | set() | frozenset() if depth >= _DEPTH:
            cleaned = "..."
        case Mapping():
            cleaned = _mapping(value, depth)
        case list() | tuple() | set() | frozenset():
            cleaned = _sequence(tuple(islice(value, _ITEMS)), depth)
        case _:
            cleaned = redact(_text(value))
    return cleaned


def is_secret_name(name: str) -> bool:
    """Whether a value under this name is a secret: `password`, `X-Refresh-Token`, `newPassword`, `code`."""
    return _judged(name)[1]


@lru_cache(maxsize=1024)
def _judged(name: str) -> tuple[str, bool]:
    return redact(name), _SECRET_NAME.search(name[-64:]) is not None


def _mapping(value: Mapping[object, object], depth: int) -> dict[str, object]:
    cleaned: dict[str, object] = {}
    private_jwk = "kty" in value
    for key, item in islice(value.items(), _ITEMS):
        name, secret = _judged(_text(key))
        if item is None or not (secret or (private_jwk and name in _PRIVATE_JWK_NAMES)):
            cleaned[name] = clean(item, depth + 1)
        else:
            cleaned[name] = REMOVED
    return cleaned


def _sequence(items: tuple[object, ...], depth: int) -> list[object]:
    match items:
        case (str() | bytes() as name, _) if is_secret_name(_text(name)):
            return [clean(name), REMOVED]
        case _:
            return [clean(item, depth + 1) for item in items]


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes | bytearray):
        return value[: 2 * LIMIT].decode("utf-8", "backslashreplace")
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)


def _remove(match: re.Match[str]) -> str:
    return match["kept"] + REMOVED


def _cut(text: str) -> str:
    return f"{text[:LIMIT]}... ({len(text) - LIMIT} characters more)"
