"""Frozen dataclasses as plain values and back: texts, numbers, lists and tables, as a document holds them."""

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import MappingProxyType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from authsvc.domain.tokens.exchange import ExchangePolicy
from authsvc.errors import DomainError

Table = dict[str, Any]
_ABSENT = object()


class ConfigurationInvalid(DomainError):
    """The document is no configuration; the detail names the place and says what belongs there."""

    rule = "configuration_invalid"


def plain(value: object) -> Any:  # noqa: ANN401 - any member's
    """Return the value as a document holds it; sets are sorted."""
    match value:
        case ExchangePolicy():
            return _members_of(value) | _scopes(value)
        case frozenset():
            return sorted(value)
        case tuple():
            return [plain(each) for each in value]
        case Mapping():
            return {name: value[name] for name in sorted(value)}
        case _ if is_dataclass(value) and not isinstance(value, type):
            return _members_of(value)
        case _:
            return value


def members(value: Any, blank: Any, left_out: frozenset[str]) -> Table:  # noqa: ANN401 - any dataclass
    """Return the members of `value` that differ from those of `blank`."""
    names = (member.name for member in fields(value) if member.name not in left_out)
    return {name: plain(getattr(value, name)) for name in names if getattr(value, name) != getattr(blank, name)}


def read_members(kind: type, table: object, left_out: frozenset[str], place: str) -> Table:
    """Return the arguments that a table of the document gives for a dataclass. Raises: ConfigurationInvalid."""
    found = as_table(table, place)
    hints = get_type_hints(kind)
    known = {member.name for member in fields(kind) if member.name not in left_out}
    only(found, known, place)
    return {name: _read(hints[name], value, f"{place}.{name}") for name, value in found.items()}


def as_table(value: object, place: str) -> Table:
    """Return the value if it is a table. Raises: ConfigurationInvalid."""
    if not isinstance(value, dict):
        raise ConfigurationInvalid(f"{place} is a table")
    return value


def only(table: Table, known: set[str], place: str) -> None:
    """Refuse a member that nobody would read: most likely a name spelled wrong. Raises: ConfigurationInvalid."""
    for name in table:
        if name not in known:
            raise ConfigurationInvalid(f"{place} has no member {name}; it has {', '.join(sorted(known))}")


def _members_of(value: Any) -> Table:  # noqa: ANN401 - any dataclass
    return {
        member.name: plain(getattr(value, member.name))
        for member in fields(value)
        if getattr(value, member.name) != _default(member)
    }


def _default(member: Any) -> object:  # noqa: ANN401 - a dataclass's field
    if member.default_factory is not MISSING:
        return member.default_factory()
    return _ABSENT if member.default is MISSING else member.default


def _scopes(policy: ExchangePolicy) -> Table:
    """Return what each scope becomes; what is said twice of one adds up, as it does when it is used."""
    becomes: dict[str, frozenset[str]] = {}
    for had, given in policy.scopes:
        becomes[had] = becomes.get(had, frozenset()) | given
    return {"scopes": {had: sorted(becomes[had]) for had in sorted(becomes)}} if becomes else {}


def _read(hint: Any, value: object, place: str) -> Any:  # noqa: ANN401 - any type
    if isinstance(hint, UnionType):
        (hint,) = (each for each in get_args(hint) if each is not type(None))
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is frozenset:
        return frozenset(_list(arguments[0], value, place))
    if origin is tuple and get_origin(arguments[0]) is tuple:
        of = get_args(arguments[0])[1]
        return tuple(
            (name, _read(of, each, f"{place}.{name}")) for name, each in sorted(as_table(value, place).items())
        )
    if origin is tuple:
        return _list(arguments[0], value, place)
    if origin is Mapping:
        read = {name: _read(arguments[1], each, f"{place}.{name}") for name, each in as_table(value, place).items()}
        return MappingProxyType(read)
    if is_dataclass(hint) and isinstance(hint, type):
        return _built(hint, value, place)
    wanted = str if origin is Literal else hint
    # True is an int to Python, and no number to anybody else.
    if type(value) is not wanted:
        raise ConfigurationInvalid(f"{place} is {_WORDS[wanted]}")
    return value


def _list(hint: object, value: object, place: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ConfigurationInvalid(f"{place} is a list")
    return tuple(_read(hint, each, f"{place}[{index}]") for index, each in enumerate(value))


def _built(kind: type, value: object, place: str) -> Any:  # noqa: ANN401 - any dataclass
    given = read_members(kind, value, frozenset(), place)
    if lacking := [member.name for member in fields(kind) if _default(member) is _ABSENT and member.name not in given]:
        raise ConfigurationInvalid(f"{place} lacks {', '.join(lacking)}")
    return kind(**given)


_WORDS = {str: "a text", int: "a whole number", bool: "true or false"}
