"""Ids of assertions that were used: whose row is made has used it, everybody else came too late."""

import hashlib
from datetime import datetime

from sqlalchemy import Column, Index, Table, Text, bindparam, select
from sqlalchemy.dialects.postgresql import insert

from authsvc.storage.sql.base import Instant, Store, metadata, owned, tenant_column

used_assertions = Table(
    "used_assertions",
    metadata,
    tenant_column(),
    Column("issued_by", Text, primary_key=True),
    # A stranger chooses the id, and its length.
    Column("assertion_id_hash", Text, primary_key=True),
    Column("expires_at", Instant, nullable=False),
)
Index(None, used_assertions.c.tenant_id, used_assertions.c.expires_at)

_CONSUME = insert(used_assertions).on_conflict_do_nothing().returning(used_assertions.c.expires_at)
_FIND = select(used_assertions.c.expires_at).where(
    owned(used_assertions), used_assertions.c.issued_by == bindparam("asked_issuer"),
    used_assertions.c.assertion_id_hash == bindparam("asked_hash"),
)  # fmt: skip


class SqlReplays(Store):
    """Implements Replays."""

    def consume(self, issued_by: str, assertion_id: str, expires_at: datetime) -> bool:
        """Use the id up, within the begun transaction or else at once; False if it was used before."""
        used = self._work.write_alone(
            _CONSUME, tenant_id=self._tenant_id, issued_by=issued_by, assertion_id_hash=_hashed(assertion_id),
            expires_at=expires_at,
        )  # fmt: skip
        return bool(used)

    def was_used(self, issued_by: str, assertion_id: str) -> bool:
        """Whether the id was used up."""
        row = self._work.row(
            _FIND, tenant=self._tenant_id, asked_issuer=issued_by, asked_hash=_hashed(assertion_id)
        )  # fmt: skip
        return row is not None


def _hashed(assertion_id: str) -> str:
    return hashlib.sha256(assertion_id.encode("utf-8", "surrogatepass")).hexdigest()
