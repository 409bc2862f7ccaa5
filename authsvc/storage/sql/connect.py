"""How a database is reached: one engine in autocommit per pool, with the limits that keep one request from hanging all.

SQLite: WAL, every commit on disk, one writer at a time within the process. PostgreSQL: psycopg, timeouts on the server.
"""

import sqlite3
import threading
from pathlib import Path
from typing import Any

from sqlalchemy import URL, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool

from authsvc.storage.sql.work import Database

POOL_TIMEOUT_SECONDS = 0.5
BUSY_SECONDS = 5.0
CONNECT_SECONDS = 3
# A lock is waited for longer than a lane may stand still (web/lanes.py): so its queue is refused within a second.
_POSTGRESQL_OPTIONS = "-c statement_timeout=5s -c lock_timeout=800ms -c idle_in_transaction_session_timeout=10s"

_write_locks: dict[str, threading.Lock] = {}
_write_locks_guard = threading.Lock()


def database_url(given: str) -> URL:
    """Return the URL with the driver that we use. Raises: ValueError for a database that we do not know."""
    message = "database_url: sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME"
    try:
        url = make_url(given)
    except ArgumentError:
        raise ValueError(message) from None
    backend = url.get_backend_name()
    if backend == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if backend != "sqlite" or url.database in {None, "", ":memory:"}:
        raise ValueError(message)
    return url.set(drivername="sqlite+pysqlite")


def open_database(given: str, pool_size: int) -> Database:
    """Open a pool of at most `pool_size` connections; none is made yet."""
    url = database_url(given)
    limits: dict[str, Any] = {
        "poolclass": QueuePool, "pool_size": pool_size, "max_overflow": 0, "pool_timeout": POOL_TIMEOUT_SECONDS,
        "pool_use_lifo": True, "isolation_level": "AUTOCOMMIT", "hide_parameters": True,
        # Work ends its own transactions.
        "pool_reset_on_return": None,
    }  # fmt: skip
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS}, **limits)
        event.listen(engine, "connect", set_up_sqlite)
        return Database(engine, pool_size, "BEGIN IMMEDIATE", _write_lock(url), BUSY_SECONDS)
    engine = create_engine(url, connect_args=_postgresql_arguments(url), use_native_hstore=False, **limits)
    return Database(engine, pool_size, "BEGIN", None, BUSY_SECONDS)


def set_up_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    """Set what every SQLite connection needs: durable commits, foreign keys."""
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _postgresql_arguments(url: URL) -> dict[str, Any]:
    """Arguments for libpq; what the URL says itself is left to it."""
    arguments = {
        "connect_timeout": CONNECT_SECONDS, "options": _POSTGRESQL_OPTIONS, "application_name": "authsvc",
        # A peer that vanished without a word is given up after about this long.
        "tcp_user_timeout": 5_000, "keepalives_idle": 30,
    }  # fmt: skip
    return {name: value for name, value in arguments.items() if name not in url.query}


def _write_lock(url: URL) -> threading.Lock:
    """Return the process's lock for this file: SQLite has one writer, and waiting in its busy handler is polling."""
    path = str(Path(str(url.database)).resolve())
    with _write_locks_guard:
        return _write_locks.setdefault(path, threading.Lock())
