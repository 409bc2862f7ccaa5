"""What browsers have not finished; finishing is deleting, and whoever deletes the row has finished it."""

from dataclasses import replace

from sqlalchemy import Boolean, Column, Index, Integer, Table, Text, Uuid, bindparam, delete, insert, select, update

from authsvc.domain.sign_in.continuations import Continuation
from authsvc.errors import Conflict
from authsvc.storage.sql.base import Instant, JsonMap, Store, StringSet, given, metadata, owned, tenant_column

continuations = Table(
    "continuations",
    metadata,
    tenant_column(),
    Column("handle_hash", Text, primary_key=True),
    Column("browser_hash", Text),
    Column("purpose", Text, nullable=False),
    Column("client_id", Text),
    Column("parameters", JsonMap, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("session_id", Uuid),
    Column("done", StringSet, nullable=False),
    Column("denied", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
)
Index(None, continuations.c.tenant_id, continuations.c.expires_at)

_COLUMNS = tuple(column for column in continuations.c if column.name != "tenant_id")
_CHANGING = ("browser_hash", "session_id", "done", "denied")
_THIS = (owned(continuations), continuations.c.handle_hash == bindparam("presented_hash"))

_ADD = insert(continuations)
_FIND = select(*_COLUMNS).where(*_THIS)
_SAVE = (
    update(continuations)
    .where(*_THIS, continuations.c.version == given("expected_version", continuations.c.version))
    .values({name: bindparam(name) for name in _CHANGING} | {"version": continuations.c.version + 1})
)
_FINISH = delete(continuations).where(*_THIS).returning(continuations.c.handle_hash)


class SqlContinuations(Store):
    """Implements Continuations."""

    def add(self, continuation: Continuation) -> None:
        """Add what a browser has begun."""
        self._work.write(
            _ADD, tenant_id=self._tenant_id, **{column.name: getattr(continuation, column.name) for column in _COLUMNS}
        )

    def find(self, handle_hash: str) -> Continuation | None:
        """Return the continuation, also when it has expired."""
        row = self._work.row(_FIND, tenant=self._tenant_id, presented_hash=handle_hash)
        if row is None:
            return None
        found = Continuation(*row)
        return replace(found, parameters={name: tuple(values) for name, values in found.parameters.items()})

    def save(self, continuation: Continuation) -> Continuation:
        """Write what changes if the version is unchanged; return it with its next version. Raises: Conflict."""
        saved = self._work.write(
            _SAVE, tenant=self._tenant_id, presented_hash=continuation.handle_hash,
            expected_version=continuation.version, **{name: getattr(continuation, name) for name in _CHANGING},
        )  # fmt: skip
        if saved != 1:
            raise Conflict("continuation: changed since it was read, or finished")
        return replace(continuation, version=continuation.version + 1)

    def finish(self, handle_hash: str) -> bool:
        """Delete it; False if another was quicker."""
        finished = self._work.write_returning(_FINISH, tenant=self._tenant_id, presented_hash=handle_hash)
        return len(finished) == 1
