"""The transaction, and what becomes of the driver's errors."""

import threading
import time
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import Integer, bindparam, literal_column, make_url, select

from authsvc.errors import Conflict, StorageUnavailable
from authsvc.storage.sql.engine import Storage, open_storage
from authsvc.storage.sql.migrate import migrate
from authsvc.storage.sql.unit_of_work import SqlUnitOfWork
from tests.harness import postgres
from tests.storage.conftest import patient
from tests.storage.examples import NOW, a_client, a_key, a_session, a_user
from tests.storage.race import race

_DIVIDE = select(literal_column("1") / bindparam("by", type_=Integer))


@pytest.fixture
def unit(storage: Storage, tenant_id: UUID):
    """No transaction yet."""
    opened = storage.unit_of_work(tenant_id)
    yield opened
    opened.close()


def test_what_is_committed_others_see_and_what_is_not_they_do_not(unit: SqlUnitOfWork, storage: Storage):
    other = storage.unit_of_work(unit.tenant_id)
    user = a_user()
    unit.begin()
    unit.users.add(user)
    assert unit.users.get(user.id) == user
    assert other.users.get(user.id) is None
    unit.commit()
    assert other.users.get(user.id) == user
    other.close()


@pytest.mark.parametrize("end", [SqlUnitOfWork.rollback, SqlUnitOfWork.close])
def test_what_is_not_committed_leaves_nothing(unit: SqlUnitOfWork, end):
    user = a_user()
    unit.begin()
    unit.users.add(user)
    unit.sessions.add(a_session(user))
    unit.clients.add(a_client())
    end(unit)
    assert unit.users.get(user.id) is None
    assert unit.clients.get("shop") is None


def test_beginning_twice_is_beginning_once(unit: SqlUnitOfWork):
    user = a_user()
    unit.begin()
    unit.users.add(user)
    unit.begin()
    unit.rollback()
    assert unit.users.get(user.id) is None


def test_committing_nothing_and_closing_twice_does_nothing(unit: SqlUnitOfWork):
    unit.clients.list(None, 1)
    unit.commit()
    unit.rollback()
    unit.close()
    unit.close()
    assert unit.clients.list(None, 1) == ()


def test_a_unit_of_work_serves_again_after_its_commit(unit: SqlUnitOfWork):
    for name in ("one", "two"):
        unit.begin()
        unit.clients.add(a_client(name))
        unit.commit()
    assert len(unit.clients.list(None, 10)) == 2


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda unit: unit.users.add(a_user()), id="add"),
        pytest.param(lambda unit: unit.users.disable(uuid4(), NOW), id="update"),
        pytest.param(lambda unit: unit.clients.delete("shop"), id="delete"),
        pytest.param(lambda unit: unit.keys.add(a_key()), id="add a key"),
        pytest.param(lambda unit: unit.links.consume("x", "y", NOW), id="consume"),
        pytest.param(lambda unit: unit.sessions.end_all(uuid4(), NOW), id="end all"),
    ],
)
def test_a_change_outside_a_transaction_is_a_programming_error(unit: SqlUnitOfWork, change):
    with pytest.raises(RuntimeError):
        change(unit)


def test_a_refusal_by_conflict_leaves_the_transaction_usable(unit: SqlUnitOfWork):
    unit.begin()
    unit.clients.add(a_client("one"))
    with pytest.raises(Conflict):
        unit.clients.add(a_client("one"))
    unit.clients.add(a_client("two"))
    unit.commit()
    assert len(unit.clients.list(None, 10)) == 2


def test_after_a_fault_nothing_of_the_transaction_can_be_committed(unit: SqlUnitOfWork):
    unit.begin()
    unit.clients.add(a_client())
    with pytest.raises(Conflict):
        unit.sessions.add(a_session(a_user()))
    with pytest.raises(RuntimeError):
        unit.clients.add(a_client("two"))
    with pytest.raises(StorageUnavailable):
        unit.commit()
    unit.rollback()
    assert unit.clients.list(None, 10) == ()
    unit.begin()
    unit.clients.add(a_client("three"))
    unit.commit()
    assert len(unit.clients.list(None, 10)) == 1


def test_no_error_tells_what_the_driver_said(unit: SqlUnitOfWork):
    user = a_user("planted-canary")
    unit.begin()
    with pytest.raises(Conflict) as caught:
        unit.sessions.add(a_session(user))
    assert caught.value.detail in {"IntegrityError", "ForeignKeyViolation"}
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_pool_with_no_free_connection_says_so_within_a_second(migrated_url: str):
    storage = open_storage(migrated_url, pool_size=1, cache=None)
    holder, waiter = storage.unit_of_work(uuid4()), storage.unit_of_work(uuid4())
    holder.users.list(None, 1)
    started = time.monotonic()
    with pytest.raises(StorageUnavailable):
        waiter.users.list(None, 1)
    assert time.monotonic() - started < 15  # SQLAlchemy's own limit is 30.
    holder.close()
    assert waiter.users.list(None, 1) == ()
    waiter.close()
    storage.close()


