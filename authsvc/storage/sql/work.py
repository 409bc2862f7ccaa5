"""The connection of one unit of work: taken at the first statement, in autocommit until `begin`.

Every driver error leaves here as StorageUnavailable or Conflict, without the driver's words: they may quote values.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, TypeVar

from sqlalchemy import Engine, PoolProxiedConnection
from sqlalchemy.engine.interfaces import DBAPICursor as Cursor
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from authsvc.errors import Conflict, LaneNeeded, StorageUnavailable
from authsvc.storage.sql.prepared import Prepared, Statement, Values, prepare

Answer = TypeVar("Answer")
_FLUSHES = "authsvc.flushes"
_READ_ONLY = "25006"
"""The SQLSTATE of a write on a server that has become a standby: its connections are of no more use.

SQLite's either: one that was opened while the file could not be written never writes.
"""


class UnstorableText(ValueError):
    """The text holds what no text column does: NUL (PostgreSQL), half a surrogate pair. So no row holds it."""


@dataclass(frozen=True, slots=True)
class Database:
    """A pool of connections in autocommit, how they begin, and the process's write lock (SQLite has one writer)."""

    engine: Engine
    pool_size: int
    begin_sql: str
    write_lock: "threading.Lock | None"
    lock_seconds: float
    written: dict[Statement, Prepared] = field(default_factory=dict)

    @property
    def driver(self) -> ModuleType:
        """The PEP 249 module, for its exceptions."""
        return self.engine.dialect.loaded_dbapi  # type: ignore[return-value]


