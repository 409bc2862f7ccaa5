"""Counters of guesses. Each reservation is one atomic upsert, so that parallel guesses are all counted."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Column, ColumnElement, Index, Integer, Table, Text, bindparam, case, delete, select
from sqlalchemy import update as update_
from sqlalchemy.dialects.postgresql import insert

from authsvc.domain.people.lockout import Reservation, Schedule, Throttled, seconds_until
from authsvc.storage.sql.base import EPOCH, Instant, Store, given, metadata, micros, owned, tenant_column

attempts = Table(
    "attempts",
    metadata,
    tenant_column(),
    Column("key", Text, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("blocked_until", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    # From then on the counter would start anew anyway.
    Column("over_at", Instant, nullable=False),
)
Index(None, attempts.c.tenant_id, attempts.c.over_at)

_SECOND = 1_000_000


def _integer(name: str) -> ColumnElement[int]:
    return bindparam(name, type_=Integer)


def _big(name: str) -> ColumnElement[int]:
    return bindparam(name, type_=BigInteger)


# Schedule.delays() as an expression: none below `free`, then first_delay doubled once for each attempt more.
# None means open at any time: to a node whose clock is behind, or a request that came earlier, "now" would be closed.
_COUNT = case((attempts.c.updated_at < given("window_start", attempts.c.updated_at), 1), else_=attempts.c.count + 1)
_BLOCKED = case(
    (_integer("free") > _COUNT, 0),
    (_COUNT - _integer("free") >= _integer("doublings"), _big("now_micros") + _big("longest")),
    else_=_big("now_micros") + _big("first").bitwise_lshift(_COUNT - _integer("free")),
)
_RESERVE = (
    insert(attempts)
    .values(
        tenant_id=bindparam("tenant_id"), key=bindparam("key"), count=1, updated_at=bindparam("updated_at"),
        blocked_until=bindparam("blocked_until"), over_at=bindparam("over_at"),
    )
    .on_conflict_do_update(
        index_elements=(attempts.c.tenant_id, attempts.c.key),
        set_={
            "count": _COUNT,
            "blocked_until": _BLOCKED,
            "updated_at": given("now", attempts.c.updated_at),
            "over_at": given("over", attempts.c.over_at),
        },
        where=attempts.c.blocked_until <= given("now", attempts.c.blocked_until),
    )
    .returning(attempts.c.count)
)  # fmt: skip
_THIS = (owned(attempts), attempts.c.key == given("which", attempts.c.key))
_BLOCKED_UNTIL = select(attempts.c.blocked_until).where(*_THIS)
_GIVE_BACK = (
    update_(attempts)
    .where(*_THIS)
    .values(count=case((attempts.c.count > 0, attempts.c.count - 1), else_=0), blocked_until=EPOCH)
)
_CLEAR = delete(attempts).where(*_THIS)


class SqlAttempts(Store):
    """Implements Attempts."""

    def reserve(self, wanted: Sequence[Reservation], now: datetime) -> None:
        """Raise every counter, or none, in a transaction of its own. Raises: Throttled if any is closed."""
        if self._work.begun:
            message = "attempts are reserved before the request's own transaction begins"
            raise RuntimeError(message)
        self._work.begin()
        # In one order, so that two of these cannot wait for each other.
        for reservation in sorted(wanted, key=lambda reservation: reservation.key):
            parameters = _parameters(reservation.schedule, now)
            raised = self._work.write_returning(_RESERVE, tenant_id=self._tenant_id, key=reservation.key, **parameters)
            if not raised:
                wait = self._seconds_to_wait(reservation.key, now)
                self._work.rollback()
                raise Throttled(wait)
        self._work.commit()

    def give_back(self, keys: Sequence[str]) -> None:
        """Take one attempt back from each counter and open it (the password was right)."""
        for key in sorted(keys):
            self._work.write(_GIVE_BACK, tenant=self._tenant_id, which=key)

    def clear(self, keys: Sequence[str]) -> None:
        """Forget these counters."""
        for key in sorted(keys):
            self._work.write(_CLEAR, tenant=self._tenant_id, which=key)

    def _seconds_to_wait(self, key: str, now: datetime) -> int:
        row = self._work.row(_BLOCKED_UNTIL, tenant=self._tenant_id, which=key)
        return 1 if row is None else seconds_until(row[0], now)


def _parameters(schedule: Schedule, now: datetime) -> dict[str, Any]:
    steps = schedule.delays()
    first, longest = steps[0][1], steps[-1][1]
    over = now + timedelta(seconds=max(schedule.window_seconds, longest))
    return {
        "updated_at": now, "now": now, "now_micros": micros(now), "over_at": over, "over": over,
        "window_start": now - timedelta(seconds=schedule.window_seconds),
        "blocked_until": now + timedelta(seconds=first) if schedule.free == 1 else EPOCH,
        "free": schedule.free, "doublings": len(steps) - 1, "first": first * _SECOND, "longest": longest * _SECOND,
    }  # fmt: skip