def test_a_unit_of_work_that_asks_nothing_takes_no_connection(migrated_url: str):
    storage = open_storage(migrated_url, pool_size=1, cache=None)
    idle = [storage.unit_of_work(uuid4()) for _ in range(3)]
    for unit in idle:
        assert unit.users is unit.users
    idle[2].users.list(None, 1)
    for unit in idle:
        unit.commit()
        unit.close()
    storage.close()


def test_parallel_writers_wait_for_each_other(storage: Storage, tenant_id: UUID):
    def add(number: int) -> None:
        unit = storage.unit_of_work(tenant_id)
        unit.begin()
        unit.clients.add(a_client(f"client-{number}"))
        unit.commit()
        unit.close()

    race(add, times=60)
    unit = storage.unit_of_work(tenant_id)
    assert len(unit.clients.list(None, 100)) == 60
    unit.close()


def test_a_database_that_is_not_there_is_unavailable(tmp_path: Path):
    storage = open_storage(f"sqlite:///{tmp_path}/missing/authsvc.db", pool_size=1, cache=None)
    with pytest.raises(StorageUnavailable):
        storage.ping()


def test_a_sqlite_connection_that_may_not_write_is_left_behind(tmp_path: Path):
    url = f"sqlite:///{tmp_path}/authsvc.db"
    migrate(url)
    storage = open_storage(url, pool_size=1, cache=None)
    with storage._database.engine.connect() as connection:
        # As it is opened while the file cannot be written.
        connection.exec_driver_sql("PRAGMA query_only=ON")
    unit = storage.unit_of_work(uuid4())
    with pytest.raises(StorageUnavailable):
        unit.begin()
    unit.close()
    unit.begin()
    unit.clients.add(a_client())
    unit.commit()
    unit.close()
    storage.close()


def test_sqlite_commits_are_on_disk_and_readers_do_not_wait_for_the_writer(tmp_path: Path):
    url = f"sqlite:///{tmp_path}/authsvc.db"
    migrate(url)
    storage = open_storage(url, pool_size=2, cache=None)
    with storage._database.engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5_000}
    writer, reader = storage.unit_of_work(uuid4()), storage.unit_of_work(uuid4())
    writer.begin()
    assert reader.users.list(None, 1) == ()
    for unit in (writer, reader):
        unit.close()
    storage.close()


def test_a_writer_that_never_ends_makes_the_next_one_give_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    url = f"sqlite:///{tmp_path}/authsvc.db"
    migrate(url)
    monkeypatch.setattr("authsvc.storage.sql.connect.BUSY_SECONDS", 0.2)
    storage = open_storage(url, pool_size=2, cache=None)
    first, second = storage.unit_of_work(uuid4()), storage.unit_of_work(uuid4())
    first.begin()
    with pytest.raises(StorageUnavailable):
        second.begin()
    first.close()
    second.begin()
    second.close()
    storage.close()


def test_two_pools_of_one_process_share_the_write_lock_of_a_sqlite_file(tmp_path: Path):
    url = f"sqlite:///{tmp_path}/authsvc.db"
    migrate(url)
    with patient():
        lanes = [open_storage(url, pool_size=2, cache=None) for _ in range(2)]
    first, second = (lane.unit_of_work(uuid4()) for lane in lanes)
    first.begin()
    begun = threading.Event()

    def wait() -> None:
        second.begin()
        begun.set()

    waiter = threading.Thread(target=wait)
    waiter.start()
    assert not begun.wait(0.2)
    first.commit()
    assert begun.wait(50)
    waiter.join()
    for unit in (first, second):
        unit.close()
    for lane in lanes:
        lane.close()


def test_a_restart_of_postgresql_costs_no_request_that_comes_after_it(own_postgres: postgres.Cluster):
    migrate(own_postgres.url())
    storage = open_storage(own_postgres.url(), pool_size=6, cache=None)
    units = [storage.unit_of_work(uuid4()) for _ in range(6)]
    for unit in units:
        unit.users.list(None, 1)
    for unit in units:
        unit.close()
    own_postgres.stop(immediate=True)
    with pytest.raises(StorageUnavailable):
        storage.ping()
    own_postgres.start()
    # All at once, so that each takes another connection of the pool; begun or not.
    for unit in units[:3]:
        unit.users.list(None, 1)
    for unit in units[3:]:
        unit.begin()
    for unit in units:
        unit.close()
    storage.close()


