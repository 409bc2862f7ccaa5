"""The stores under test, on SQLite and on PostgreSQL. Tests share a database; each has tenants of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

import pytest

from authsvc.storage.sql import connect
from authsvc.storage.sql.engine import Storage, open_storage
from authsvc.storage.sql.migrate import migrate
from authsvc.storage.sql.unit_of_work import SqlUnitOfWork
from tests.harness import postgres

POOL_SIZE = 24
_PATIENT = (
    ("statement_timeout=5s", "statement_timeout=60s"), ("lock_timeout=800ms", "lock_timeout=60s"),
    ("session_timeout=10s", "session_timeout=60s"),
)  # fmt: skip


@contextmanager
def patient() -> Iterator[None]:
    """What is opened here bears a busy machine: who wins a race is under test, not how soon the others are refused."""
    options = connect._POSTGRESQL_OPTIONS
    for usual, longer in _PATIENT:
        assert usual in options
        options = options.replace(usual, longer)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(connect, "_POSTGRESQL_OPTIONS", options)
        for name in ("CONNECT_SECONDS", "BUSY_SECONDS", "POOL_TIMEOUT_SECONDS"):
            patched.setattr(connect, name, 60)
        yield


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def shared_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('storage')}/authsvc.db"
        migrate(url)
        yield url
    else:
        with postgres.fresh_database(request.getfixturevalue("postgres_url")) as url:
            migrate(url)
            yield url


@pytest.fixture(scope="session")
def storage(shared_url: str) -> Iterator[Storage]:
    """A pool on the database that the tests share."""
    with patient():
        opened = open_storage(shared_url, pool_size=POOL_SIZE, cache=None)
    yield opened
    opened.close()


@pytest.fixture
def own_storage(migrated_url: str) -> Iterator[Storage]:
    """A pool on a database of this test alone."""
    with patient():
        opened = open_storage(migrated_url, pool_size=POOL_SIZE, cache=None)
    yield opened
    opened.close()


@pytest.fixture
def tenant_id() -> UUID:
    return uuid4()


@pytest.fixture
def unit(storage: Storage, tenant_id: UUID) -> Iterator[SqlUnitOfWork]:
    """The tenant's stores, with the transaction begun."""
    opened = storage.unit_of_work(tenant_id)
    opened.begin()
    yield opened
    opened.close()


@pytest.fixture
def stranger(storage: Storage) -> Iterator[SqlUnitOfWork]:
    """Another tenant's stores, with no transaction (SQLite has one writer)."""
    opened = storage.unit_of_work(uuid4())
    yield opened
    opened.close()
