"""Bring a database to this version's schema. Alembic is imported only here, and only when there is something to do."""

import sqlite3
import time
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from authsvc.errors import StorageUnavailable
from authsvc.storage.sql.connect import database_url

_VERSIONS = Path(__file__).parent / "migrations" / "versions"
ADVISORY_LOCK = 0x61757468_73766300  # "authsvc\0": any number that nobody else's migrations use
_WAIT_SECONDS = 120
_PATIENCE: dict[str, dict[str, Any]] = {"sqlite": {"timeout": _WAIT_SECONDS}, "postgresql": {"connect_timeout": 10}}
_LOCK_SECONDS = 2
"""A change that waits for a table makes everybody wait who comes after it: it steps back, and tries again."""
_LOCK_NOT_AVAILABLE = "55P03"


def revisions() -> tuple[str, ...]:
    """Return the ids of the revisions that this code knows, in order."""
    return tuple(sorted(path.name[:4] for path in _VERSIONS.glob("[0-9][0-9][0-9][0-9]_*.py")))


def pending(database: str) -> tuple[str, ...]:
    """Return the revisions that the database lacks. Raises: StorageUnavailable, ValueError for a bad URL."""
    applied = _applied(database)
    return tuple(revision for revision in revisions() if applied is None or revision > applied)


def is_ahead(database: str) -> bool:
    """Whether a newer version has taken away what this code may need.

    One that only adds has the next number, and this code runs on; one that takes away begins the next thousand
    (docs/upgrades.md).
    """
    applied = _applied(database)
    return applied is not None and applied[0] > revisions()[-1][0]


def added_since(database: str) -> bool:
    """Whether a newer version has migrated the database, and only added to it."""
    applied = _applied(database)
    return applied is not None and applied > revisions()[-1] and applied[0] == revisions()[-1][0]


def migrate(database: str) -> None:
    """Apply what is pending. Safe to run twice at once, and again after it was killed.

    A new SQLite file is readable by its owner alone. Raises: StorageUnavailable, ValueError for a bad URL.
    """
    url = database_url(database)
    is_sqlite = url.get_backend_name() == "sqlite"
    if is_sqlite:
        _make_private_file(Path(str(url.database)))
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            if is_sqlite:
                # BEGIN IMMEDIATE: whoever comes second waits here, then finds nothing left to do.
                with connection.begin():
                    if not _has_newer(connection):
                        _upgrade(connection)
            else:
                connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
                connection.execute(text(f"SET lock_timeout = '{_LOCK_SECONDS}s'"))
                connection.commit()
                _upgrade_when_free(connection)
    except DBAPIError as error:
        raise StorageUnavailable(f"migration: {type(error.orig).__name__}") from error
    finally:
        engine.dispose()


def _upgrade_when_free(connection: Connection) -> None:
    """Try until no long transaction holds a table that changes. Raises: DBAPIError after two minutes of that."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while not _has_newer(connection):
        connection.rollback()
        try:
            _upgrade(connection)
            break
        except DBAPIError as error:
            connection.rollback()
            if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE or time.monotonic() > deadline:
                raise
            time.sleep(_LOCK_SECONDS / 2)


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - the server never needs it
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "authsvc.storage.sql:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _applied(database: str) -> str | None:
    url = database_url(database)
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists():
        return None
    # Plain, that it waits for no lock.
    engine = create_engine(url, poolclass=NullPool, connect_args=_PATIENCE[url.get_backend_name()])
    try:
        with engine.connect() as connection:
            return _version(connection)
    except DBAPIError as error:
        raise StorageUnavailable(type(error.orig).__name__) from None
    finally:
        engine.dispose()


def _has_newer(connection: Connection) -> bool:
    """Whether who had the lock before was a newer version."""
    return (_version(connection) or "") > revisions()[-1]


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return version


def _engine(url: URL) -> Engine:
    """Return an engine with ordinary transactions; on SQLite they hold the write lock and cover DDL, too."""
    if url.get_backend_name() != "sqlite":
        return create_engine(url, poolclass=NullPool, connect_args=_PATIENCE["postgresql"])
    engine = create_engine(url, poolclass=NullPool, connect_args=_PATIENCE["sqlite"])
    event.listen(engine, "connect", _leave_transactions_to_us)
    event.listen(engine, "begin", _begin_immediately)
    return engine


def _leave_transactions_to_us(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL").close()
    connection.execute("PRAGMA synchronous=FULL").close()


def _begin_immediately(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _make_private_file(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
