"""API keys of people and services; their owners' end is theirs, too."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    Index,
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

from authsvc.domain.tokens.api_keys import ApiKey, KeyOwner
from authsvc.errors import Conflict
from authsvc.storage.sql.base import Instant, Store, StringSet, given, metadata, owned, tenant_column
from authsvc.storage.sql.clients import clients
from authsvc.storage.sql.users import users

api_keys = Table(
    "api_keys",
    metadata,
    tenant_column(),
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid),
    Column("client_id", Text),
    Column("name", Text, nullable=False),
    Column("hint", Text, nullable=False),
    Column("secret_hash", Text, nullable=False),
    Column("scopes", StringSet, nullable=False),
    Column("resources", StringSet, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("last_used_at", Instant),
    Column("revoked_at", Instant),
    # Its revocation, or else its expiry; NULL: it lives until somebody revokes it.
    Column("over_at", Instant),
    UniqueConstraint("tenant_id", "secret_hash"),
    ForeignKeyConstraint(("tenant_id", "user_id"), ("users.tenant_id", "users.id"), ondelete="CASCADE"),
    ForeignKeyConstraint(("tenant_id", "client_id"), ("clients.tenant_id", "clients.id"), ondelete="CASCADE"),
)
Index(None, api_keys.c.tenant_id, api_keys.c.user_id)
Index(None, api_keys.c.tenant_id, api_keys.c.client_id)
Index(None, api_keys.c.tenant_id, api_keys.c.over_at)

_USE_RECORDED = timedelta(seconds=60)
"""A key may be used a thousand times a second: when it was last used is written once in this while."""

_KEY = select(*(column for column in api_keys.c if column.name not in {"tenant_id", "over_at"})).where(owned(api_keys))
_THIS = (owned(api_keys), api_keys.c.id == given("which", api_keys.c.id))

_GET = _KEY.where(_THIS[1])
_FIND = _KEY.where(api_keys.c.secret_hash == bindparam("presented_hash"))
_LIVE = _KEY.where(api_keys.c.revoked_at.is_(None)).order_by(api_keys.c.created_at, api_keys.c.id)
_OF_USER = _LIVE.where(api_keys.c.user_id == given("whose", api_keys.c.user_id))
_OF_CLIENT = _LIVE.where(api_keys.c.client_id == given("whose", api_keys.c.client_id))
# Not for keys alone: FOR NO KEY UPDATE lets everything else be added that names the owner.
_HOLD_USER = (
    select(users.c.disabled_at)
    .where(owned(users), users.c.id == given("whose", users.c.id))
    .with_for_update(key_share=True)
)
_HOLD_CLIENT = (
    select(clients.c.id)
    .where(owned(clients), clients.c.id == given("whose", clients.c.id))
    .with_for_update(key_share=True)
)
_ADD = insert(api_keys)
_RECORD_USE = (
    update(api_keys)
    .where(
        *_THIS,
        or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at < given("before", api_keys.c.last_used_at)),
    )
    .values(last_used_at=bindparam("now"))
)
_END = update(api_keys).where(api_keys.c.revoked_at.is_(None)).values(
    revoked_at=bindparam("now"), over_at=bindparam("now")
)  # fmt: skip
_REVOKE = _END.where(*_THIS)
_REVOKE_ALL = _END.where(owned(api_keys), api_keys.c.user_id == given("whose", api_keys.c.user_id))


class SqlApiKeys(Store):
    """Implements ApiKeys."""

    def get(self, key_id: UUID) -> ApiKey | None:
        """Return the key, also when it is over."""
        row = self._work.row(_GET, tenant=self._tenant_id, which=key_id)
        return None if row is None else ApiKey(*row)

    def find(self, secret_hash: str) -> ApiKey | None:
        """Return the key of that secret, also when it is over."""
        row = self._work.row(_FIND, tenant=self._tenant_id, presented_hash=secret_hash)
        return None if row is None else ApiKey(*row)

    def list(self, *, user_id: UUID | None = None, client_id: str | None = None) -> tuple[ApiKey, ...]:
        """Return those of one owner that are not revoked, oldest first. Raises: ValueError if not told of whom."""
        if (user_id is None) == (client_id is None):
            message = "API keys are listed of a user or of a client"
            raise ValueError(message)
        if user_id is None:
            rows = self._work.rows(_OF_CLIENT, tenant=self._tenant_id, whose=client_id)
        else:
            rows = self._work.rows(_OF_USER, tenant=self._tenant_id, whose=user_id)
        return tuple(ApiKey(*row) for row in rows)

    def count_before_adding(self, owner: KeyOwner, now: datetime) -> int:
        """Return how many live keys the owner has; nobody adds one to them until the transaction ends.

        Raises: Conflict if the person is gone or disabled, whose keys were revoked with that.
        """
        if owner.user_id is None:
            self._work.write_returning(_HOLD_CLIENT, tenant=self._tenant_id, whose=owner.client_id)
        else:
            held = self._work.write_returning(_HOLD_USER, tenant=self._tenant_id, whose=owner.user_id)
            if not held or held[0][0] is not None:
                raise Conflict("API key: its person is gone or disabled")
        return sum(key.is_alive(now) for key in self.list(user_id=owner.user_id, client_id=owner.client_id))

    def add(self, key: ApiKey) -> None:
        """Raises: Conflict if its owner is gone."""
        self._work.write(
            _ADD, tenant_id=self._tenant_id, id=key.id, user_id=key.user_id, client_id=key.client_id, name=key.name,
            hint=key.hint, secret_hash=key.secret_hash, scopes=key.scopes, resources=key.resources,
            created_at=key.created_at, expires_at=key.expires_at, last_used_at=key.last_used_at,
            revoked_at=key.revoked_at, over_at=key.revoked_at or key.expires_at,
        )  # fmt: skip

    def record_use(self, key_id: UUID, now: datetime) -> None:
        """Write when it was last used, unless that was written just now."""
        self._work.write(_RECORD_USE, tenant=self._tenant_id, which=key_id, now=now, before=now - _USE_RECORDED)

    def revoke(self, key_id: UUID, now: datetime) -> bool:
        """False if not there or revoked already."""
        return self._work.write(_REVOKE, tenant=self._tenant_id, which=key_id, now=now) == 1

    def revoke_all(self, user_id: UUID, now: datetime) -> int:
        """Revoke all keys of a person; return how many."""
        return self._work.write(_REVOKE_ALL, tenant=self._tenant_id, whose=user_id, now=now)
