"""How a relying party is written in one column: a JSON object of what differs from an empty one."""

import json
from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any

from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator

from authsvc.domain.parties.relying_parties import NO_RELYING_PARTY, RelyingParty
from authsvc.storage.sql.base import compact_json

_NAMES = tuple(member.name for member in fields(RelyingParty))


class RelyingPartyText(TypeDecorator[RelyingParty]):
    """A client's relying party. Members that only a newer version knows are passed over."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: RelyingParty | None, dialect: Dialect) -> str | None:  # noqa: ARG002, D102
        return None if value is None else compact_json(_written(value))

    def process_result_value(self, value: str | None, dialect: Dialect) -> RelyingParty | None:  # noqa: ARG002, D102
        return None if value is None else _read(json.loads(value))


def _written(party: RelyingParty) -> dict[str, Any]:
    members = ((name, getattr(party, name)) for name in _NAMES)
    return {
        name: dict(value) if isinstance(value, Mapping) else value
        for name, value in members
        if value != getattr(NO_RELYING_PARTY, name)
    }


def _read(written: dict[str, Any]) -> RelyingParty:
    if not written:
        return NO_RELYING_PARTY
    return RelyingParty(**{name: _frozen(written[name]) for name in _NAMES if name in written})


def _frozen(value: Any) -> Any:  # noqa: ANN401 - any member's
    if isinstance(value, list):
        return tuple(value)
    return MappingProxyType(value) if isinstance(value, dict) else value
