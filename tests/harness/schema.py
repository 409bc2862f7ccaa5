"""What `migrate` makes of an empty database, copied from what it made once: hundreds of tests have one of their own."""

import functools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from authsvc.storage.sql.migrate import migrate, pending
from tests.harness.postgres import fresh_database

SQLITE = "sqlite:///"


def make_schema(database_url: str) -> None:
    """Do what `migrate` does; nothing to a database that has the schema already."""
    path = Path(database_url.removeprefix(SQLITE))
    if database_url.startswith(SQLITE) and not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(_sqlite())
    elif pending(database_url):
        migrate(database_url)


@contextmanager
def postgres_with_schema(url: str) -> Iterator[str]:
    """The name of a database in the server at `url`, from which others are made; dropped afterwards."""
    with fresh_database(url) as made:
        migrate(made)
        yield made.rpartition("/")[2]


@functools.cache
def _sqlite() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "authsvc.db")
        migrate(f"{SQLITE}{path}")
        return path.read_bytes()