def test_a_transaction_that_a_crash_cut_is_refused_and_left_no_trace(own_postgres: postgres.Cluster):
    migrate(own_postgres.url())
    storage = open_storage(own_postgres.url(), pool_size=2, cache=None)
    unit = storage.unit_of_work(uuid4())
    unit.begin()
    unit.clients.add(a_client())
    own_postgres.stop(immediate=True)
    own_postgres.start()
    with pytest.raises(StorageUnavailable):
        unit.clients.add(a_client("two"))
    with pytest.raises(StorageUnavailable):
        unit.commit()
    unit.rollback()
    assert unit.clients.list(None, 10) == ()
    unit.begin()
    unit.clients.add(a_client())
    own_postgres.stop(immediate=True)
    with pytest.raises(StorageUnavailable):
        unit.commit()
    own_postgres.start()
    assert unit.clients.list(None, 10) == ()
    unit.close()
    storage.close()


def test_a_fault_after_a_fault_does_not_make_the_transaction_committable(own_postgres: postgres.Cluster):
    migrate(own_postgres.url())
    storage = open_storage(own_postgres.url(), pool_size=2, cache=None)
    unit = storage.unit_of_work(uuid4())
    unit.begin()
    unit.clients.add(a_client())
    own_postgres.stop(immediate=True)
    for _ in range(2):
        with pytest.raises(StorageUnavailable):
            unit.clients.get("shop")
    with pytest.raises(StorageUnavailable):
        unit.commit()
    storage.close()


def test_a_server_that_became_read_only_is_left_behind(fresh_postgres_url: str):
    migrate(fresh_postgres_url)
    admin = psycopg.connect(make_url(fresh_postgres_url).set(drivername="postgresql").render_as_string(False))
    admin.autocommit = True
    name = admin.info.dbname
    admin.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'.encode())
    storage = open_storage(fresh_postgres_url, pool_size=1, cache=None)
    unit = storage.unit_of_work(uuid4())
    unit.begin()
    with pytest.raises(StorageUnavailable):
        unit.clients.add(a_client())
    unit.close()
    admin.execute("SET default_transaction_read_only = off")
    admin.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only'.encode())
    admin.close()
    unit.begin()
    unit.clients.add(a_client())
    unit.commit()
    unit.close()
    storage.close()


def test_a_transaction_that_idles_is_ended_by_postgresql(fresh_postgres_url: str):
    migrate(fresh_postgres_url)
    storage = open_storage(fresh_postgres_url, pool_size=1, cache=None)
    unit = storage.unit_of_work(uuid4())
    unit.begin()
    unit.clients.add(a_client())
    assert unit._work._connection is not None
    connection = unit._work._connection.driver_connection
    assert isinstance(connection, psycopg.Connection)
    connection.execute("SET idle_in_transaction_session_timeout = '100ms'")
    with psycopg.connect(fresh_postgres_url.replace("+psycopg", ""), autocommit=True) as watching:
        living = "SELECT 1 FROM pg_stat_activity WHERE pid = %s"
        deadline = time.monotonic() + 30
        while watching.execute(living, (connection.info.backend_pid,)).fetchone():
            assert time.monotonic() < deadline
            time.sleep(0.02)
    with pytest.raises(StorageUnavailable):
        unit.commit()
    unit.close()
    assert storage.unit_of_work(unit.tenant_id).clients.list(None, 10) == ()
    storage.close()


def test_postgresql_limits_statements_locks_and_idle_transactions(fresh_postgres_url: str):
    storage = open_storage(fresh_postgres_url, pool_size=1, cache=None)
    with storage._database.engine.connect() as connection:
        limits = {
            name: connection.exec_driver_sql(f"SHOW {name}").scalar()
            for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "plan_cache_mode")
        }
    assert limits == {
        "statement_timeout": "5s", "lock_timeout": "800ms", "idle_in_transaction_session_timeout": "10s",
        "plan_cache_mode": "force_custom_plan",
    }  # fmt: skip
    storage.close()


def test_a_bug_in_a_statement_is_not_called_an_outage(unit: SqlUnitOfWork):
    with pytest.raises(KeyError):
        unit._work.row(_DIVIDE)


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "mysql://x/y", "oracle://x/y"], ids=["none", "memory", "mysql", "oracle"]
)
def test_a_database_that_cannot_serve_is_refused_by_its_url(url: str):
    with pytest.raises(ValueError, match="database_url"):
        open_storage(url, pool_size=1, cache=None)
