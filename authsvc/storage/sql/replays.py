"""Ids of assertions that were used: whose row is made has used it, everybody else came too late."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, Index, Table, Text, bindparam, select
from sqlalchemy.dialects.postgresql import insert

from authsvc.errors import LaneNeeded
from authsvc.storage.sql.base import Instant, Store, metadata, owned, tenant_column
from authsvc.storage.sql.work import Work

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


@dataclass(frozen=True, slots=True, order=True)
class Use:
    """An id that is to be used up."""

    tenant_id: UUID
    issued_by: str
    assertion_id_hash: str
    expires_at: datetime


class NotedReplays:
    """Implements Replays on the event loop, where nothing is written: `uses` is what `use_up` is to be given."""

    def __init__(self, tenant_id: UUID) -> None:
        self._tenant_id = tenant_id
        self.uses: list[Use] = []

    def consume(self, issued_by: str, assertion_id: str, expires_at: datetime) -> bool:
        """Note the id; whether it was used before comes out when it is used up."""
        self.uses.append(Use(self._tenant_id, issued_by, _hashed(assertion_id), expires_at))
        return True

    def was_used(self, issued_by: str, assertion_id: str) -> bool:  # noqa: ARG002 - the same port
        """Raises: LaneNeeded."""
        raise LaneNeeded


def use_up(work: Work, uses: Sequence[Use]) -> list[bool]:
    """Use all of them up in one transaction; return for each whether it was not used before."""
    fresh = [False] * len(uses)
    work.begin(flushed=False)
    # In one order, so that two of these cannot wait for each other.
    for index, use in sorted(enumerate(uses), key=lambda each: each[1]):
        fresh[index] = bool(
            work.write_returning(
                _CONSUME, tenant_id=use.tenant_id, issued_by=use.issued_by, assertion_id_hash=use.assertion_id_hash,
                expires_at=use.expires_at,
            )
        )  # fmt: skip
    work.commit()
    return fresh


def _hashed(assertion_id: str) -> str:
    return hashlib.sha256(assertion_id.encode("utf-8", "surrogatepass")).hexdigest()
