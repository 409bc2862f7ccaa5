"""The stores under test, on SQLite and on PostgreSQL. Tests share a database; each has tenants of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

import pytest

from authsvc.storage.sql.engine import Storage, open_storage
from authsvc.storage.sql.migrate import migrate
from authsvc.storage.sql.unit_of_work import SqlUnitOfWork
from tests.harness import postgres
from tests.harness.patience import bear_databases

POOL_SIZE = 24


@contextmanager
def patient() -> Iterator[None]:
    """What is opened here bears a busy machine: who wins a race is under test, not how soon the others are refused."""
    with pytest.MonkeyPatch.context() as patched:
        bear_databases(patched)
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
