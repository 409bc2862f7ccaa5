"""Authorization codes: adding one is one INSERT, and using one up is one UPDATE."""

from datetime import datetime

from sqlalchemy import Boolean, Column, Index, Table, Text, Uuid, bindparam, insert, select, update

from authsvc.domain.authorization_codes import AuthorizationCode
from authsvc.domain.tokens import SignIn
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

_ADD = insert(authorization_codes)
_FIND = select(*(authorization_codes.c[name] for name in ("code_hash", "client_id", *_SIGN_IN, *_REST))).where(*_THIS)
_CONSUME = (
    update(authorization_codes)
    .where(
        *_THIS, authorization_codes.c.consumed_at.is_(None),
        authorization_codes.c.expires_at > given("now", authorization_codes.c.expires_at),
    )
    .values(consumed_at=bindparam("now"))
    .returning(authorization_codes.c.code_hash)
)  # fmt: skip


class SqlAuthorizationCodes(Store):
    """Implements AuthorizationCodes."""

    def add(self, code: AuthorizationCode) -> None:
        """Add a code."""
        self._work.write(
            _ADD, tenant_id=self._tenant_id, code_hash=code.code_hash, client_id=code.client_id,
            **{name: getattr(code.sign_in, name) for name in _SIGN_IN}, **{name: getattr(code, name) for name in _REST},
        )  # fmt: skip

    def find(self, code_hash: str) -> AuthorizationCode | None:
        """Return the code, also when it has expired or was used."""
        row = self._work.row(_FIND, tenant=self._tenant_id, presented_hash=code_hash)
        if row is None:
            return None
        return AuthorizationCode(row[0], row[1], SignIn(*row[2:_FIRST_OF_REST]), *row[_FIRST_OF_REST:])

    def consume(self, code_hash: str, now: datetime) -> bool:
        """Use the code up; False if it was used before or has expired."""
        used = self._work.write_returning(_CONSUME, tenant=self._tenant_id, presented_hash=code_hash, now=now)
        return len(used) == 1
