"""A whole installation from SQLite into an empty database: one snapshot, one transaction, compared before it lasts.

A mark is set before and taken away by that transaction. Where it stands, a copy was begun and not finished: nothing
of it is there, no server starts, and another copy may begin.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar, Final

from sqlalchemy import (
    URL,
    Column,
    Connection,
    MetaData,
    Row,
    Table,
    TypeDecorator,
    create_engine,
    delete,
    event,
    func,
    insert,
    inspect,
    select,
    text,
)  # fmt: skip
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.pool import NullPool

import authsvc.storage.sql.unit_of_work  # noqa: F401 - with it every table is known
from authsvc.errors import AuthsvcError, StorageUnavailable
from authsvc.storage.sql.base import metadata
from authsvc.storage.sql.changes import change_feed
from authsvc.storage.sql.connect import database_url, set_up_sqlite
from authsvc.storage.sql.leases import leases
from authsvc.storage.sql.migrate import added_since, is_ahead, migrate, pending, revisions

_NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
_WAIT_SECONDS: Final = 10
MARK: Final = "database copy"
"""The name of a lease that no job takes."""
_BATCH: Final = 1_000
_OWN: Final = frozenset({leases.name, change_feed.name})
"""Tables of running servers: each database has its own."""


class CopyRefused(AuthsvcError):
    """The copy cannot be made, or was undone; the detail says what to do."""

    rule: ClassVar[str] = "copy_refused"


@dataclass(slots=True)
class Summary:
    """What a table holds, in any order: how many rows, and the sum of their hashes."""

    rows: int = 0
    total: int = 0

    def take(self, row: Sequence[Any]) -> None:
        """Add a row. Its values are those of Python, so that they look alike on every database."""
        self.rows += 1
        self.total += int.from_bytes(sha256(repr(tuple(row)).encode()).digest())


def plain(table: Table) -> Table:
    """Return the table with its values as they are stored: neither instants nor JSON are read and written anew."""
    columns = (
        Column(c.name, c.type.impl if isinstance(c.type, TypeDecorator) else c.type, primary_key=c.primary_key)
        for c in table.columns
    )
    return Table(table.name, MetaData(), *columns)


TABLES: Final = tuple(plain(table) for table in metadata.sorted_tables if table.name not in _OWN)
"""What is copied; a table comes after those that its rows refer to."""


def is_half_copied(database: str) -> bool:
    """Whether a copy into this database was begun and not finished; it has our schema. Raises: StorageUnavailable."""
    with _faults(), _transaction(database_url(database), "BEGIN") as connection:
        return _is_marked(connection)


def copy_database(source: str, target: str, tell: Callable[[int, float], None]) -> dict[str, int] | None:
    """Copy all that lasts; return the rows of each table, or None if the target is a copy already.

    `tell` hears how many rows were read so far, and what share of all that is. Nothing is there until all was compared.
    Raises: CopyRefused; StorageUnavailable; ValueError for a bad URL.
    """
    from_url, to_url = database_url(source), database_url(target)
    _require_two(from_url, to_url)
    if not _is_ours(source):
        # What a newer version has added would be left behind without a word.
        raise CopyRefused("the source has the schema of another version: copy it with that one, or migrate it first")
    with _faults(), _transaction(from_url, "BEGIN") as reader:
        _prepare(target, to_url)
        counts = {table.name: reader.scalar(select(func.count()).select_from(table)) or 0 for table in TABLES}
        steps = _Steps(3 * sum(counts.values()), tell)
        with _transaction(to_url) as writer:
            if not _is_marked(writer):
                sums = {table.name: _summary(table, reader, steps) for table in TABLES}
                _compare(sums, writer, steps, "the target holds other rows already ({}): give an empty database")
                return None
            _hold(writer)
            sums = {table.name: _copied(table, reader, writer, steps) for table in TABLES}
            _compare(sums, writer, steps, "the target does not hold what was written ({}): run this again")
            # What is read from here on was perhaps written meanwhile.
            reader.commit()
            _compare(sums, reader, steps, "the source was changed meanwhile ({}): stop its servers and run this again")
            writer.execute(delete(leases).where(leases.c.name == MARK))
    return counts


class _Steps:
    """How many rows were read, of all that will be."""

    def __init__(self, whole: int, tell: Callable[[int, float], None]) -> None:
        self._whole = whole
        self._tell = tell
        self._done = 0

    def take(self, rows: int) -> None:
        self._done += rows
        self._tell(self._done, self._done / self._whole)


def _require_two(source: URL, target: URL) -> None:
    if source.get_backend_name() != "sqlite":
        raise CopyRefused("only SQLite databases are copied: PostgreSQL has pg_dump for its own")
    if target.get_backend_name() == "sqlite" and _path(source) == _path(target):
        raise CopyRefused("both databases are the same file")


def _path(url: URL) -> Path:
    return Path(str(url.database)).resolve()


def _prepare(target: str, url: URL) -> None:
    """Give an empty database our schema, and set the mark where there are no rows. Raises: CopyRefused."""
    lacking = pending(target)
    if lacking == revisions():
        if url.get_backend_name() != "sqlite" or _path(url).exists():
            with _transaction(url) as connection:
                if inspect(connection).get_table_names():
                    raise CopyRefused("the target holds tables of something else: give an empty database")
        migrate(target)
    elif not _is_ours(target):
        raise CopyRefused("the target has the schema of another version: give an empty database")
    with _transaction(url) as connection:
        if not _is_marked(connection) and not _filled(connection):
            connection.execute(insert(leases).values(name=MARK, holder="authsvc db copy", expires_at=_NEVER))


def _is_ours(database: str) -> bool:
    return not (pending(database) or is_ahead(database) or added_since(database))


def _is_marked(connection: Connection) -> bool:
    return connection.scalar(select(leases.c.name).where(leases.c.name == MARK)) is not None


def _filled(connection: Connection) -> list[str]:
    return [table.name for table in TABLES if connection.execute(select(table).limit(1)).first() is not None]


def _hold(writer: Connection) -> None:
    """Let nobody else write tenants meanwhile, and so nothing else; nor the server end what takes long."""
    if writer.dialect.name == "postgresql":
        for setting in ("statement_timeout", "idle_in_transaction_session_timeout"):
            writer.execute(text(f"SET LOCAL {setting} = 0"))
        writer.execute(text("LOCK TABLE tenants IN EXCLUSIVE MODE"))
    if filled := _filled(writer):
        raise CopyRefused(f"the target holds rows already ({', '.join(filled)}): give an empty database")


def _copied(table: Table, reader: Connection, writer: Connection, steps: _Steps) -> Summary:
    summary = Summary()
    for rows in _batches(table, reader, steps):
        for row in rows:
            summary.take(row)
        try:
            writer.execute(insert(table), [row._asdict() for row in rows])
        except (DataError, IntegrityError) as error:
            kind = type(error.orig).__name__
            raise CopyRefused(f"the target cannot hold a row of {table.name} ({kind}): mend it in the source") from None
    return summary


def _compare(sums: dict[str, Summary], connection: Connection, steps: _Steps, otherwise: str) -> None:
    """Raise CopyRefused, with the tables' names in it, unless the database holds the same rows."""
    differing = [table.name for table in TABLES if _summary(table, connection, steps) != sums[table.name]]
    if differing:
        raise CopyRefused(otherwise.format(", ".join(differing)))


