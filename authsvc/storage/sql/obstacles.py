"""What would be in the way of a migration, found before it begins: it changes nothing."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from authsvc.errors import StorageUnavailable
from authsvc.storage.sql.connect import database_url
from authsvc.storage.sql.migrate import ADVISORY_LOCK

_LONG_SECONDS = 5
_BUSY_SECONDS = 5.0
_ROOM = 2
"""As large as the database: room for a copy of it, and for what is written until the migration is over."""
_LEAST_BYTES = 64 * 2**20

_STANDBY = text("SELECT pg_is_in_recovery()")
_MIGRATING = text(
    "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND classid::bigint << 32 | objid::bigint = :key"
)
_LONG = text(
    "SELECT pid, usename, extract(epoch FROM now() - xact_start)::int FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND xact_start < now() - make_interval(secs => :seconds) ORDER BY xact_start"
)
_MAY_CREATE = text("SELECT has_schema_privilege(current_schema(), 'CREATE')")
_NOT_OURS = text(
    "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
    " AND NOT pg_has_role(tableowner, 'USAGE') ORDER BY tablename LIMIT 1"
)


def obstacles(database: str) -> tuple[str, ...]:
    """Return what is in the way, each as the second half of a sentence. Raises: StorageUnavailable."""
    url = database_url(database)
    if url.get_backend_name() == "sqlite":
        return tuple(_of_sqlite(Path(str(url.database))))
    engine = create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 10})
    try:
        with engine.connect() as connection:
            return tuple(_of_postgresql(connection))
    except DBAPIError as error:
        raise StorageUnavailable(type(error.orig).__name__) from None
    finally:
        engine.dispose()


def _of_postgresql(connection: Connection) -> Iterator[str]:
    if connection.scalar(_STANDBY):
        yield "the database is a standby: name the primary"
        return
    if (pid := connection.scalar(_MIGRATING, {"key": ADVISORY_LOCK})) is not None:
        yield f"another migration is running (process {pid} of the database)"
    for pid, user, seconds in connection.execute(_LONG, {"seconds": _LONG_SECONDS}):
        yield (
            f"a transaction of {user} has been open for {seconds} s (process {pid} of the database): tables that it "
            "holds cannot change before it ends"
        )
    if not connection.scalar(_MAY_CREATE):
        yield "this database user may create no table in the schema"
    if (table := connection.scalar(_NOT_OURS)) is not None:
        yield f"this database user does not own the table {table}"


def _of_sqlite(path: Path) -> Iterator[str]:
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    wanted = max(_LEAST_BYTES, _ROOM * path.stat().st_size if path.exists() else 0)
    if (free := shutil.disk_usage(folder).free) < wanted:
        yield f"{folder} has {free >> 20} MiB left, and a copy and the migration need {wanted >> 20}"
    if not os.access(path if path.exists() else folder, os.W_OK):
        yield f"{path} cannot be written by this user"
    elif path.exists():
        yield from _busy(path)


def _busy(path: Path) -> Iterator[str]:
    try:
        with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE").close()
            connection.execute("ROLLBACK").close()
    except sqlite3.OperationalError:
        yield f"another process has been writing to {path} for {_BUSY_SECONDS:g} s"
