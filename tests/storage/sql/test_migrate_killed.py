"""A migration that is killed at any of its statements leaves whole revisions, which the next one completes."""

import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from alembic import command, config
from sqlalchemy import Engine, event

from authsvc.storage.sql.migrate import ADVISORY_LOCK, migrate, pending, revisions

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
LOADED = (command, config)
"""What a migration loads: once here, so that no killed process has to."""
Shape = frozenset[tuple[str, str]]
_LOCK = "SELECT pg_advisory_xact_lock(%s)"
"""It waits until the server has noticed that its client was killed."""
_COLUMNS = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
_COLUMNS_OF_SQLITE = "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'"


def _migrate_until(url: str, statement: int) -> bool:
    """Migrate in a process that is killed when it comes to this statement; whether it was."""
    pid = os.fork()
    if pid == 0:
        left = [statement]

        def count(*_: object) -> None:
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)

        event.listen(Engine, "before_cursor_execute", count)
        event.listen(Engine, "commit", count)
        code = 1
        try:
            migrate(url)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) in (0, -signal.SIGKILL)
    return os.WIFSIGNALED(status)


def _shape(url: str) -> Shape:
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
            return frozenset(database.execute(_COLUMNS_OF_SQLITE).fetchall())
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute(_LOCK, (ADVISORY_LOCK,))
        return frozenset(connection.execute(_COLUMNS).fetchall())


@contextmanager
def _emptied(url: str, tmp_path: Path, number: int) -> Iterator[str]:
    if url.startswith("sqlite"):
        yield f"sqlite:///{tmp_path}/{number}.db"
        return
    yield url
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")


def test_killed_at_each_statement_it_leaves_whole_revisions_that_the_next_one_completes(
    database_url: str, tmp_path: Path
):
    left: dict[Shape, tuple[str, ...]] = {}
    statement, was_killed = 0, True
    while was_killed:
        with _emptied(database_url, tmp_path, statement) as url:
            was_killed = _migrate_until(url, statement)
            shape = _shape(url)
            if shape not in left:
                left[shape] = pending(url)
                migrate(url)
                assert pending(url) == ()
                assert left[shape] or _shape(url) == shape
        statement += 1
    assert statement > len(revisions())
    # Nothing, perhaps the empty table of Alembic, and each revision as a whole: no shape between two of them.
    assert len(left) <= len(set(left.values())) + 1
