"""Sign-ins that browsers hold by a cookie, and the clients that were told of each; they go with their session."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, ForeignKeyConstraint, Table, Text, UniqueConstraint, Uuid, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from authsvc.domain.people.users import User
from authsvc.domain.sign_in.sessions import BrowserSession, Session, Visitor
from authsvc.storage.sql.base import Instant, Store, given, metadata, owned, tenant_column
from authsvc.storage.sql.prepared import Values
from authsvc.storage.sql.sessions import SESSION_COLUMNS, SqlSessions, sessions
from authsvc.storage.sql.users import USER_COLUMNS, users

browser_sessions = Table(
    "browser_sessions",
    metadata,
    tenant_column(),
    Column("session_id", Uuid, primary_key=True),
    Column("secret_hash", Text, nullable=False),
    # In no index, as are seen_at and what else a visit writes: so it stays in the row's page (HOT).
    Column("idle_expires_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("address", Text, nullable=False),
    Column("user_agent", Text, nullable=False),
    UniqueConstraint("tenant_id", "secret_hash"),
    ForeignKeyConstraint(("tenant_id", "session_id"), ("sessions.tenant_id", "sessions.id"), ondelete="CASCADE"),
)

session_clients = Table(
    "session_clients",
    metadata,
    tenant_column(),
    Column("session_id", Uuid, primary_key=True),
    Column("client_id", Text, primary_key=True),
    Column("joined_at", Instant, nullable=False),
    ForeignKeyConstraint(("tenant_id", "session_id"), ("sessions.tenant_id", "sessions.id"), ondelete="CASCADE"),
)

_BROWSER_COLUMNS = (
    browser_sessions.c.secret_hash, browser_sessions.c.idle_expires_at, browser_sessions.c.seen_at,
    browser_sessions.c.address, browser_sessions.c.user_agent,
)  # fmt: skip
_CUT = len(SESSION_COLUMNS)
_USER_CUT = _CUT + len(_BROWSER_COLUMNS)
_ITS_SESSION = (sessions.c.tenant_id == browser_sessions.c.tenant_id) & (sessions.c.id == browser_sessions.c.session_id)
_ITS_USER = (users.c.tenant_id == sessions.c.tenant_id) & (users.c.id == sessions.c.user_id)
_THIS = (owned(browser_sessions), browser_sessions.c.session_id == given("which", browser_sessions.c.session_id))

_FIND = (
    select(*SESSION_COLUMNS, *_BROWSER_COLUMNS, *USER_COLUMNS)
    .select_from(browser_sessions.join(sessions, _ITS_SESSION).join(users, _ITS_USER))
    .where(owned(browser_sessions), browser_sessions.c.secret_hash == bindparam("presented_hash"))
)
_LIST = (
    select(*SESSION_COLUMNS, *_BROWSER_COLUMNS)
    .select_from(browser_sessions.join(sessions, _ITS_SESSION))
    .where(owned(sessions), sessions.c.user_id == given("whose", sessions.c.user_id), sessions.c.ended_at.is_(None))
    .order_by(browser_sessions.c.seen_at.desc(), sessions.c.id)
)
_ADD = insert(browser_sessions)
_TOUCH = (
    update(browser_sessions)
    .where(*_THIS)
    .values(seen_at=bindparam("now"), idle_expires_at=given("until", browser_sessions.c.idle_expires_at))
)
# The session before the browser's row, in the order in which a deleted user takes them along.
_LOCK = (
    select(sessions.c.id)
    .where(owned(sessions), sessions.c.id == given("which", sessions.c.id), sessions.c.ended_at.is_(None))
    .with_for_update()
)
_RENEW = (
    update(browser_sessions)
    .where(*_THIS, browser_sessions.c.secret_hash == given("instead_of", browser_sessions.c.secret_hash))
    .values({column.name: bindparam(column.name) for column in _BROWSER_COLUMNS})
)
_RENEW_SESSION = (
    update(sessions)
    .where(owned(sessions), sessions.c.id == given("which", sessions.c.id))
    .values({name: bindparam(name) for name in ("authenticated_at", "amr", "expires_at", "over_at")})
)
_JOIN = insert(session_clients).on_conflict_do_nothing()
_PARTICIPANTS = (
    select(session_clients.c.client_id)
    .where(owned(session_clients), session_clients.c.session_id == given("which", session_clients.c.session_id))
    .order_by(session_clients.c.client_id)
)


class SqlBrowserSessions(Store):
    """Implements BrowserSessions."""

    def find(self, secret_hash: str) -> Visitor | None:
        """Return who holds this cookie, also when the session is over or the user disabled."""
        row = self._work.row(_FIND, tenant=self._tenant_id, presented_hash=secret_hash)
        return None if row is None else Visitor(_browser(row[:_USER_CUT]), User(*row[_USER_CUT:]))

    def add(self, browser: BrowserSession) -> None:
        """Add it with its session. Raises: Conflict if the user is gone."""
        SqlSessions(self._work, self._tenant_id).add(browser.session)
        self._work.write(
            _ADD, tenant_id=self._tenant_id, session_id=browser.session.id, secret_hash=browser.secret_hash,
            idle_expires_at=browser.idle_expires_at, seen_at=browser.seen_at, address=browser.address,
            user_agent=browser.user_agent,
        )  # fmt: skip

    def touch(self, session_id: UUID, now: datetime, idle_expires_at: datetime) -> None:
        """Store a visit."""
        self._work.write(_TOUCH, tenant=self._tenant_id, which=session_id, now=now, until=idle_expires_at)

    def renew(self, browser: BrowserSession, *, instead_of: str) -> bool:
        """Give the session another cookie, instant, means and end; False if it is over or has another cookie."""
        session = browser.session
        if not self._work.write_returning(_LOCK, tenant=self._tenant_id, which=session.id):
            return False
        renewed = self._work.write(
            _RENEW, tenant=self._tenant_id, which=session.id, instead_of=instead_of, secret_hash=browser.secret_hash,
            idle_expires_at=browser.idle_expires_at, seen_at=browser.seen_at, address=browser.address,
            user_agent=browser.user_agent,
        )  # fmt: skip
        if renewed != 1:
            return False
        self._work.write(
            _RENEW_SESSION, tenant=self._tenant_id, which=session.id, authenticated_at=session.authenticated_at,
            amr=session.amr, expires_at=session.expires_at, over_at=session.expires_at,
        )  # fmt: skip
        return True

    def list(self, user_id: UUID) -> tuple[BrowserSession, ...]:
        """Return those of one person that have not ended, newest visit first."""
        return tuple(_browser(row) for row in self._work.rows(_LIST, tenant=self._tenant_id, whose=user_id))

    def join(self, session_id: UUID, client_id: str, now: datetime) -> None:
        """Store that the client was told of this session; a second time changes nothing. Raises: Conflict if gone."""
        self._work.write(_JOIN, tenant_id=self._tenant_id, session_id=session_id, client_id=client_id, joined_at=now)

    def participants(self, session_id: UUID) -> tuple[str, ...]:
        """Return the clients that were told of this session, in the order of their ids."""
        return tuple(row[0] for row in self._work.rows(_PARTICIPANTS, tenant=self._tenant_id, which=session_id))


def _browser(row: Values) -> BrowserSession:
    return BrowserSession(Session(*row[:_CUT]), *row[_CUT:])