def _summary(table: Table, connection: Connection, steps: _Steps) -> Summary:
    summary = Summary()
    for rows in _batches(table, connection, steps):
        for row in rows:
            summary.take(row)
    return summary


def _batches(table: Table, connection: Connection, steps: _Steps) -> Iterator[Sequence[Row[Any]]]:
    for rows in connection.execute(select(table).execution_options(yield_per=_BATCH)).partitions():
        yield rows
        steps.take(len(rows))


@contextmanager
def _faults() -> Iterator[None]:
    """Let no driver's words out: they may quote values."""
    try:
        yield
    except DBAPIError as error:
        raise StorageUnavailable(type(error.orig).__name__) from None


@contextmanager
def _transaction(url: URL, begin: str = "BEGIN IMMEDIATE") -> Iterator[Connection]:
    """Give a transaction, committed if the block ends well; `begin` is SQLite's, whose plain one is a read snapshot."""
    is_sqlite = url.get_backend_name() == "sqlite"
    limits = {"timeout": _WAIT_SECONDS} if is_sqlite else {"connect_timeout": _WAIT_SECONDS}
    engine = create_engine(url, poolclass=NullPool, connect_args=limits, hide_parameters=True)
    if is_sqlite:
        event.listen(engine, "connect", _set_up)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    try:
        with engine.connect() as connection:
            yield connection
            connection.commit()
    finally:
        engine.dispose()


def _set_up(connection: sqlite3.Connection, record: object) -> None:
    set_up_sqlite(connection, record)
    # Transactions begin as we say, and not at the first change.
    connection.isolation_level = None
