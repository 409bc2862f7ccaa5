"""Letters that wait to be sent; taking one leases it to one sender."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, Index, Integer, LargeBinary, Table, Uuid, bindparam, delete, select, update

from authsvc.domain.mail.outbox import Letter
from authsvc.storage.sql.base import Instant, Store, given, metadata, owned, tenant_column
from authsvc.storage.sql.work import Work

letters = Table(
    "letters",
    metadata,
    tenant_column(),
    Column("id", Uuid, primary_key=True),
    Column("content_encrypted", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("send_after", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
)
Index(None, letters.c.tenant_id, letters.c.send_after)

_ADD = letters.insert()
_LETTER = (letters.c.id, letters.c.content_encrypted, letters.c.created_at, letters.c.send_after, letters.c.attempts)
# Read once (a CTE), and never a row that another sender is taking: PostgreSQL skips it, SQLite has one writer.
_DUE = (
    select(letters.c.id)
    .where(owned(letters), letters.c.send_after <= given("now", letters.c.send_after))
    .order_by(letters.c.send_after)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
    .cte("due")
)
_TAKE = (
    update(letters)
    .where(owned(letters), letters.c.id.in_(select(_DUE.c.id)))
    .values(send_after=bindparam("leased_until"), attempts=letters.c.attempts + 1)
    .returning(*_LETTER)
)
_POSTPONE = (
    update(letters)
    .where(owned(letters), letters.c.id == given("which", letters.c.id))
    .values(send_after=given("then", letters.c.send_after))
)
_TENANTS = select(letters.c.tenant_id).distinct().where(letters.c.send_after <= given("now", letters.c.send_after))
_LIST = select(*_LETTER).where(owned(letters)).order_by(letters.c.id).limit(bindparam("most"))
_LIST_AFTER = _LIST.where(letters.c.id > given("last", letters.c.id))
_SET_CONTENT = (
    update(letters)
    .where(
        owned(letters), letters.c.id == given("which", letters.c.id),
        letters.c.content_encrypted == given("instead_of", letters.c.content_encrypted),
    )
    .values(content_encrypted=bindparam("content_encrypted"))
)  # fmt: skip
_DELETE = delete(letters).where(owned(letters), letters.c.id == given("which", letters.c.id))


class SqlOutbox(Store):
    """Implements Outbox."""

    def add(self, letter: Letter) -> None:
        """Add a letter."""
        self._work.write(
            _ADD, tenant_id=self._tenant_id, id=letter.id, content_encrypted=letter.content_encrypted,
            created_at=letter.created_at, send_after=letter.send_after, attempts=letter.attempts,
        )  # fmt: skip

    def take(self, now: datetime, leased_until: datetime, limit: int) -> tuple[Letter, ...]:
        """Return letters whose time has come, pushed to `leased_until` and counted as attempted, oldest first."""
        rows = self._work.write_returning(_TAKE, tenant=self._tenant_id, now=now, leased_until=leased_until, most=limit)
        return tuple(sorted((Letter(*row) for row in rows), key=lambda letter: (letter.created_at, letter.id)))

    def postpone(self, letter_id: UUID, send_after: datetime) -> None:
        """Try the letter again then."""
        self._work.write(_POSTPONE, tenant=self._tenant_id, which=letter_id, then=send_after)

    def list(self, after: UUID | None, limit: int) -> tuple[Letter, ...]:
        """Return letters in the order of their ids, due or not."""
        if after is None:
            rows = self._work.rows(_LIST, tenant=self._tenant_id, most=limit)
        else:
            rows = self._work.rows(_LIST_AFTER, tenant=self._tenant_id, most=limit, last=after)
        return tuple(Letter(*row) for row in rows)

    def set_content(self, letter_id: UUID, content_encrypted: bytes, *, instead_of: bytes) -> bool:
        """Replace the content if it still is `instead_of`."""
        changed = self._work.write(
            _SET_CONTENT, tenant=self._tenant_id, which=letter_id, instead_of=instead_of,
            content_encrypted=content_encrypted,
        )  # fmt: skip
        return changed == 1

    def delete(self, letter_id: UUID) -> None:
        """Forget a letter that was sent."""
        self._work.write(_DELETE, tenant=self._tenant_id, which=letter_id)


def tenants_with_letters(work: Work, now: datetime) -> tuple[UUID, ...]:
    """Return whose letters are due: one look, however many tenants there are."""
    return tuple(row[0] for row in work.rows(_TENANTS, now=now))
