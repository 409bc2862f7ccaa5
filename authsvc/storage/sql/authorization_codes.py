"""Authorization codes: adding one is one INSERT, and using one up is one UPDATE."""

from datetime import datetime

from sqlalchemy import Boolean, Column, Index, Table, Text, Uuid, bindparam, insert, select, update

from authsvc.domain.people.users import User
from authsvc.domain.sign_in.authorization_codes import AuthorizationCode, CodeState
from authsvc.domain.sign_in.sessions import Session
from authsvc.domain.tokens.content import SignIn
from authsvc.storage.sql.base import (
    Instant,
    JsonMap,
    Store,
    StringSet,
    StringTuple,
    given,
    metadata,
    owned,
    tenant_column,
)
from authsvc.storage.sql.sessions import SESSION_COLUMNS, sessions
from authsvc.storage.sql.users import USER_COLUMNS, users

# No foreign keys: the grant asks after the session and the client in any case, and each would cost every code a look.
authorization_codes = Table(
    "authorization_codes",
    metadata,
    tenant_column(),
    Column("code_hash", Text, primary_key=True),
    Column("client_id", Text, nullable=False),
    Column("user_id", Uuid, nullable=False),
    Column("session_id", Uuid, nullable=False),
    Column("authenticated_at", Instant, nullable=False),
    Column("amr", StringTuple, nullable=False),
    Column("family_id", Uuid),
    Column("redirect_uri", Text),
    Column("code_challenge", Text),
    Column("scopes", StringSet, nullable=False),
    Column("resources", StringSet, nullable=False),
    Column("nonce", Text),
    Column("claims", JsonMap, nullable=False),
    Column("acr", Text),
    Column("token_id", Text, nullable=False),
    Column("offline", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("consumed_at", Instant),
)
Index(None, authorization_codes.c.tenant_id, authorization_codes.c.expires_at)

_SIGN_IN = ("user_id", "session_id", "authenticated_at", "amr", "family_id")
_REST = (
    "redirect_uri", "code_challenge", "scopes", "resources", "nonce", "claims", "acr", "token_id", "offline",
    "created_at", "expires_at", "consumed_at",
)  # fmt: skip
_FIRST_OF_REST = 2 + len(_SIGN_IN)
_THIS = (owned(authorization_codes), authorization_codes.c.code_hash == bindparam("presented_hash"))

_ADD = insert(authorization_codes).returning(authorization_codes.c.code_hash)
_CODE_COLUMNS = tuple(authorization_codes.c[name] for name in ("code_hash", "client_id", *_SIGN_IN, *_REST))
_CUT = len(_CODE_COLUMNS)
_USER_CUT = _CUT + len(SESSION_COLUMNS)
_ITS_SESSION = (sessions.c.tenant_id == authorization_codes.c.tenant_id) & (
    sessions.c.id == authorization_codes.c.session_id
)
_ITS_USER = (users.c.tenant_id == authorization_codes.c.tenant_id) & (users.c.id == authorization_codes.c.user_id)
_FIND = (
    select(*_CODE_COLUMNS, *SESSION_COLUMNS, *USER_COLUMNS)
    .select_from(authorization_codes.outerjoin(sessions, _ITS_SESSION).outerjoin(users, _ITS_USER))
    .where(*_THIS)
)
_USE = update(authorization_codes).where(
    *_THIS, authorization_codes.c.consumed_at.is_(None),
    authorization_codes.c.expires_at > given("now", authorization_codes.c.expires_at),
).returning(authorization_codes.c.code_hash)  # fmt: skip
_CONSUME = _USE.values(consumed_at=bindparam("now"))
# The rare one by itself: an indexed value that changes costs every code a second entry.
_CONSUME_AND_KEEP = _USE.values(consumed_at=bindparam("now"), expires_at=bindparam("kept_until"))


class SqlAuthorizationCodes(Store):
    """Implements AuthorizationCodes."""

    def add(self, code: AuthorizationCode) -> None:
        """Add a code: within the begun transaction, or else at once."""
        self._work.write_alone(
            _ADD, tenant_id=self._tenant_id, code_hash=code.code_hash, client_id=code.client_id,
            **{name: getattr(code.sign_in, name) for name in _SIGN_IN}, **{name: getattr(code, name) for name in _REST},
        )  # fmt: skip

    def find(self, code_hash: str) -> CodeState | None:
        """Return the code, also when it has expired or was used, and whoever agreed to it."""
        row = self._work.row(_FIND, tenant=self._tenant_id, presented_hash=code_hash)
        if row is None:
            return None
        code = AuthorizationCode(row[0], row[1], SignIn(*row[2:_FIRST_OF_REST]), *row[_FIRST_OF_REST:_CUT])
        session, user = row[_CUT:_USER_CUT], row[_USER_CUT:]
        return CodeState(code, Session(*session) if session[0] else None, User(*user) if user[0] else None)

    def consume(self, code_hash: str, now: datetime, *, kept_until: datetime | None = None) -> bool:
        """Use the code up, within the begun transaction or else at once; False if it was used or has expired."""
        this = {"tenant": self._tenant_id, "presented_hash": code_hash, "now": now}
        if kept_until is None:
            return len(self._work.write_alone(_CONSUME, **this)) == 1
        return len(self._work.write_alone(_CONSUME_AND_KEEP, **this, kept_until=kept_until)) == 1
