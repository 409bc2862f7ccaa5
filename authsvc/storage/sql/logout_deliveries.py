"""Clients to be told of a session's end; taking one leases it to one sender, and how it ended stays on record."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, Index, Integer, Table, Text, Uuid, bindparam, func, insert, select, update

from authsvc.domain.sign_in.logout_deliveries import LogoutDelivery
from authsvc.storage.sql.base import Instant, Store, given, metadata, owned, tenant_column
from authsvc.storage.sql.work import Work

logout_deliveries = Table(
    "logout_deliveries",
    metadata,
    tenant_column(),
    Column("id", Uuid, primary_key=True),
    Column("client_id", Text, nullable=False),
    Column("session_id", Uuid, nullable=False),
    Column("user_id", Uuid, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("send_after", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("outcome", Text),
    Column("detail", Text),
)
_OPEN = logout_deliveries.c.outcome.is_(None)
Index(None, logout_deliveries.c.tenant_id, logout_deliveries.c.created_at)
Index(
    "ix_logout_deliveries_open", logout_deliveries.c.tenant_id, logout_deliveries.c.send_after,
    postgresql_where=_OPEN, sqlite_where=_OPEN,
)  # fmt: skip

_COLUMNS = tuple(column for column in logout_deliveries.c if column.name != "tenant_id")
# Not as the index of the open ones says it: where few are open it seems the shorter way, and when many are it is not.
_STILL_OPEN = func.coalesce(logout_deliveries.c.outcome, "") == ""
_THIS = (owned(logout_deliveries), logout_deliveries.c.id == given("which", logout_deliveries.c.id), _STILL_OPEN)
_IS_DUE = logout_deliveries.c.send_after <= given("now", logout_deliveries.c.send_after)

_LOOKED_AT = 10_000
"""Of the oldest that are due, so that a look stays cheap after a great many sign-outs at once."""
_OLDEST = (
    select(logout_deliveries.c.id, logout_deliveries.c.client_id, logout_deliveries.c.send_after)
    .where(owned(logout_deliveries), _OPEN, _IS_DUE)
    .order_by(logout_deliveries.c.send_after)
    .limit(_LOOKED_AT)
    .subquery("oldest")
)
# The oldest of each client, then each one's second: a client that is slow delays itself more than the others.
_PLACED = select(
    _OLDEST.c.id,
    func.row_number().over(partition_by=_OLDEST.c.client_id, order_by=_OLDEST.c.send_after).label("place"),
).subquery("placed")

_ADD = insert(logout_deliveries)
# Read once (a CTE), and never a row that another sender is taking: PostgreSQL skips it, SQLite has one writer.
_DUE = (
    select(logout_deliveries.c.id)
    .join(_PLACED, _PLACED.c.id == logout_deliveries.c.id)
    .where(owned(logout_deliveries), _OPEN, _IS_DUE)
    .order_by(_PLACED.c.place, logout_deliveries.c.send_after)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True, of=logout_deliveries)
    .cte("due")
)
_TAKE = (
    update(logout_deliveries)
    .where(owned(logout_deliveries), logout_deliveries.c.id.in_(select(_DUE.c.id)))
    .values(send_after=bindparam("leased_until"), attempts=logout_deliveries.c.attempts + 1)
    .returning(*_COLUMNS)
)
_POSTPONE = (
    update(logout_deliveries)
    .where(*_THIS)
    .values(send_after=given("then", logout_deliveries.c.send_after), detail=given("why", logout_deliveries.c.detail))
)
_CLOSE = (
    update(logout_deliveries)
    .where(*_THIS)
    .values(outcome=given("ended", logout_deliveries.c.outcome), detail=given("why", logout_deliveries.c.detail))
)
_LIST = select(*_COLUMNS).where(owned(logout_deliveries)).order_by(logout_deliveries.c.id).limit(bindparam("most"))
_LIST_AFTER = _LIST.where(logout_deliveries.c.id > given("last", logout_deliveries.c.id))
_TENANTS = select(logout_deliveries.c.tenant_id).distinct().where(_OPEN, _IS_DUE)


class SqlLogoutDeliveries(Store):
    """Implements LogoutDeliveries."""

    def add(self, delivery: LogoutDelivery) -> None:
        """Add one client to be told."""
        self._work.write(
            _ADD, tenant_id=self._tenant_id, **{column.name: getattr(delivery, column.name) for column in _COLUMNS}
        )

    def take(self, now: datetime, leased_until: datetime, limit: int) -> tuple[LogoutDelivery, ...]:
        """Return open ones whose time has come, pushed to `leased_until` and counted as attempted, oldest first.

        Each client has its share: one more of the same client is taken only when every other has had as many.
        """
        rows = self._work.write_returning(_TAKE, tenant=self._tenant_id, now=now, leased_until=leased_until, most=limit)
        return tuple(sorted((LogoutDelivery(*row) for row in rows), key=lambda each: (each.created_at, each.id)))

    def postpone(self, delivery_id: UUID, send_after: datetime, detail: str) -> None:
        """Try it again then; nothing if it is closed."""
        self._work.write(_POSTPONE, tenant=self._tenant_id, which=delivery_id, then=send_after, why=detail)

    def close(self, delivery_id: UUID, outcome: str, detail: str | None) -> None:
        """Store how it ended; nothing if that is stored."""
        self._work.write(_CLOSE, tenant=self._tenant_id, which=delivery_id, ended=outcome, why=detail)

    def list(self, after: UUID | None, limit: int) -> tuple[LogoutDelivery, ...]:
        """Return a page in the order of ids, open or not."""
        if after is None:
            rows = self._work.rows(_LIST, tenant=self._tenant_id, most=limit)
        else:
            rows = self._work.rows(_LIST_AFTER, tenant=self._tenant_id, most=limit, last=after)
        return tuple(LogoutDelivery(*row) for row in rows)


def tenants_with_logouts(work: Work, now: datetime) -> tuple[UUID, ...]:
    """Return whose deliveries are due: one look, however many tenants there are."""
    return tuple(row[0] for row in work.rows(_TENANTS, now=now))
