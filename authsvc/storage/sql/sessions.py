"""Sign-ins, and the tables of both sign-ins and their refresh families: ending one ends the families on it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    Table,
    Text,
    Uuid,
    bindparam,
    select,
    update,
)

from authsvc.domain.sign_in.sessions import Session
from authsvc.storage.sql.base import Instant, Store, StringSet, StringTuple, given, metadata, owned, tenant_column

sessions = Table(
    "sessions",
    metadata,
    tenant_column(),
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("authenticated_at", Instant, nullable=False),
    Column("amr", StringTuple, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("ended_at", Instant),
    # From then on the row tells nothing: its expiry, or its end.
    Column("over_at", Instant, nullable=False),
    ForeignKeyConstraint(("tenant_id", "user_id"), ("users.tenant_id", "users.id"), ondelete="CASCADE"),
)
Index(None, sessions.c.tenant_id, sessions.c.user_id)
Index(None, sessions.c.tenant_id, sessions.c.over_at)

refresh_families = Table(
    "refresh_families",
    metadata,
    tenant_column(),
    Column("id", Uuid, primary_key=True),
    Column("session_id", Uuid, nullable=False),
    Column("user_id", Uuid, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("scopes", StringSet, nullable=False),
    Column("resources", StringSet, nullable=False),
    Column("current_hash", Text, nullable=False),
    Column("previous_hash", Text),
    Column("generation", BigInteger, nullable=False),
    Column("rotated_at", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("idle_expires_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("ended_at", Instant),
    # Whole days: indexed values that stay as they are keep PostgreSQL's updates in the row's page (HOT).
    Column("over_at", Instant, nullable=False),
    Column("userinfo_claims", StringSet, nullable=False, server_default="[]"),
    Column("told_session_id", Uuid),
    Column("authenticated_at", Instant),
    Column("amr", StringTuple),
    ForeignKeyConstraint(("tenant_id", "session_id"), ("sessions.tenant_id", "sessions.id"), ondelete="CASCADE"),
)
Index(None, refresh_families.c.tenant_id, refresh_families.c.session_id)
Index(None, refresh_families.c.tenant_id, refresh_families.c.over_at)

SESSION_COLUMNS = (
    sessions.c.id, sessions.c.user_id, sessions.c.client_id, sessions.c.authenticated_at, sessions.c.amr,
    sessions.c.expires_at, sessions.c.ended_at,
)  # fmt: skip
_THIS = (owned(sessions), sessions.c.id == given("which", sessions.c.id))
_ENDED: dict[str, Any] = {"ended_at": bindparam("now"), "over_at": bindparam("now")}

_GET = select(*SESSION_COLUMNS).where(*_THIS)
_ADD = sessions.insert()
_END = update(sessions).where(*_THIS, sessions.c.ended_at.is_(None)).values(_ENDED)
_END_FAMILIES = (
    update(refresh_families)
    .where(
        owned(refresh_families), refresh_families.c.session_id == given("which", refresh_families.c.session_id),
        refresh_families.c.ended_at.is_(None),
    )
    .values(_ENDED)
)  # fmt: skip
# In one order, so that two of these cannot wait for each other.
_OPEN = (
    select(sessions.c.id)
    .where(owned(sessions), sessions.c.user_id == given("whose", sessions.c.user_id), sessions.c.ended_at.is_(None))
    .order_by(sessions.c.id)
    .with_for_update()
)
_LIST = (
    select(*SESSION_COLUMNS)
    .where(owned(sessions), sessions.c.user_id == given("whose", sessions.c.user_id), sessions.c.ended_at.is_(None))
    .order_by(sessions.c.authenticated_at.desc(), sessions.c.id)
)


class SqlSessions(Store):
    """Implements Sessions."""

    def get(self, session_id: UUID) -> Session | None:
        """Return the session, also when it is over."""
        row = self._work.row(_GET, tenant=self._tenant_id, which=session_id)
        return None if row is None else Session(*row)

    def add(self, session: Session) -> None:
        """Raises: Conflict if the user is gone."""
        self._work.write(
            _ADD, tenant_id=self._tenant_id, id=session.id, user_id=session.user_id, client_id=session.client_id,
            authenticated_at=session.authenticated_at, amr=session.amr, expires_at=session.expires_at,
            ended_at=session.ended_at, over_at=session.ended_at or session.expires_at,
        )  # fmt: skip

    def list(self, user_id: UUID) -> tuple[Session, ...]:
        """Return those of one person that have not ended, newest first."""
        return tuple(Session(*row) for row in self._work.rows(_LIST, tenant=self._tenant_id, whose=user_id))

    def end(self, session_id: UUID, now: datetime) -> bool:
        """End the session and every refresh family on it; False if it had ended already or does not exist."""
        if self._work.write(_END, tenant=self._tenant_id, which=session_id, now=now) != 1:
            return False
        self._work.write(_END_FAMILIES, tenant=self._tenant_id, which=session_id, now=now)
        return True

    def end_all(self, user_id: UUID, now: datetime, *, but: UUID | None = None) -> int:
        """End all sessions (and families) of the user, but one; return how many."""
        found = self._work.write_returning(_OPEN, tenant=self._tenant_id, whose=user_id)
        return sum(self.end(row[0], now) for row in found if row[0] != but)
