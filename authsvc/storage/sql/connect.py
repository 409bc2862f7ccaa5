"""How a database is reached: one engine in autocommit per pool, with the limits that keep one request from hanging all.

SQLite: WAL, every commit on disk, one writer at a time within the process. PostgreSQL: psycopg, timeouts on the server.
"""

import sqlite3
import threading
import time
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import URL, create_engine, event, make_url
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool

from authsvc.storage.sql.work import Database

POOL_TIMEOUT_SECONDS = 0.5
BUSY_SECONDS = 5.0
CONNECT_SECONDS = 3
REFUSED_SECONDS = 0.1
"""How long it is remembered that the database refused a connection."""
# A lock is waited for longer than a lane may stand still (web/lanes.py): so its queue is refused within a second.
# A plan for any tenant suits the many that are small, and reads all users of a large one: each is planned for its own.
_POSTGRESQL_OPTIONS = (
    "-c statement_timeout=5s -c lock_timeout=800ms -c idle_in_transaction_session_timeout=10s"
    " -c plan_cache_mode=force_custom_plan"
)

_write_locks: dict[str, threading.Lock] = {}
_write_locks_guard = threading.Lock()


class Connector(Protocol):
    """What connects in the driver's place."""

    def connect(self, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - the driver's
        """Connect as the driver does. Raises: the driver's OperationalError."""

    def close(self) -> None:
        """Give up what it holds."""


class Knocking:
    """One at a time knocks at a database that has refused a connection; the others are refused at once meanwhile.

    A crowd that connects all the time would wait for each other, and keep a server from its recovery, which makes a
    process of each attempt.
    """

    def __init__(self, connector: Connector | None = None) -> None:
        self._connector = connector
        self._turn = threading.Lock()
        self._refused_until: float | None = None

    def connect(self, dialect: Dialect, _record: object, arguments: list[Any], named: dict[str, Any]) -> Any:  # noqa: ANN401 - the driver's
        """Return a connection of the driver (SQLAlchemy's `do_connect`). Raises: the driver's OperationalError."""
        if self._refused_until is None:
            return self._connect(dialect, arguments, named)
        if time.monotonic() < self._refused_until or not self._turn.acquire(blocking=False):
            raise dialect.loaded_dbapi.OperationalError("refused a moment ago")
        try:
            return self._connect(dialect, arguments, named)
        finally:
            self._turn.release()

    def _connect(self, dialect: Dialect, arguments: list[Any], named: dict[str, Any]) -> Any:  # noqa: ANN401
        try:
            connection = (self._connector or dialect).connect(*arguments, **named)
        except dialect.loaded_dbapi.OperationalError:
            self._refused_until = time.monotonic() + REFUSED_SECONDS
            raise
        self._refused_until = None
        return connection


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


def open_database(given: str, pool_size: int, connector: Connector | None = None) -> Database:
    """Open a pool of at most `pool_size` connections; none is made yet. `connector` for PostgreSQL only."""
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
    event.listen(engine, "do_connect", Knocking(connector).connect)
    return Database(engine, pool_size, "BEGIN", None, BUSY_SECONDS)


def connector_of(given: str) -> Connector | None:
    """Return the one of a process: with it nobody waits for a PostgreSQL that is silent. Raises: as `database_url`."""
    if database_url(given).get_backend_name() == "sqlite":
        return None
    from authsvc.storage.sql.pulse import Pulse  # noqa: PLC0415 - SQLite has no use for the driver

    return Pulse()


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
