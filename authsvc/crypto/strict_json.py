"""JSON without the freedoms in which two parsers may differ."""

import json
import math
from collections.abc import Iterator
from typing import Any, NoReturn

MAX_INTEGER_DIGITS = 18
"""Every such integer fits 64 bits signed, in any language and database that a claim may travel to."""


def parse_object(octets: bytes) -> dict[str, Any]:
    """Return the JSON object in `octets`.

    Raises:
        ValueError: not UTF-8, not an object, a duplicate member, NaN or infinity, an integer of more than
            MAX_INTEGER_DIGITS digits, NUL or a lone surrogate in a text, nested too deeply.
    """
    value = _parse(octets)
    if not isinstance(value, dict):
        raise ValueError("not an object")  # noqa: TRY004 - a wrong document, not a wrong argument
    return value


def parse_texts(octets: bytes) -> list[str]:
    """Return the JSON array of texts in `octets`. Raises: ValueError for anything else, and as `parse_object`."""
    value = _parse(octets)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("not an array of texts")
    return value


def _parse(octets: bytes) -> object:
    try:
        value = _DECODER.decode(octets.decode("utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    # NUL and lone surrogates can only come from escapes: raw ones are refused by UTF-8 and by JSON itself.
    if b"\\u" in octets and any(_is_unsafe(text) for text in _texts(value)):
        raise ValueError("NUL or lone surrogate")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate member")
    return members


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > MAX_INTEGER_DIGITS:
        raise ValueError("integer too long")
    return int(text)


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("number out of range")
    return number


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _texts(value: object) -> Iterator[str]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, dict):
            waiting.extend(item.keys())
            waiting.extend(item.values())


def _is_unsafe(text: str) -> bool:
    return "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text)


# Built once: json.loads builds a decoder at every call that names a hook.
_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant)