class Work:
    """One connection, at most one transaction. Not for sharing between threads."""

    def __init__(self, database: Database, *, from_memory: bool = False) -> None:
        self.from_memory = from_memory
        """Whether this work may take no connection: the caches must answer, or LaneNeeded is raised."""
        self._database = database
        self._connection: PoolProxiedConnection | None = None
        self._begun = False
        self._locked = False
        self._spoiled = False
        self.touched = False
        """Whether this transaction tried to change what others cache: its own reads must not come from a cache."""
        self.last_words: list[Statement] = []
        """Statements that `commit` runs just before COMMIT."""

    @property
    def begun(self) -> bool:
        """Whether the transaction is open."""
        return self._begun

    @property
    def has_arrays(self) -> bool:
        """Whether a parameter may be an array: on PostgreSQL."""
        return self._database.engine.dialect.name == "postgresql"

    def row(self, statement: Statement, **parameters: Any) -> Values | None:  # noqa: ANN401 - any column's
        """Return the first row of a read, or None."""
        rows = self.rows(statement, **parameters)
        return rows[0] if rows else None

    def rows(self, statement: Statement, **parameters: Any) -> Sequence[Values]:  # noqa: ANN401
        """Return all rows of a read."""
        try:
            return self._run(statement, parameters, Prepared.read)
        except UnstorableText:
            return ()

    def write(self, statement: Statement, **parameters: Any) -> int:  # noqa: ANN401
        """Change rows within the begun transaction; return how many (not to be trusted after an upsert)."""
        self.require_begun()
        return self._run(statement, parameters, _count)

    def write_returning(self, statement: Statement, **parameters: Any) -> Sequence[Values]:  # noqa: ANN401
        """Change rows within the begun transaction; return what RETURNING gives."""
        self.require_begun()
        return self._run(statement, parameters, Prepared.read)

    def write_alone(self, statement: Statement, **parameters: Any) -> Sequence[Values]:  # noqa: ANN401
        """Change rows within the begun transaction, or else by this statement alone; return what RETURNING gives.

        Alone it lasts at once. On SQLite it outlives the process, but perhaps not a power cut: see docs/decisions/0005.
        """
        if self._begun:
            return self.write_returning(statement, **parameters)
        if self.from_memory:
            raise LaneNeeded
        self._lock()
        try:
            self._flush_each_commit(is_wanted=False)
            return self._run(statement, parameters, Prepared.read)
        finally:
            self._ended()

    def begin(self, *, flushed: bool = True) -> None:
        """Open the one writing transaction; nothing if it is open.

        Without `flushed` SQLite does not wait for the disk at its end (docs/decisions/0005).
        """
        if self._begun:
            return
        if self.from_memory:
            raise LaneNeeded
        self._lock()
        try:
            self._flush_each_commit(is_wanted=flushed)
            self._control(self._database.begin_sql)
        except BaseException:
            self._ended()
            raise
        self._begun = True

    def commit(self) -> None:
        """Make the transaction last; nothing if none is open. Raises: StorageUnavailable, also if that is unsure."""
        if self._spoiled:
            raise StorageUnavailable("commit after a fault that had rolled the transaction back")
        if not self._begun:
            return
        try:
            for statement in self.last_words:
                self._run(statement, {}, _count)
            self._control("COMMIT")
        except BaseException:
            self._discard()
            self._ended()
            raise
        self._ended()

    def rollback(self) -> None:
        """Undo the transaction, if one is open."""
        self._spoiled = False
        if not self._begun:
            return
        self._begun = False
        try:
            self._control("ROLLBACK")
        except StorageUnavailable:
            # The connection is gone, and with it the transaction.
            self._discard()
        finally:
            self._ended()

    def close(self) -> None:
        """Give the connection back, undoing what was not committed."""
        self.rollback()
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()

    def require_begun(self) -> None:
        """Raise RuntimeError, for the programmer, if no transaction is open."""
        if not self._begun:
            message = "a row was to be changed outside a transaction: call begin() first"
            raise RuntimeError(message)

    def _lock(self) -> None:
        lock = self._database.write_lock
        if lock is not None:
            if not lock.acquire(timeout=self._database.lock_seconds):
                raise StorageUnavailable("write lock: waited too long")
            self._locked = True

    def _flush_each_commit(self, *, is_wanted: bool) -> None:
        """Say whether SQLite must wait for the disk at each commit; connections begin so."""
        if self._locked and self._take().info.get(_FLUSHES, True) is not is_wanted:
            self._control(f"PRAGMA synchronous={'FULL' if is_wanted else 'NORMAL'}")
            self._take().info[_FLUSHES] = is_wanted

    def _control(self, sql: str) -> None:
        self._attempt(lambda cursor: cursor.execute(sql))

    def _run(
        self, statement: Statement, parameters: dict[str, Any], fetch: Callable[[Prepared, Cursor], Answer]
    ) -> Answer:
        prepared = self._database.written.get(statement)
        if prepared is None:
            prepared = self._database.written[statement] = prepare(statement, self._database.engine.dialect)

        def act(cursor: Cursor) -> Answer:
            prepared.run(cursor, parameters)
            return fetch(prepared, cursor)

        return self._attempt(act)

    def _attempt(self, act: Callable[[Cursor], Answer]) -> Answer:
        """Act on the connection.

        A pooled connection may have died with a restart of the database. Nothing has been done on it if this is its
        first statement: then the next one is tried, at most through the pool.
        """
        first = self._connection is None
        for stale in range(self._database.pool_size + 1):
            connection = self._take()
            cursor = None
            try:
                cursor = connection.cursor()
                return act(cursor)
            except UnicodeEncodeError:
                raise UnstorableText from None
            except self._database.driver.Error as error:
                if _is_nul(error):
                    raise UnstorableText from None
                gone = self._database.engine.dialect.is_disconnect(error, connection.driver_connection, cursor)
                if not (first and gone and stale < self._database.pool_size):
                    raise self._fault(error, gone=gone) from None
                self._discard()
            finally:
                if cursor is not None:
                    self._close(cursor)
        raise AssertionError

    def _close(self, cursor: Cursor) -> None:
        # A failed COMMIT may have closed the connection already; SQLite's cursors cannot be closed after that, and
        # what they would say of it must not hide the fault.
        with suppress(self._database.driver.Error):
            cursor.close()

    def _take(self) -> PoolProxiedConnection:
        if self._connection is None:
            if self.from_memory:
                raise LaneNeeded
            try:
                self._connection = self._database.engine.raw_connection()
            except PoolTimeout:
                raise StorageUnavailable("no free connection") from None
            except (DBAPIError, self._database.driver.Error) as error:
                raise StorageUnavailable(f"cannot connect: {type(error).__name__}") from None
        return self._connection

    def _discard(self) -> None:
        """Close the connection for good, whatever state it is in."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()

    def _ended(self) -> None:
        if self._locked and self._database.write_lock is not None:
            self._database.write_lock.release()
        self._begun = self._locked = self.touched = False
        self.last_words.clear()

    def _fault(self, error: Exception, *, gone: bool) -> Exception:
        """Return our error for the driver's; a programming error stays what it is."""
        spoiled = self._spoiled or self._begun
        if gone or _is_read_only(error):
            self._discard()
            self._ended()
        else:
            self.rollback()
        # PostgreSQL would answer COMMIT with a silent rollback: say so, that nobody takes it for done.
        self._spoiled = spoiled
        driver = self._database.driver
        if isinstance(error, driver.IntegrityError):
            return Conflict(type(error).__name__)
        away = (driver.OperationalError, driver.InterfaceError, driver.InternalError)
        # A bare DatabaseError is SQLite's word for a damaged file.
        if gone or isinstance(error, away) or type(error) is driver.DatabaseError:
            return StorageUnavailable(type(error).__name__)
        return error


def _count(_prepared: Prepared, cursor: Cursor) -> int:
    return cursor.rowcount


def _is_read_only(error: Exception) -> bool:
    name = getattr(error, "sqlite_errorname", None) or ""
    return getattr(error, "sqlstate", None) == _READ_ONLY or name.startswith("SQLITE_READONLY")


def _is_nul(error: Exception) -> bool:
    """Whether psycopg refused the value by itself, before the server (which would have said a SQLSTATE) saw it."""
    return type(error).__name__ == "DataError" and getattr(error, "sqlstate", "") is None
