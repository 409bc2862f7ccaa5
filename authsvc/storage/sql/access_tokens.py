"""Opaque access tokens, revoked ones, and what the database says of a token: one statement over four tables."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Index, Table, Text, bindparam, exists, or_, select
from sqlalchemy.dialects.postgresql import insert

from authsvc.domain.tokens.access_tokens import OpaqueAccessToken, Standing
from authsvc.storage.sql.base import Instant, JsonMap, Store, given, metadata, owned, tenant_column
from authsvc.storage.sql.sessions import refresh_families, sessions
from authsvc.storage.sql.users import users

access_tokens = Table(
    "access_tokens",
    metadata,
    tenant_column(),
    Column("token_hash", Text, primary_key=True),
    Column("claims", JsonMap, nullable=False),
    Column("expires_at", Instant, nullable=False),
)
Index(None, access_tokens.c.tenant_id, access_tokens.c.expires_at)

revoked_tokens = Table(
    "revoked_tokens",
    metadata,
    tenant_column(),
    Column("jti", Text, primary_key=True),
    Column("expires_at", Instant, nullable=False),
)
Index(None, revoked_tokens.c.tenant_id, revoked_tokens.c.expires_at)

_ADD = access_tokens.insert()
_FIND = select(access_tokens.c.token_hash, access_tokens.c.claims, access_tokens.c.expires_at).where(
    owned(access_tokens), access_tokens.c.token_hash == bindparam("presented_hash")
)
_REVOKE = insert(revoked_tokens).on_conflict_do_nothing()
_SESSION = (owned(sessions), sessions.c.id == given("which_session", sessions.c.id))
_QUESTIONS: tuple[Any, ...] = (
    # Each by its key: of two at once PostgreSQL may think that it finds one of them sooner by reading the tenant's.
    or_(
        exists().where(owned(revoked_tokens), revoked_tokens.c.jti == bindparam("which_token")),
        exists().where(owned(revoked_tokens), revoked_tokens.c.jti == given("behind_it", revoked_tokens.c.jti)),
    ),
    exists().where(
        *_SESSION, sessions.c.ended_at.is_(None), sessions.c.expires_at > given("now", sessions.c.expires_at)
    ),
    exists().where(
        owned(refresh_families), refresh_families.c.id == given("which_family", refresh_families.c.id),
        refresh_families.c.ended_at.is_(None),
        refresh_families.c.idle_expires_at > given("now", refresh_families.c.idle_expires_at),
        refresh_families.c.expires_at > given("now", refresh_families.c.expires_at),
    ),
    exists().where(
        *_SESSION, users.c.tenant_id == sessions.c.tenant_id, users.c.id == sessions.c.user_id,
        users.c.disabled_at.is_(None),
    ),
)  # fmt: skip
_STANDING = select(*_QUESTIONS)


class SqlAccessTokens(Store):
    """Implements AccessTokens."""

    def add(self, token: OpaqueAccessToken) -> None:
        """Keep an opaque token."""
        self._work.write(
            _ADD, tenant_id=self._tenant_id, token_hash=token.token_hash, claims=token.claims,
            expires_at=token.expires_at,
        )  # fmt: skip

    def find(self, token_hash: str) -> OpaqueAccessToken | None:
        """Return the token of this hash, also when it has expired."""
        row = self._work.row(_FIND, tenant=self._tenant_id, presented_hash=token_hash)
        return None if row is None else OpaqueAccessToken(*row)

    def standing(
        self, token_ids: tuple[str, str | None], session_id: UUID | None, family_id: UUID | None, now: datetime
    ) -> Standing:
        """Say what speaks against the token. What it names and is not there counts as over."""
        row = self._work.row(
            _STANDING, tenant=self._tenant_id, which_token=token_ids[0], behind_it=token_ids[1],
            which_session=session_id, which_family=family_id, now=now,
        )  # fmt: skip
        # No row: an id that no text column holds, so that it was never given out.
        is_revoked, session_alive, family_alive, user_enabled = (True, False, False, False) if row is None else row
        return Standing(
            not_revoked=not is_revoked,
            session_alive=session_id is None or session_alive,
            family_alive=family_id is None or family_alive,
            user_enabled=session_id is None or user_enabled,
        )

    def revoke(self, token_id: str, expires_at: datetime) -> None:
        """Refuse the token of this `jti` from now on; a second time changes nothing."""
        self._work.write(_REVOKE, tenant_id=self._tenant_id, jti=token_id, expires_at=expires_at)
