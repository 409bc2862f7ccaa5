"""Bring a database to this version's schema. Alembic is imported only here, and only when there is something to do."""

import sqlite3
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from authsvc.errors import StorageUnavailable
from authsvc.storage.sql.connect import database_url

_VERSIONS = Path(__file__).parent / "migrations" / "versions"
_ADVISORY_LOCK = 0x61757468_73766300  # "authsvc\0": any number that nobody else's migrations use
_WAIT_SECONDS = 120


def revisions() -> tuple[str, ...]:
    """Return the ids of the revisions that this code knows, in order."""
    return tuple(sorted(path.name[:4] for path in _VERSIONS.glob("[0-9][0-9][0-9][0-9]_*.py")))


def pending(database: str) -> tuple[str, ...]:
    """Return the revisions that the database lacks. Raises: StorageUnavailable, ValueError for a bad URL."""
    applied = _applied(database)
    return tuple(revision for revision in revisions() if applied is None or revision > applied)


def is_ahead(database: str) -> bool:
    """Whether the database was migrated by a newer version of this code."""
    applied = _applied(database)
    return applied is not None and applied > revisions()[-1]


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
                    _upgrade(connection)
            else:
                connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _ADVISORY_LOCK})
                connection.commit()
                _upgrade(connection)
    except DBAPIError as error:
        raise StorageUnavailable(f"migration: {type(error.orig).__name__}") from error
    finally:
        engine.dispose()


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
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            version: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
            return version
    except DBAPIError as error:
        raise StorageUnavailable(type(error.orig).__name__) from None
    finally:
        engine.dispose()


def _engine(url: URL) -> Engine:
    """Return an engine with ordinary transactions; on SQLite they hold the write lock and cover DDL, too."""
    if url.get_backend_name() != "sqlite":
        return create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 10})
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": _WAIT_SECONDS})
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
