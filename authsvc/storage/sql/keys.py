"""Key records; the private parts come and go encrypted."""

from datetime import datetime

from sqlalchemy import Column, Integer, LargeBinary, Table, Text, UniqueConstraint, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from authsvc.domain.keyring import KeyRecord
from authsvc.storage.sql.base import Instant, JsonMap, Store, given, metadata, owned, tenant_column
from authsvc.storage.sql.changes import announce

signing_keys = Table(
    "signing_keys",
    metadata,
    tenant_column(),
    Column("kid", Text, primary_key=True),
    Column("algorithm", Text, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("private_encrypted", LargeBinary, nullable=False),
    Column("public", JsonMap, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("activates_at", Instant, nullable=False),
    Column("retires_at", Instant),
    Column("revoked_at", Instant),
    UniqueConstraint("tenant_id", "algorithm", "ordinal"),
)

_THIS = (owned(signing_keys), signing_keys.c.kid == given("which", signing_keys.c.kid))
_LIST = (
    select(*(column for column in signing_keys.c if column.name != "tenant_id"))
    .where(owned(signing_keys))
    .order_by(signing_keys.c.created_at, signing_keys.c.algorithm, signing_keys.c.ordinal)
)
_ADD = insert(signing_keys).on_conflict_do_nothing().returning(signing_keys.c.kid)
_RETIRE = (
    update(signing_keys).where(*_THIS, signing_keys.c.retires_at.is_(None)).values(retires_at=bindparam("retiring_at"))
)
_REVOKE = update(signing_keys).where(*_THIS, signing_keys.c.revoked_at.is_(None)).values(revoked_at=bindparam("now"))
_SET_PRIVATE = (
    update(signing_keys)
    .where(*_THIS, signing_keys.c.private_encrypted == given("instead_of", signing_keys.c.private_encrypted))
    .values(private_encrypted=bindparam("private_encrypted"))
)


class SqlKeys(Store):
    """Implements Keys."""

    def list(self) -> tuple[KeyRecord, ...]:
        """Return all that are not yet purged, oldest first."""
        return tuple(KeyRecord(*row) for row in self._work.rows(_LIST, tenant=self._tenant_id))

    def add(self, record: KeyRecord) -> bool:
        """False if a key of this (algorithm, ordinal) exists; `list` in this transaction then shows it."""
        announce(self._work)
        added = self._work.write_returning(
            _ADD, tenant_id=self._tenant_id, kid=record.kid, algorithm=record.algorithm, ordinal=record.ordinal,
            private_encrypted=record.private_encrypted, public=record.public, created_at=record.created_at,
            activates_at=record.activates_at, retires_at=record.retires_at, revoked_at=record.revoked_at,
        )  # fmt: skip
        return bool(added)

    def retire(self, kid: str, retires_at: datetime) -> bool:
        """False if not there or retired already."""
        announce(self._work)
        return self._work.write(_RETIRE, tenant=self._tenant_id, which=kid, retiring_at=retires_at) == 1

    def revoke(self, kid: str, now: datetime) -> bool:
        """False if not there or revoked already."""
        announce(self._work)
        return self._work.write(_REVOKE, tenant=self._tenant_id, which=kid, now=now) == 1

    def set_private(self, kid: str, private_encrypted: bytes, *, instead_of: bytes) -> bool:
        """Replace the encrypted part if it still is `instead_of`."""
        announce(self._work)
        changed = self._work.write(
            _SET_PRIVATE, tenant=self._tenant_id, which=kid, instead_of=instead_of, private_encrypted=private_encrypted
        )
        return changed == 1
