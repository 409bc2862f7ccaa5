"""One-time secrets sent by mail: using one and deleting it is one statement."""

from datetime import datetime

from sqlalchemy import Column, ForeignKeyConstraint, Index, Table, Text, UniqueConstraint, Uuid, bindparam, delete
from sqlalchemy.dialects.postgresql import insert

from authsvc.domain.outbox import MailedLink
from authsvc.storage.sql.base import Instant, Store, given, metadata, owned, tenant_column

mailed_links = Table(
    "mailed_links",
    metadata,
    tenant_column(),
    Column("user_id", Uuid, primary_key=True),
    Column("purpose", Text, primary_key=True),
    Column("secret_hash", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("expires_at", Instant, nullable=False),
    UniqueConstraint("tenant_id", "secret_hash"),
    ForeignKeyConstraint(("tenant_id", "user_id"), ("users.tenant_id", "users.id"), ondelete="CASCADE"),
)
Index(None, mailed_links.c.tenant_id, mailed_links.c.expires_at)

_WRITTEN = insert(mailed_links)
_ADD = _WRITTEN.on_conflict_do_update(
    index_elements=(mailed_links.c.tenant_id, mailed_links.c.user_id, mailed_links.c.purpose),
    set_={name: _WRITTEN.excluded[name] for name in ("secret_hash", "email", "expires_at")},
)
_CONSUME = (
    delete(mailed_links)
    .where(
        owned(mailed_links), mailed_links.c.secret_hash == bindparam("presented_hash"),
        mailed_links.c.purpose == bindparam("wanted"),
        mailed_links.c.expires_at > given("now", mailed_links.c.expires_at),
    )
    .returning(
        mailed_links.c.secret_hash, mailed_links.c.purpose, mailed_links.c.user_id, mailed_links.c.email,
        mailed_links.c.expires_at,
    )
)  # fmt: skip


class SqlLinks(Store):
    """Implements MailedLinks."""

    def add(self, link: MailedLink) -> None:
        """Replace the user's earlier link of the same purpose. Raises: Conflict if the user is gone."""
        self._work.write(
            _ADD, tenant_id=self._tenant_id, user_id=link.user_id, purpose=link.purpose, secret_hash=link.secret_hash,
            email=link.email, expires_at=link.expires_at,
        )  # fmt: skip

    def consume(self, secret_hash: str, purpose: str, now: datetime) -> MailedLink | None:
        """Return the live link and delete it."""
        used = self._work.write_returning(
            _CONSUME, tenant=self._tenant_id, presented_hash=secret_hash, wanted=purpose, now=now
        )
        return MailedLink(*used[0]) if used else None
