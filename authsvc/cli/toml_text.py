"""Write TOML as a reviewer likes to read it: one value a line, lists of several one item a line, in a fixed order."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_MAX_LINE = 100


def toml_text(table: Mapping[str, Any]) -> str:
    """Return the text of a table of texts, whole numbers, booleans, lists and tables."""
    return "\n".join(_lines(table, "")).strip("\n") + "\n"


def _lines(table: Mapping[str, Any], place: str) -> Iterator[str]:
    for name, value in table.items():
        if not _is_apart(value):
            yield f"{_key(name)} = {_value(value)}"
    for name, value in table.items():
        path = f"{place}.{_key(name)}" if place else _key(name)
        if isinstance(value, Mapping):
            # A table of nothing but tables needs no line of its own.
            if not value or not all(map(_is_apart, value.values())):
                yield from ("", f"[{path}]")
            yield from _lines(value, path)
        elif _is_apart(value):
            for each in value:
                yield from ("", f"[[{path}]]")
                yield from _lines(each, path)


def _is_apart(value: object) -> bool:
    """Whether the value has a heading of its own."""
    return isinstance(value, Mapping) or (
        isinstance(value, list) and bool(value) and all(isinstance(each, Mapping) for each in value)
    )


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _quoted(name)


def _value(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return _text(value)
        case list():
            return _list([_value(each) for each in value])
        case _:
            message = f"no {type(value).__name__} can be written here"
            raise TypeError(message)


def _list(items: list[str]) -> str:
    line = f"[{', '.join(items)}]"
    if len(items) <= 1 or len(line) <= _MAX_LINE // 2:
        return line
    return "[\n" + "".join(f"  {item},\n" for item in items) + "]"


def _text(text: str) -> str:
    is_plain = all(line.isprintable() for line in text.split("\n"))
    if "\n" in text and is_plain and "'''" not in text and not text.endswith("'"):
        return f"'''\n{text}'''"
    return _quoted(text)


def _quoted(text: str) -> str:
    # What JSON writes is TOML, too, but for the one control character that JSON leaves as it is.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
