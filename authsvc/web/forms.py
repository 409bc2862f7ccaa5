"""Strict parsers of request bodies: application/x-www-form-urlencoded and flat JSON objects.

Both refuse what could be read in two ways: a wrong charset, NUL and other control characters, lone surrogates, repeated
names. An empty value counts as absent (RFC 6749 §3.2).
"""

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn
from urllib.parse import unquote_to_bytes

from authsvc.protocol.errors import InvalidRequest

MAX_FIELDS = 64
MAX_NAME_CHARACTERS = 128
MAX_DEPTH = 16
"""Of nested JSON; nothing here takes more than a list of texts."""
_MALFORMED_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
Fields = dict[str, tuple[str, ...]]
"""Each name with its values, in order."""


def parse_form(body: bytes) -> Fields:
    """Return the fields of a form body. Raises: InvalidRequest saying what to mend."""
    fields: Fields = {}
    if not body:
        return fields
    if body.count(b"&") >= MAX_FIELDS:
        raise InvalidRequest(f"at most {MAX_FIELDS} parameters")
    text = _text(body)
    if "%" in text and _MALFORMED_ESCAPE.search(text):
        raise InvalidRequest("a % escape is malformed")
    is_escaped = "%" in text or "+" in text
    for pair in check_text(text).split("&"):
        name, _, value = pair.partition("=")
        if is_escaped:
            name, value = _unescaped(name), _unescaped(value)
        if len(name) > MAX_NAME_CHARACTERS:
            raise InvalidRequest("a parameter's name is too long")
        if value:
            fields[name] = (*fields[name], value) if name in fields else (value,)
    return fields


def parse_json(body: bytes) -> Mapping[str, Any]:
    """Return a JSON object. Raises: InvalidRequest for anything else, repeated names included."""
    try:
        content = json.loads(body.decode(), object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except InvalidRequest:
        raise
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("the body is not JSON in UTF-8") from error
    if not isinstance(content, dict):
        raise InvalidRequest("the body must be a JSON object")
    return content


def checked_json(body: bytes) -> Mapping[str, Any]:
    """Return a JSON object all of whose texts are clean. Raises: InvalidRequest."""
    content = parse_json(body)
    _check_texts(content)
    return content


def json_fields(body: bytes) -> Fields:
    """Return a JSON object of strings (or lists of strings) as form fields. Raises: InvalidRequest."""
    fields: Fields = {}
    for name, value in parse_json(body).items():
        values = value if isinstance(value, list) else [value]
        if len(name) > MAX_NAME_CHARACTERS or not all(isinstance(item, str) for item in values):
            raise InvalidRequest("each member must be a string or a list of strings")
        kept = tuple(check_text(item) for item in values if item)
        if kept:
            fields[check_text(name)] = kept
    return fields


def single_values(fields: Fields, repeatable: frozenset[str]) -> dict[str, str]:
    """Return each field's one value, but the repeatable ones. Raises: InvalidRequest for a repeated name."""
    values: dict[str, str] = {}
    for name, found in fields.items():
        if name in repeatable:
            continue
        if len(found) > 1:
            raise InvalidRequest("a parameter is repeated", detail=f"parameter {name!r}", rule="parameter_repeated")
        values[name] = found[0]
    return values


def check_text(text: str) -> str:
    """Return the text if it is clean: no control characters, no lone surrogates. Raises: InvalidRequest."""
    if text.isascii() and text.isprintable():
        return text
    if any(character < " " or "\x7f" <= character <= "\x9f" or "\ud800" <= character <= "\udfff" for character in text):
        raise InvalidRequest("control characters and lone surrogates are not allowed")
    return text


def _check_texts(value: Any, depth: int = 0) -> None:  # noqa: ANN401 - any JSON value
    if depth > MAX_DEPTH:
        raise InvalidRequest("the body is nested too deeply")
    if isinstance(value, str):
        check_text(value)
    elif isinstance(value, dict):
        for name, member in value.items():
            check_text(name)
            _check_texts(member, depth + 1)
    elif isinstance(value, list):
        for member in value:
            _check_texts(member, depth + 1)


def _unescaped(raw: str) -> str:
    if "+" in raw:
        raw = raw.replace("+", " ")
    return check_text(_text(unquote_to_bytes(raw))) if "%" in raw else raw


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest("the body is not UTF-8") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_FIELDS:
        raise InvalidRequest(f"at most {MAX_FIELDS} members")
    content = dict(pairs)
    if len(content) != len(pairs):
        raise InvalidRequest("a member is repeated", rule="parameter_repeated")
    return content


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidRequest(f"{name} is not JSON")
