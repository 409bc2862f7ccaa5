"""The connection of one unit of work: taken at the first statement, in autocommit until `begin`.

Every driver error leaves here as StorageUnavailable or Conflict, without the driver's words: they may quote values.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, CursorResult, Engine, Executable
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, InternalError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from authsvc.errors import Conflict, StorageUnavailable

Answer = TypeVar("Answer")
Values = Sequence[Any]
"""One row: the selected columns in order."""


@dataclass(frozen=True, slots=True)
class Database:
    """An engine in autocommit, how it begins, and the process's write lock (SQLite has one writer)."""

    engine: Engine
    begin_sql: str
    write_lock: "threading.Lock | None"
    lock_seconds: float


class Work:
    """One connection, at most one transaction. Not for sharing between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None
        self._begun = False
        self._locked = False
        self._spoiled = False
        self.touched = False
        """Whether this transaction tried to change what others cache: its own reads must not come from a cache."""
        self.last_words: list[tuple[Executable, dict[str, Any]]] = []
        """Statements that `commit` runs just before COMMIT."""

    @property
    def begun(self) -> bool:
        """Whether the transaction is open."""
        return self._begun

    def row(self, statement: Executable, **parameters: Any) -> Values | None:
        """Return the first row of a read, or None."""
        return self._run(statement, parameters, CursorResult.first)

    def rows(self, statement: Executable, **parameters: Any) -> Sequence[Values]:
        """Return all rows of a read."""
        return self._run(statement, parameters, CursorResult.all)

    def write(self, statement: Executable, **parameters: Any) -> int:
        """Change rows within the begun transaction; return how many (not to be trusted after an upsert)."""
        self.require_begun()
        return self._run(statement, parameters, _count)

    def write_returning(self, statement: Executable, **parameters: Any) -> Sequence[Values]:
        """Change rows within the begun transaction; return what RETURNING gives."""
        self.require_begun()
        return self._run(statement, parameters, CursorResult.all)

    def begin(self) -> None:
        """Open the one writing transaction; nothing if it is open."""
        if self._begun:
            return
        lock = self._database.write_lock
        if lock is not None:
            if not lock.acquire(timeout=self._database.lock_seconds):
                raise StorageUnavailable("write lock: waited too long")
            self._locked = True
        try:
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
            for statement, parameters in self.last_words:
                self._run(statement, parameters, _count)
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

    def _control(self, sql: str) -> None:
        self._attempt(lambda connection: connection.exec_driver_sql(sql))

    def _run(
        self, statement: Executable, parameters: dict[str, Any], fetch: Callable[[CursorResult[Any]], Answer]
    ) -> Answer:
        return self._attempt(lambda connection: fetch(connection.execute(statement, parameters)))

    def _attempt(self, act: Callable[[Connection], Answer]) -> Answer:
        first = self._connection is None
        try:
            return act(self._take())
        except DBAPIError as error:
            if not (first and error.connection_invalidated and self._connection is not None):
                raise self._fault(error) from None
        except SQLAlchemyError as error:
            raise self._fault(error) from None
        # The database was restarted since the pool opened this connection. Nothing was done on it: take a new one.
        self._discard()
        try:
            return act(self._take())
        except SQLAlchemyError as error:
            raise self._fault(error) from None

    def _take(self) -> Connection:
        if self._connection is None:
            self._connection = self._database.engine.connect()
        return self._connection

    def _discard(self) -> None:
        """Close the connection for good, whatever state it is in."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()

    def _ended(self) -> None:
        if self._locked and self._database.write_lock is not None:
            self._database.write_lock.release()
        self._begun = self._locked = self.touched = False
        self.last_words.clear()

    def _fault(self, error: SQLAlchemyError) -> Exception:
        if self._begun:
            # PostgreSQL would answer COMMIT with a silent rollback: end it here, so that nobody takes it for done.
            self.rollback()
            self._spoiled = True
        return translate(error)


def translate(error: SQLAlchemyError) -> Exception:
    """Return our error for SQLAlchemy's; a programming error stays what it is."""
    if isinstance(error, PoolTimeout):
        return StorageUnavailable("no free connection")
    if isinstance(error, IntegrityError):
        return Conflict(type(error.orig).__name__)
    if isinstance(error, (OperationalError, InterfaceError, InternalError)):
        return StorageUnavailable(type(error.orig).__name__)
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return StorageUnavailable(type(error.orig).__name__)
    return error


def _count(result: CursorResult[Any]) -> int:
    return result.rowcount
