"""Protected resources."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Integer, Table, Text, bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from authsvc.domain.parties.resources import Resource
from authsvc.errors import Conflict
from authsvc.storage.sql.base import Instant, Store, StringSet, given, metadata, owned, tenant_column
from authsvc.storage.sql.changes import announce

resources = Table(
    "resources",
    metadata,
    tenant_column(),
    Column("audience", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("scopes", StringSet, nullable=False),
    Column("algorithm", Text, nullable=False),
    Column("access_token_seconds", Integer),
    Column("created_at", Instant, nullable=False),
    Column("disabled_at", Instant),
    Column("version", Integer, nullable=False),
    Column("token_format", Text, nullable=False, server_default="jwt"),
)

_SETTINGS = ("name", "scopes", "algorithm", "access_token_seconds", "disabled_at", "token_format")
_THIS = (owned(resources), resources.c.audience == given("which", resources.c.audience))
_NEXT_VERSION = resources.c.version + 1

_LIST = (
    select(*(column for column in resources.c if column.name != "tenant_id"))
    .where(owned(resources))
    .order_by(resources.c.audience)
)
_ADD = insert(resources).on_conflict_do_nothing().returning(resources.c.audience)
_SAVE = (
    update(resources)
    .where(*_THIS, resources.c.version == given("expected_version", resources.c.version))
    .values(**{name: bindparam(name) for name in _SETTINGS}, version=_NEXT_VERSION)
)
_DISABLE = (
    update(resources)
    .where(*_THIS, resources.c.disabled_at.is_(None))
    .values(disabled_at=bindparam("now"), version=_NEXT_VERSION)
)
_ENABLE = (
    update(resources)
    .where(*_THIS, resources.c.disabled_at.is_not(None))
    .values(disabled_at=None, version=_NEXT_VERSION)
)
_DELETE = delete(resources).where(*_THIS)


class SqlResources(Store):
    """Implements Resources."""

    def list(self) -> tuple[Resource, ...]:
        """Return all resources of the tenant, in the order of audiences."""
        return tuple(Resource(*row) for row in self._work.rows(_LIST, tenant=self._tenant_id))

    def read_all(self) -> tuple[Resource, ...]:
        """As `list`, but never from the cache."""
        return SqlResources.list(self)

    def add(self, resource: Resource) -> None:
        """Raises: Conflict if the audience is taken."""
        announce(self._work)
        added = self._work.write_returning(
            _ADD, tenant_id=self._tenant_id, audience=resource.audience, created_at=resource.created_at,
            version=resource.version, **_settings(resource),
        )  # fmt: skip
        if not added:
            raise Conflict("resource: the audience is taken")

    def save(self, resource: Resource) -> Resource:
        """Write all fields if the version is unchanged; return it with its next version. Raises: Conflict."""
        announce(self._work)
        saved = self._work.write(
            _SAVE, tenant=self._tenant_id, which=resource.audience, expected_version=resource.version,
            **_settings(resource),
        )  # fmt: skip
        if saved != 1:
            raise Conflict("resource: changed since it was read")
        return replace(resource, version=resource.version + 1)

    def disable(self, audience: str, now: datetime) -> bool:
        """False if not there or disabled already."""
        announce(self._work)
        return self._work.write(_DISABLE, tenant=self._tenant_id, which=audience, now=now) == 1

    def enable(self, audience: str) -> bool:
        """False if not there or not disabled."""
        announce(self._work)
        return self._work.write(_ENABLE, tenant=self._tenant_id, which=audience) == 1

    def delete(self, audience: str) -> bool:
        """False if not there."""
        announce(self._work)
        return self._work.write(_DELETE, tenant=self._tenant_id, which=audience) == 1


def _settings(resource: Resource) -> dict[str, Any]:
    return {name: getattr(resource, name) for name in _SETTINGS}
