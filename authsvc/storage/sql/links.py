"""One-time secrets sent by mail: using one and deleting it is one statement."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    bindparam,
    delete,
    select,
)
from sqlalchemy.dialects.postgresql import insert

from authsvc.domain.mail.outbox import MailedLink
from authsvc.domain.people.users import canonical_login
from authsvc.storage.sql.base import Instant, Store, given, metadata, owned, tenant_column

mailed_links = Table(
    "mailed_links",
    metadata,
    tenant_column(),
    Column("purpose", Text, primary_key=True),
    # Who has one link of a purpose at a time: the user, or the canonical address while there is no user yet.
    Column("subject", Text, primary_key=True),
    Column("user_id", Uuid),
    Column("secret_hash", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("payload_encrypted", LargeBinary),
    UniqueConstraint("tenant_id", "secret_hash"),
    ForeignKeyConstraint(("tenant_id", "user_id"), ("users.tenant_id", "users.id"), ondelete="CASCADE"),
)
Index(None, mailed_links.c.tenant_id, mailed_links.c.user_id)
Index(None, mailed_links.c.tenant_id, mailed_links.c.expires_at)

_WRITTEN = insert(mailed_links)
_ADD = _WRITTEN.on_conflict_do_update(
    index_elements=(mailed_links.c.tenant_id, mailed_links.c.purpose, mailed_links.c.subject),
    set_={
        name: _WRITTEN.excluded[name] for name in ("user_id", "secret_hash", "email", "expires_at", "payload_encrypted")
    },
)
_LINK = (
    mailed_links.c.secret_hash, mailed_links.c.purpose, mailed_links.c.user_id, mailed_links.c.email,
    mailed_links.c.expires_at, mailed_links.c.payload_encrypted,
)  # fmt: skip
_FIND = select(*_LINK).where(
    owned(mailed_links),
    mailed_links.c.purpose == bindparam("wanted"),
    mailed_links.c.secret_hash == bindparam("presented_hash"),
)
_CONSUME = (
    delete(mailed_links)
    .where(
        owned(mailed_links), mailed_links.c.purpose == bindparam("wanted"),
        mailed_links.c.secret_hash == bindparam("presented_hash"),
        mailed_links.c.expires_at > given("now", mailed_links.c.expires_at),
    )
    .returning(*_LINK)
)  # fmt: skip
_DISCARD = delete(mailed_links).where(
    owned(mailed_links), mailed_links.c.purpose == bindparam("wanted"), mailed_links.c.subject == bindparam("whose")
)


class SqlLinks(Store):
    """Implements MailedLinks."""

    def add(self, link: MailedLink) -> None:
        """Replace the earlier link of the same purpose and subject. Raises: Conflict if the user is gone."""
        subject = canonical_login(link.email) if link.user_id is None else str(link.user_id)
        self._work.write(
            _ADD, tenant_id=self._tenant_id, purpose=link.purpose, subject=subject, user_id=link.user_id,
            secret_hash=link.secret_hash, email=link.email, expires_at=link.expires_at,
            payload_encrypted=link.payload_encrypted,
        )  # fmt: skip

    def find(self, secret_hash: str, purpose: str) -> MailedLink | None:
        """Return the link, also when it has expired."""
        row = self._work.row(_FIND, tenant=self._tenant_id, presented_hash=secret_hash, wanted=purpose)
        return None if row is None else MailedLink(*row)

    def consume(self, secret_hash: str, purpose: str, now: datetime) -> MailedLink | None:
        """Return the live link and delete it."""
        used = self._work.write_returning(
            _CONSUME, tenant=self._tenant_id, presented_hash=secret_hash, wanted=purpose, now=now
        )
        return MailedLink(*used[0]) if used else None

    def discard(self, user_id: UUID, purpose: str) -> None:
        """Forget the user's link of this purpose, if there is one."""
        self._work.write(_DISCARD, tenant=self._tenant_id, wanted=purpose, whose=str(user_id))
