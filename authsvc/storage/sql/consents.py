"""What people have allowed clients: one row for each pair, and its withdrawal, which ends what was given on it."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    Index,
    Table,
    Text,
    Uuid,
    bindparam,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from authsvc.domain.parties.resources import MAX_ACCESS_TOKEN_SECONDS
from authsvc.domain.sign_in.authorization_codes import KEPT_SECONDS
from authsvc.domain.sign_in.consents import Consent
from authsvc.errors import Conflict
from authsvc.storage.sql.access_tokens import revoked_tokens
from authsvc.storage.sql.authorization_codes import authorization_codes
from authsvc.storage.sql.base import Instant, Store, StringSet, given, metadata, owned, tenant_column
from authsvc.storage.sql.clients import clients
from authsvc.storage.sql.sessions import SqlSessions, refresh_families, sessions

consents = Table(
    "consents",
    metadata,
    tenant_column(),
    Column("user_id", Uuid, primary_key=True),
    Column("client_id", Text, primary_key=True),
    Column("scopes", StringSet, nullable=False),
    Column("resources", StringSet, nullable=False),
    Column("claims", StringSet, nullable=False),
    Column("given_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    ForeignKeyConstraint(("tenant_id", "user_id"), ("users.tenant_id", "users.id"), ondelete="CASCADE"),
    ForeignKeyConstraint(("tenant_id", "client_id"), ("clients.tenant_id", "clients.id"), ondelete="CASCADE"),
)
Index(None, consents.c.tenant_id, consents.c.client_id)

_TRIES = 3
_COLUMNS = tuple(column for column in consents.c if column.name != "tenant_id")
_ALLOWED = ("scopes", "resources", "claims")
_THIS = (
    owned(consents), consents.c.user_id == given("whose", consents.c.user_id),
    # By the person's few, not by the client's many: PostgreSQL multiplies how rare tenant and client are, takes the
    # index of both for as good as the key, and would read everybody's consent to a client of 100,000 people.
    func.coalesce(consents.c.client_id, "") == given("to_whom", consents.c.client_id),
)  # fmt: skip

_GET = select(*_COLUMNS).where(*_THIS)
_LOCK = _GET.with_for_update()
_LIST = (
    select(*_COLUMNS)
    .where(owned(consents), consents.c.user_id == given("whose", consents.c.user_id))
    .order_by(consents.c.client_id)
)
# Also what keeps the purge off: it asks again for this row once it may have it.
_MARK_USED = (
    update(clients)
    .where(owned(clients), clients.c.id == given("to_whom", clients.c.id), clients.c.first_used_at.is_(None))
    .values(first_used_at=bindparam("now"))
)
_ADD = insert(consents).on_conflict_do_nothing().returning(consents.c.client_id)
_WIDEN = (
    update(consents)
    .where(*_THIS)
    .values({name: bindparam(name) for name in (*_ALLOWED, "changed_at")})
)  # fmt: skip
_WITHDRAW = delete(consents).where(*_THIS).returning(consents.c.client_id)

# In one order, so that two of these cannot wait for each other.
_SESSIONS_OF_ITS_OWN = (
    select(sessions.c.id)
    .where(
        owned(sessions), sessions.c.user_id == given("whose", sessions.c.user_id),
        sessions.c.client_id == given("to_whom", sessions.c.client_id), sessions.c.ended_at.is_(None),
    )
    .order_by(sessions.c.id)
    .with_for_update()
)  # fmt: skip
_ENDED: dict[str, Any] = {"ended_at": bindparam("now"), "over_at": bindparam("now")}
_END_FAMILIES = (
    update(refresh_families)
    .where(
        owned(refresh_families),
        refresh_families.c.session_id.in_(
            select(sessions.c.id).where(owned(sessions), sessions.c.user_id == given("whose", sessions.c.user_id))
        ),
        refresh_families.c.client_id == given("to_whom", refresh_families.c.client_id),
        refresh_families.c.ended_at.is_(None),
    )
    .values(_ENDED)
)
_THEIR_CODES = (
    owned(authorization_codes),
    authorization_codes.c.user_id == given("whose", authorization_codes.c.user_id),
    authorization_codes.c.client_id == given("to_whom", authorization_codes.c.client_id),
)
# The few that still live, found by their expiry.
_DELETE_CODES = delete(authorization_codes).where(
    *_THEIR_CODES, authorization_codes.c.expires_at > given("now", authorization_codes.c.expires_at),
    authorization_codes.c.consumed_at.is_(None),
)  # fmt: skip
# Some tokens hang on nothing else that ends. Those of the codes that are kept: no other token still lives.
_REVOKE_TOKENS = insert(revoked_tokens).from_select(
    ["tenant_id", "jti", "expires_at"],
    select(
        authorization_codes.c.tenant_id, authorization_codes.c.token_id, given("until", revoked_tokens.c.expires_at)
    ).where(
        *_THEIR_CODES, authorization_codes.c.expires_at > given("since", authorization_codes.c.expires_at),
        authorization_codes.c.consumed_at.is_not(None),
    ),
).on_conflict_do_nothing()  # fmt: skip
_KEPT = timedelta(seconds=KEPT_SECONDS)
_LONGEST = timedelta(seconds=MAX_ACCESS_TOKEN_SECONDS + 60)
"""No access token lives longer, whatever its resource says; a minute for clocks."""


class SqlConsents(Store):
    """Implements Consents."""

    def get(self, user_id: UUID, client_id: str) -> Consent | None:
        """Return what the person allowed the client."""
        row = self._work.row(_GET, tenant=self._tenant_id, whose=user_id, to_whom=client_id)
        return None if row is None else Consent(*row)

    def give(self, consent: Consent) -> None:
        """Store it, or add it to what was allowed before, whose row is locked meanwhile. The client counts as used.

        Raises: Conflict if the user or the client is gone.
        """
        whose = {"tenant": self._tenant_id, "whose": consent.user_id, "to_whom": consent.client_id}
        self._work.write(_MARK_USED, tenant=self._tenant_id, to_whom=consent.client_id, now=consent.changed_at)
        for _ in range(_TRIES):
            given_now = {column.name: getattr(consent, column.name) for column in _COLUMNS}
            if self._work.write_returning(_ADD, tenant_id=self._tenant_id, **given_now):
                return
            if before := self._work.write_returning(_LOCK, **whose):
                old = Consent(*before[0])
                widened = {name: getattr(old, name) | getattr(consent, name) for name in _ALLOWED}
                self._work.write(_WIDEN, **whose, **widened, changed_at=consent.changed_at)
                return
        raise Conflict("consent: withdrawn again and again while it was given")

    def withdraw(self, user_id: UUID, client_id: str, now: datetime) -> bool:
        """Forget the consent, and end what the client holds of the person: sessions, families, codes, their tokens.

        False if there was none; what the client held ends all the same.
        """
        whose = {"tenant": self._tenant_id, "whose": user_id, "to_whom": client_id}
        found = self._work.write_returning(_WITHDRAW, **whose)
        own = SqlSessions(self._work, self._tenant_id)
        for (session_id,) in self._work.write_returning(_SESSIONS_OF_ITS_OWN, **whose):
            own.end(session_id, now)
        self._work.write(_END_FAMILIES, **whose, now=now)
        self._work.write(_DELETE_CODES, **whose, now=now)
        # After that: a code that was in use meanwhile has been used by now.
        self._work.write(_REVOKE_TOKENS, **whose, since=now - _KEPT, until=now + _LONGEST)
        return len(found) == 1

    def list(self, user_id: UUID) -> tuple[Consent, ...]:
        """Return what the person has allowed, in the order of the clients' ids."""
        return tuple(Consent(*row) for row in self._work.rows(_LIST, tenant=self._tenant_id, whose=user_id))
