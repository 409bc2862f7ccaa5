"""Foreign issuers that are trusted here."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Integer, Table, Text, bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from authsvc.domain.parties.trusted_issuers import TrustedIssuer
from authsvc.errors import Conflict
from authsvc.storage.sql.base import Instant, Store, StringSet, given, metadata, owned, tenant_column
from authsvc.storage.sql.changes import announce

trusted_issuers = Table(
    "trusted_issuers",
    metadata,
    tenant_column(),
    Column("issuer", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("jwks", Text),
    Column("jwks_uri", Text),
    Column("algorithms", StringSet, nullable=False),
    Column("purposes", StringSet, nullable=False),
    Column("audiences", StringSet, nullable=False),
    Column("subject_claim", Text, nullable=False),
    Column("subject_kind", Text, nullable=False),
    Column("subjects", StringSet, nullable=False),
    Column("max_token_seconds", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("disabled_at", Instant),
    Column("version", Integer, nullable=False),
)

_SETTINGS = (
    "name", "jwks", "jwks_uri", "algorithms", "purposes", "audiences", "subject_claim", "subject_kind", "subjects",
    "max_token_seconds", "disabled_at",
)  # fmt: skip
_ISSUER = select(*(column for column in trusted_issuers.c if column.name != "tenant_id")).where(owned(trusted_issuers))
_THIS = (owned(trusted_issuers), trusted_issuers.c.issuer == given("which", trusted_issuers.c.issuer))
_NEXT_VERSION = trusted_issuers.c.version + 1

_GET = _ISSUER.where(_THIS[1])
_LIST = _ISSUER.order_by(trusted_issuers.c.issuer)
_ADD = insert(trusted_issuers).on_conflict_do_nothing().returning(trusted_issuers.c.issuer)
_SAVE = (
    update(trusted_issuers)
    .where(*_THIS, trusted_issuers.c.version == given("expected_version", trusted_issuers.c.version))
    .values(**{name: bindparam(name) for name in _SETTINGS}, version=_NEXT_VERSION)
)
_DISABLE = (
    update(trusted_issuers)
    .where(*_THIS, trusted_issuers.c.disabled_at.is_(None))
    .values(disabled_at=bindparam("now"), version=_NEXT_VERSION)
)
_ENABLE = (
    update(trusted_issuers)
    .where(*_THIS, trusted_issuers.c.disabled_at.is_not(None))
    .values(disabled_at=None, version=_NEXT_VERSION)
)
_DELETE = delete(trusted_issuers).where(*_THIS)


class SqlIssuers(Store):
    """Implements TrustedIssuers."""

    def get(self, issuer: str) -> TrustedIssuer | None:
        """Return the issuer, also when it is disabled."""
        row = self._work.row(_GET, tenant=self._tenant_id, which=issuer)
        return None if row is None else TrustedIssuer(*row)

    def list(self) -> tuple[TrustedIssuer, ...]:
        """Return all of the tenant, in the order of their names in tokens."""
        return tuple(TrustedIssuer(*row) for row in self._work.rows(_LIST, tenant=self._tenant_id))

    def add(self, issuer: TrustedIssuer) -> None:
        """Raises: Conflict if it is registered already."""
        announce(self._work)
        added = self._work.write_returning(
            _ADD, tenant_id=self._tenant_id, issuer=issuer.issuer, created_at=issuer.created_at,
            version=issuer.version, **_settings(issuer),
        )  # fmt: skip
        if not added:
            raise Conflict("trusted issuer: it is registered already")

    def save(self, issuer: TrustedIssuer) -> TrustedIssuer:
        """Write all fields if the version is unchanged; return it with its next version. Raises: Conflict."""
        announce(self._work)
        saved = self._work.write(
            _SAVE, tenant=self._tenant_id, which=issuer.issuer, expected_version=issuer.version, **_settings(issuer)
        )
        if saved != 1:
            raise Conflict("trusted issuer: changed since it was read")
        return replace(issuer, version=issuer.version + 1)

    def disable(self, issuer: str, now: datetime) -> bool:
        """False if not there or disabled already."""
        announce(self._work)
        return self._work.write(_DISABLE, tenant=self._tenant_id, which=issuer, now=now) == 1

    def enable(self, issuer: str) -> bool:
        """False if not there or not disabled."""
        announce(self._work)
        return self._work.write(_ENABLE, tenant=self._tenant_id, which=issuer) == 1

    def delete(self, issuer: str) -> bool:
        """False if not there."""
        announce(self._work)
        return self._work.write(_DELETE, tenant=self._tenant_id, which=issuer) == 1


def _settings(issuer: TrustedIssuer) -> dict[str, Any]:
    return {name: getattr(issuer, name) for name in _SETTINGS}
