"""Imports of users: how far each is, its encrypted pieces, and the rows that it refused."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Update,
    Uuid,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from authsvc.domain.people.user_imports import (
    CANCELLED,
    CHUNK_BYTES,
    MAX_REFUSED_KEPT,
    RUNNING,
    UPLOADING,
    WAITING,
    Chunk,
    RefusedRow,
    UserImport,
)
from authsvc.storage.sql.base import Instant, Store, given, metadata, owned, some, tenant_column
from authsvc.storage.sql.work import Work

user_imports = Table(
    "user_imports",
    metadata,
    tenant_column(),
    Column("id", Uuid, primary_key=True),
    Column("form", Text, nullable=False),
    Column("dry_run", Boolean, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("state", Text, nullable=False),
    Column("bytes_total", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("lines", BigInteger, nullable=False),
    Column("added", BigInteger, nullable=False),
    Column("unchanged", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),
    Column("problem", Text),
    # NULL while it waits or runs: an upload that is not finished is over by itself.
    Column("over_at", Instant),
)
_OPEN = user_imports.c.over_at.is_(None)
Index(None, user_imports.c.tenant_id, user_imports.c.over_at)
Index(
    "ix_user_imports_open", user_imports.c.tenant_id, user_imports.c.created_at,
    postgresql_where=_OPEN, sqlite_where=_OPEN,
)  # fmt: skip
_OWNER = ("tenant_id", "import_id"), ("user_imports.tenant_id", "user_imports.id")
user_import_chunks = Table(
    "user_import_chunks",
    metadata,
    tenant_column(),
    Column("import_id", Uuid, primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("content_encrypted", LargeBinary, nullable=False),
    ForeignKeyConstraint(*_OWNER, ondelete="CASCADE"),
)
user_import_refusals = Table(
    "user_import_refusals",
    metadata,
    tenant_column(),
    Column("import_id", Uuid, primary_key=True),
    Column("line", BigInteger, primary_key=True),
    Column("reason", Text, nullable=False),
    ForeignKeyConstraint(*_OWNER, ondelete="CASCADE"),
)

_FEW = 64
"""Pieces that one transaction takes away; what is left then leaves with the purge."""
_COLUMNS = tuple(column for column in user_imports.c if column.name != "tenant_id")
_THIS = (owned(user_imports), user_imports.c.id == given("which", user_imports.c.id))
_AT = user_imports.c.position == given("was", user_imports.c.position)
_UPLOADING = (*_THIS, user_imports.c.state == UPLOADING)
_CHUNKS = (owned(user_import_chunks), user_import_chunks.c.import_id == given("which", user_import_chunks.c.import_id))
_REFUSALS = user_import_refusals.c.import_id == given("which", user_import_refusals.c.import_id)
NO_CHUNKS = some(
    user_import_chunks,
    user_import_chunks.c.tenant_id == user_imports.c.tenant_id,
    user_import_chunks.c.import_id == user_imports.c.id,
).is_(None)

_GET = select(*_COLUMNS).where(*_THIS)
_NEXT = select(*_COLUMNS).where(owned(user_imports), _OPEN).order_by(user_imports.c.created_at).limit(1)
_COUNT_OPEN = (
    select(func.count())
    .select_from(user_imports)
    .where(owned(user_imports), or_(_OPEN, user_imports.c.state == UPLOADING))
)
_ADD = insert(user_imports)
_GROW = (
    update(user_imports)
    .where(*_UPLOADING)
    .values(bytes_total=bindparam("size"), over_at=given("until", user_imports.c.over_at))
)
_ADD_CHUNK = insert(user_import_chunks)
_FIND_CHUNK = select(user_import_chunks.c.ordinal, user_import_chunks.c.content_encrypted).where(
    *_CHUNKS, user_import_chunks.c.ordinal == bindparam("number")
)
_SUBMIT = update(user_imports).where(*_UPLOADING).values(state=WAITING, over_at=None)
_ADVANCE = (
    update(user_imports)
    .where(*_THIS, _OPEN, _AT)
    .values(
        state=RUNNING, position=bindparam("position"), lines=bindparam("lines"), added=bindparam("added"),
        unchanged=bindparam("unchanged"), refused=bindparam("refused"),
    )
)  # fmt: skip
_KEEP_REFUSED = insert(user_import_refusals)
# Not the first piece, which may name the columns.
_DROP_READ = delete(user_import_chunks).where(
    *_CHUNKS, user_import_chunks.c.ordinal > 0, user_import_chunks.c.ordinal < bindparam("number")
)
_DROP_FEW = delete(user_import_chunks).where(
    *_CHUNKS,
    user_import_chunks.c.ordinal.in_(select(user_import_chunks.c.ordinal).where(*_CHUNKS).limit(_FEW)),
)
_OVER = {
    "state": given("ended", user_imports.c.state),
    "problem": given("why", user_imports.c.problem),
    "over_at": given("now", user_imports.c.over_at),
}
_END = update(user_imports).where(*_THIS, _OPEN, _AT).values(_OVER)
_CANCEL = update(user_imports).where(*_THIS, _OPEN).values(_OVER)
_GIVE_UP = update(user_imports).where(*_UPLOADING).values(over_at=given("now", user_imports.c.over_at))
_FORGET = delete(user_imports).where(*_UPLOADING, NO_CHUNKS)
_LIST_REFUSED = (
    select(user_import_refusals.c.line, user_import_refusals.c.reason)
    .where(owned(user_import_refusals), _REFUSALS, user_import_refusals.c.line > bindparam("last"))
    .order_by(user_import_refusals.c.line)
    .limit(bindparam("most"))
)
_TENANTS = select(user_imports.c.tenant_id).distinct().where(_OPEN)


class SqlUserImports(Store):
    """Implements UserImports."""

    def get(self, import_id: UUID) -> UserImport | None:
        """Return the import of that id."""
        row = self._work.row(_GET, tenant=self._tenant_id, which=import_id)
        return None if row is None else UserImport(*row)

    def next(self) -> UserImport | None:
        """Return the oldest that is uploaded and not over."""
        row = self._work.row(_NEXT, tenant=self._tenant_id)
        return None if row is None else UserImport(*row)

    def count_open(self) -> int:
        """Count those that are uploaded at this moment, or not over."""
        row = self._work.row(_COUNT_OPEN, tenant=self._tenant_id)
        return 0 if row is None else int(row[0])

    def add(self, new: UserImport) -> None:
        """Begin an upload."""
        values = {column.name: getattr(new, column.name) for column in _COLUMNS}
        self._work.write(_ADD, tenant_id=self._tenant_id, **values)

    def add_chunk(self, grown: UserImport, chunk: Chunk) -> bool:
        """Store the piece with the upload's new size and end; False if it is no longer being uploaded."""
        until = grown.over_at
        grew = self._work.write(_GROW, tenant=self._tenant_id, which=grown.id, size=grown.bytes_total, until=until)
        if grew == 0:
            return False
        self._work.write(
            _ADD_CHUNK, tenant_id=self._tenant_id, import_id=grown.id, ordinal=chunk.ordinal,
            content_encrypted=chunk.content_encrypted,
        )  # fmt: skip
        return True

    def find_chunk(self, import_id: UUID, ordinal: int) -> Chunk | None:
        """Return one piece, if it is still there."""
        row = self._work.row(_FIND_CHUNK, tenant=self._tenant_id, which=import_id, number=ordinal)
        return None if row is None else Chunk(*row)

    def submit(self, import_id: UUID) -> bool:
        """Let it wait for its turn; False if it is no longer being uploaded."""
        return self._work.write(_SUBMIT, tenant=self._tenant_id, which=import_id) == 1

    def advance(self, was: UserImport, now: UserImport, refused: Sequence[RefusedRow]) -> bool:
        """Move it on from where it was, and keep these rows; False if it is elsewhere or over: then undo the batch.

        Pieces that were read to their end leave at once.
        """
        moved = self._work.write(
            _ADVANCE, tenant=self._tenant_id, which=was.id, was=was.position, position=now.position, lines=now.lines,
            added=now.added, unchanged=now.unchanged, refused=now.refused,
        )  # fmt: skip
        if moved == 0:
            return False
        for row in refused[: max(0, MAX_REFUSED_KEPT - was.refused)]:
            values = {"import_id": was.id, "line": row.line, "reason": row.reason}
            self._work.write(_KEEP_REFUSED, tenant_id=self._tenant_id, **values)
        self._work.write(_DROP_READ, tenant=self._tenant_id, which=was.id, number=now.position // CHUNK_BYTES)
        return True

    def end(self, at: UserImport, state: str, now: datetime, problem: str | None = None) -> bool:
        """End it in this state; False if it is not where it was, or over."""
        return self._over(_END, at.id, ended=state, why=problem, now=now, was=at.position)

    def cancel(self, import_id: UUID, now: datetime) -> bool:
        """End it wherever it is; False if it is over."""
        return self._over(_CANCEL, import_id, ended=CANCELLED, why=None, now=now)

    def list_refused(self, import_id: UUID, after: int, limit: int) -> tuple[RefusedRow, ...]:
        """Return the refused rows that are kept, after a line, in the order of lines."""
        rows = self._work.rows(_LIST_REFUSED, tenant=self._tenant_id, which=import_id, last=after, most=limit)
        return tuple(RefusedRow(*row) for row in rows)

    def discard(self, import_id: UUID, now: datetime) -> bool:
        """Forget an upload that is not finished; False if there is none. What it leaves of a large one is over."""
        if self._work.write(_GIVE_UP, tenant=self._tenant_id, which=import_id, now=now) == 0:
            return False
        self._work.write(_DROP_FEW, tenant=self._tenant_id, which=import_id)
        self._work.write(_FORGET, tenant=self._tenant_id, which=import_id)
        return True

    def _over(self, statement: Update, import_id: UUID, **values: Any) -> bool:  # noqa: ANN401 - any column's
        if self._work.write(statement, tenant=self._tenant_id, which=import_id, **values) == 0:
            return False
        self._work.write(_DROP_FEW, tenant=self._tenant_id, which=import_id)
        return True


def tenants_with_imports(work: Work) -> tuple[UUID, ...]:
    """Return whose imports wait or run: one look, however many tenants there are."""
    return tuple(row[0] for row in work.rows(_TENANTS))
