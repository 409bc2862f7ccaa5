"""What every table shares: the metadata, the column types, and a store that is born with its tenant."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Column,
    ColumnElement,
    Dialect,
    Integer,
    MetaData,
    Table,
    Text,
    TextClause,
    Uuid,
    bindparam,
    literal_column,
    select,
)
from sqlalchemy.types import TypeDecorator

from authsvc.storage.sql.work import Work

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
    }
)


def micros(instant: datetime) -> int:
    """Return the instant as whole microseconds since the epoch, as it is stored."""
    return (instant - EPOCH) // _MICROSECOND


class Instant(TypeDecorator[datetime]):
    """An aware instant, stored as microseconds: it compares and adds alike on every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002, D102
        return None if value is None else micros(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002, D102
        return None if value is None else EPOCH + timedelta(microseconds=value)


class StringSet(TypeDecorator[frozenset[str]]):
    """A set of strings, stored as a sorted JSON array."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: frozenset[str] | None, dialect: Dialect) -> str | None:  # noqa: ARG002, D102
        return None if value is None else compact_json(sorted(value))

    def process_result_value(self, value: str | None, dialect: Dialect) -> frozenset[str] | None:  # noqa: ARG002, D102
        return None if value is None else frozenset(json.loads(value))


class StringTuple(TypeDecorator[tuple[str, ...]]):
    """Strings in order, stored as a JSON array."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> str | None:  # noqa: ARG002, D102
        return None if value is None else compact_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[str, ...] | None:  # noqa: ARG002, D102
        return None if value is None else tuple(json.loads(value))


class JsonMap(TypeDecorator[Mapping[str, Any]]):
    """A JSON object."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Mapping[str, Any] | None, dialect: Dialect) -> str | None:  # noqa: ARG002, D102
        return None if value is None else compact_json(dict(value))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Mapping[str, Any] | None:  # noqa: ARG002, D102
        return None if value is None else json.loads(value)


def compact_json(value: object) -> str:
    """Return one spelling of the value: keys sorted, no white space."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def tenant_column() -> Column[UUID]:
    """Return the first column of every primary key.

    No foreign key to tenants: each insert would lock the one row of its tenant, and tenants are never deleted.
    """
    return Column("tenant_id", Uuid, primary_key=True)


def owned(table: Table) -> ColumnElement[bool]:
    """Return the condition that every statement of a store carries: the row is this tenant's."""
    return table.c.tenant_id == bindparam("tenant")


ONE: ColumnElement[int] = literal_column("1", Integer)
"""For LIMIT, written out: of a bound number a plan for any value assumes that it may be many."""


def some(table: Table, *of_these: ColumnElement[bool] | TextClause) -> ColumnElement[str | None]:
    """Return NULL if there is no such row. Of EXISTS PostgreSQL makes a join, and may read the whole table for it."""
    return select(literal_column("'some'", Text)).select_from(table).where(*of_these).limit(ONE).scalar_subquery()


def given(name: str, like: ColumnElement[Any]) -> BindParameter[Any]:
    """Return a parameter of the column's type. No name of a column: SQLAlchemy would write it into that column."""
    return bindparam(name, type_=like.type)


class Store:
    """The statements of one aggregate, for one tenant, in one unit of work."""

    def __init__(self, work: Work, tenant_id: UUID) -> None:
        self._work = work
        self._tenant_id = tenant_id
