"""The table of issuers."""

import json
from base64 import b64decode, b64encode
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    Column,
    Delete,
    Dialect,
    Index,
    Select,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    bindparam,
    delete,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.types import TypeDecorator

from authsvc.domain.keyring import UNPUBLISHED
from authsvc.domain.tenants import Look, Tenant
from authsvc.errors import Conflict
from authsvc.storage.sql.base import Instant, compact_json, given, metadata, some
from authsvc.storage.sql.changes import announce
from authsvc.storage.sql.keys import signing_keys
from authsvc.storage.sql.prepared import Values
from authsvc.storage.sql.work import Work

_LOOK = ("name", "accent", "accent_dark", "logo", "logo_type")


class LookText(TypeDecorator[Look]):
    """A tenant's look: a JSON object of what is set, the logo in base64; unknown members are passed over."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Look | None, dialect: Dialect) -> str | None:  # noqa: ARG002, D102
        return None if value is None else compact_json(_written(value))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Look | None:  # noqa: ARG002, D102
        return None if value is None else _read(json.loads(value))


def _written(look: Look) -> dict[str, str]:
    found = {name: getattr(look, name) for name in _LOOK if getattr(look, name) is not None}
    return found if look.logo is None else found | {"logo": b64encode(look.logo).decode()}


def _read(written: dict[str, Any]) -> Look:
    found = {name: written[name] for name in _LOOK if name in written}
    return Look(**(found | {"logo": b64decode(found["logo"])} if "logo" in found else found))


tenants = Table(
    "tenants",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    # "" stands for any host: NULLs would all be different to the unique constraint.
    Column("host", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("is_default", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("disabled_at", Instant),
    Column("look", LookText, nullable=False, server_default="{}"),
    Column("client_registration", Text, nullable=False, server_default="off"),
    UniqueConstraint("name"),
    UniqueConstraint("issuer"),
    UniqueConstraint("host", "path"),
)
_HAS_PATH = tenants.c.path != literal_column("''", Text)
Index("ix_tenants_path", tenants.c.path, postgresql_where=_HAS_PATH, sqlite_where=_HAS_PATH)
Index(
    "ix_tenants_one_default", tenants.c.is_default, unique=True,
    postgresql_where=tenants.c.is_default, sqlite_where=tenants.c.is_default,
)  # fmt: skip

_LIST = select(tenants).order_by(tenants.c.created_at, tenants.c.id)
_ADD = insert(tenants).on_conflict_do_nothing().returning(tenants.c.id)
_AT_HOST = select(tenants).where(tenants.c.host == bindparam("asked"), tenants.c.path == literal_column("''", Text))
_AT_PATH = select(tenants).where(tenants.c.path == bindparam("asked"), _HAS_PATH)
_DEFAULT = select(tenants).where(tenants.c.is_default)
_NAMED = select(tenants).where(tenants.c.name == bindparam("asked"))
_FIRST = select(tenants).order_by(tenants.c.name).limit(bindparam("most"))
_AFTER = _FIRST.where(tenants.c.name > bindparam("after"))
_WHICH = tenants.c.id == bindparam("which")
_DISABLE = update(tenants).where(_WHICH, tenants.c.disabled_at.is_(None)).values(disabled_at=bindparam("now"))
_ENABLE = update(tenants).where(_WHICH, tenants.c.disabled_at.is_not(None)).values(disabled_at=None)
_HOLD = update(tenants).where(_WHICH).values(name=tenants.c.name)
_SET_LOOK = update(tenants).where(_WHICH).values(look=bindparam("new_look"))
_SET_REGISTRATION = update(tenants).where(_WHICH).values(client_registration=bindparam("who"))


# More than are due, perhaps: a successor may be there. Whoever asks looks at those keys again.
_WITH_OLD_KEYS = select(tenants.c.id).where(
    tenants.c.disabled_at.is_(None),
    some(
        signing_keys, signing_keys.c.tenant_id == tenants.c.id, signing_keys.c.revoked_at.is_(None),
        signing_keys.c.created_at < given("before", signing_keys.c.created_at),
        signing_keys.c.algorithm.not_in([bindparam(f"kept_{n}", each) for n, each in enumerate(sorted(UNPUBLISHED))]),
    ).is_not(None),
)  # fmt: skip


def tenants_with_old_keys(work: Work, born_before: datetime) -> tuple[UUID, ...]:
    """Return the enabled tenants with a key that is rotated by time and older than that: in one statement."""
    return tuple(row[0] for row in work.rows(_WITH_OLD_KEYS, before=born_before))


class SqlTenants:
    """Implements Tenants; the one store without a tenant."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def list(self) -> tuple[Tenant, ...]:
        """Return all issuers, oldest first."""
        return tuple(_tenant(row) for row in self._work.rows(_LIST))

    def at_host(self, host: str | None) -> Tenant | None:
        """Return the one of that host, or the one of any host, that has no path."""
        return self._one(_AT_HOST, asked=host or "")

    def at_path(self, path: str) -> tuple[Tenant, ...]:
        """Return those of that path, each of another host or one of any."""
        return tuple(_tenant(row) for row in self._work.rows(_AT_PATH, asked=path))

    def default(self) -> Tenant | None:
        """Return the one that is asked when nothing names another."""
        return self._one(_DEFAULT)

    def find(self, name: str) -> Tenant | None:
        """Return the one of that name."""
        return self._one(_NAMED, asked=name)

    def list_by_names(self, after: str | None, limit: int) -> tuple[Tenant, ...]:
        """Return a page in the order of names."""
        if after is None:
            rows = self._work.rows(_FIRST, most=limit)
        else:
            rows = self._work.rows(_AFTER, most=limit, after=after)
        return tuple(_tenant(row) for row in rows)

    def add(self, tenant: Tenant) -> None:
        """Raises: Conflict if name, issuer or (host, path) is taken, or there is a default already."""
        announce(self._work)
        added = self._work.write_returning(
            _ADD, id=tenant.id, name=tenant.name, issuer=tenant.issuer, host=tenant.host or "", path=tenant.path,
            is_default=tenant.is_default, created_at=tenant.created_at, disabled_at=tenant.disabled_at,
            look=tenant.look, client_registration=tenant.client_registration,
        )  # fmt: skip
        if not added:
            raise Conflict("tenant: name, issuer or host and path are taken, or there is a default already")

    def hold(self, tenant_id: UUID) -> bool:
        """Lock the row; False if it is not there."""
        return self._work.write(_HOLD, which=tenant_id) == 1

    def delete_unused(self, tenant_id: UUID) -> bool:
        """Delete it if no table has a row of it, and it is not the default one."""
        announce(self._work)
        return self._work.write(_delete_unused(), which=tenant_id) == 1

    def disable(self, tenant_id: UUID, now: datetime) -> bool:
        """False if it is not there or disabled already."""
        announce(self._work)
        return self._work.write(_DISABLE, which=tenant_id, now=now) == 1

    def enable(self, tenant_id: UUID) -> bool:
        """False if it is not there or not disabled."""
        announce(self._work)
        return self._work.write(_ENABLE, which=tenant_id) == 1

    def set_look(self, tenant_id: UUID, look: Look) -> bool:
        """False if it is not there."""
        announce(self._work)
        return self._work.write(_SET_LOOK, which=tenant_id, new_look=look) == 1

    def set_client_registration(self, tenant_id: UUID, who: str) -> bool:
        """False if it is not there."""
        announce(self._work)
        return self._work.write(_SET_REGISTRATION, which=tenant_id, who=who) == 1

    def _one(self, statement: Select[Any], **parameters: str) -> Tenant | None:
        row = self._work.row(statement, **parameters)
        return None if row is None else _tenant(row)


@cache
def _delete_unused() -> Delete:
    """Ask every table: only later all of them are known here."""
    owned = (table for table in metadata.sorted_tables if "tenant_id" in table.c)
    empty = [some(table, table.c.tenant_id == tenants.c.id).is_(None) for table in owned]
    return delete(tenants).where(_WHICH, tenants.c.is_default.is_(False), *empty)


def _tenant(row: Values) -> Tenant:
    tenant_id, name, issuer, host, *rest = row
    return Tenant(tenant_id, name, issuer, host or None, *rest)
