"""Leases: which process does a job now. A holder that was killed is replaced when its lease runs out."""

from datetime import datetime, timedelta

from sqlalchemy import Column, Table, Text, bindparam, or_
from sqlalchemy.dialects.postgresql import insert

from authsvc.storage.sql.base import Instant, given, metadata
from authsvc.storage.sql.work import Work

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("expires_at", Instant, nullable=False),
)

_WRITTEN = insert(leases)
_TAKE = _WRITTEN.on_conflict_do_update(
    index_elements=(leases.c.name,),
    set_={"holder": _WRITTEN.excluded.holder, "expires_at": _WRITTEN.excluded.expires_at},
    where=or_(leases.c.holder == bindparam("asking"), leases.c.expires_at <= given("now", leases.c.expires_at)),
).returning(leases.c.name)


def take_lease(work: Work, name: str, holder: str, now: datetime, seconds: float) -> bool:
    """Take or prolong the lease if it is free, run out or ours: one atomic statement."""
    expires_at = now + timedelta(seconds=seconds)
    taken = work.write_returning(_TAKE, name=name, holder=holder, expires_at=expires_at, asking=holder, now=now)
    return bool(taken)
