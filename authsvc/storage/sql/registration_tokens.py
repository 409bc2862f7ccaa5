"""Initial access tokens of client registration: taking one use is one statement."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    Column,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    bindparam,
    insert,
    or_,
    select,
    update,
)

from authsvc.domain.parties.registration_tokens import RegistrationToken
from authsvc.storage.sql.base import Instant, Store, given, metadata, owned, tenant_column

registration_tokens = Table(
    "registration_tokens",
    metadata,
    tenant_column(),
    Column("id", Uuid, primary_key=True),
    Column("secret_hash", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("uses_left", Integer),
    Column("revoked_at", Instant),
    UniqueConstraint("tenant_id", "secret_hash"),
)
Index(None, registration_tokens.c.tenant_id, registration_tokens.c.expires_at)

_TOKEN = select(*(column for column in registration_tokens.c if column.name != "tenant_id"))
_OF_SECRET = (owned(registration_tokens), registration_tokens.c.secret_hash == bindparam("presented_hash"))
_NOT_REVOKED = registration_tokens.c.revoked_at.is_(None)

_FIND = _TOKEN.where(*_OF_SECRET)
_LIST = _TOKEN.where(owned(registration_tokens)).order_by(registration_tokens.c.created_at, registration_tokens.c.id)
_ADD = insert(registration_tokens)
# Of no number there is one use less: none.
_USE = (
    update(registration_tokens)
    .where(
        *_OF_SECRET, _NOT_REVOKED, registration_tokens.c.expires_at > given("now", registration_tokens.c.expires_at),
        or_(registration_tokens.c.uses_left.is_(None), registration_tokens.c.uses_left > 0),
    )
    .values(uses_left=registration_tokens.c.uses_left - 1)
    .returning(registration_tokens.c.id)
)  # fmt: skip
_REVOKE = (
    update(registration_tokens)
    .where(
        owned(registration_tokens), registration_tokens.c.id == given("which", registration_tokens.c.id), _NOT_REVOKED
    )
    .values(revoked_at=bindparam("now"))
)


class SqlRegistrationTokens(Store):
    """Implements RegistrationTokens."""

    def find(self, secret_hash: str) -> RegistrationToken | None:
        """Return the token of that secret, also when it is over."""
        row = self._work.row(_FIND, tenant=self._tenant_id, presented_hash=secret_hash)
        return None if row is None else RegistrationToken(*row)

    def list(self) -> tuple[RegistrationToken, ...]:
        """Return all that are not yet purged, oldest first."""
        return tuple(RegistrationToken(*row) for row in self._work.rows(_LIST, tenant=self._tenant_id))

    def add(self, token: RegistrationToken) -> None:
        """Raises: Conflict if the secret is another's."""
        self._work.write(
            _ADD, tenant_id=self._tenant_id, id=token.id, secret_hash=token.secret_hash, name=token.name,
            created_at=token.created_at, expires_at=token.expires_at, uses_left=token.uses_left,
            revoked_at=token.revoked_at,
        )  # fmt: skip

    def use(self, secret_hash: str, now: datetime) -> bool:
        """Take one use; False if none is left, it has expired or was revoked."""
        used = self._work.write_returning(_USE, tenant=self._tenant_id, presented_hash=secret_hash, now=now)
        return len(used) == 1

    def revoke(self, token_id: UUID, now: datetime) -> bool:
        """False if not there or revoked already."""
        return self._work.write(_REVOKE, tenant=self._tenant_id, which=token_id, now=now) == 1
