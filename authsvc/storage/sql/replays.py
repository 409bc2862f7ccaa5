"""Ids of assertions that were used: whose row is made has used it, everybody else came too late."""

import hashlib
from datetime import datetime

from sqlalchemy import Column, Index, Table, Text
from sqlalchemy.dialects.postgresql import insert

from authsvc.storage.sql.base import Instant, Store, metadata, tenant_column

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


class SqlReplays(Store):
    """Implements Replays."""

    def consume(self, issued_by: str, assertion_id: str, expires_at: datetime) -> bool:
        """Use the id up, within the begun transaction or else at once; False if it was used before."""
        assertion_id_hash = hashlib.sha256(assertion_id.encode("utf-8", "surrogatepass")).hexdigest()
        used = self._work.write_alone(
            _CONSUME, tenant_id=self._tenant_id, issued_by=issued_by, assertion_id_hash=assertion_id_hash,
            expires_at=expires_at,
        )  # fmt: skip
        return bool(used)
