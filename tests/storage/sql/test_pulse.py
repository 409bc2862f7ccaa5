"""A PostgreSQL that hangs: who waits is let go, nobody begins, and it is found again. The limits are generous."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from threading import Thread
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import Float, bindparam, func, literal_column, select, table

from authsvc.errors import StorageUnavailable
from authsvc.storage.sql.engine import Storage, open_storages
from authsvc.storage.sql.migrate import migrate
from authsvc.storage.sql.pulse import HeardConnection, Silent
from authsvc.storage.sql.work import Work
from tests.harness import postgres
from tests.harness.patience import bear_databases
from tests.harness.requirements import require
from tests.storage.examples import a_client

_LET_GO_SECONDS = 10.0
"""Without the rule they wait for as long as the server hangs, or for libpq."""
_BACKEND = select(func.pg_backend_pid())
_SLEEP = select(func.pg_sleep(bindparam("seconds", type_=Float)))


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Cluster]:
    """Of these tests alone: they stop it, and let it go on."""
    require("postgresql")
    with postgres.running_cluster() as cluster:
        migrate(cluster.url())
        yield cluster


@pytest.fixture
def storages(server: postgres.Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Storage, ...]]:
    """Two pools of one process: the first has connected, the second has not. Nothing else ends what hangs."""
    bear_databases(monkeypatch)
    opened = open_storages(server.url(), (3, 1), None)
    opened[0].ping()
    _eventually(lambda: _pulse(opened)._line is not None)
    yield opened
    for storage in opened:
        storage.close()


@pytest.fixture
def a_patient_pulse(monkeypatch: pytest.MonkeyPatch):
    """A server that answers is not thought silent because the machine is busy."""
    monkeypatch.setattr("authsvc.storage.sql.pulse.SILENCE_SECONDS", 20.0)


@pytest.mark.parametrize("pool", [pytest.param(0, id="that has a connection"), pytest.param(1, id="that connects")])
def test_who_waits_for_a_server_that_hangs_is_let_go(
    server: postgres.Cluster, storages: tuple[Storage, ...], pool: int
):
    with server.standing_still():
        assert _seconds_until_refused(storages[pool].ping) < _LET_GO_SECONDS


def test_after_the_first_nobody_waits(
    server: postgres.Cluster, storages: tuple[Storage, ...], monkeypatch: pytest.MonkeyPatch
):
    with server.standing_still():
        _seconds_until_refused(storages[0].ping)
        monkeypatch.setattr(HeardConnection, "connect", pytest.fail)
        started = time.monotonic()
        for storage in storages * 100:
            with pytest.raises(StorageUnavailable):
                storage.ping()
        assert time.monotonic() - started < _LET_GO_SECONDS


def test_the_server_is_found_again_on_new_connections(server: postgres.Cluster, storages: tuple[Storage, ...]):
    before = _backend(storages[0])
    with server.standing_still():
        _seconds_until_refused(storages[1].ping)
    _eventually(lambda: not _pulse(storages).is_silent)
    # The old ones may lead to a server that is gone for good, and would hang again.
    assert _backend(storages[0]) != before
    _eventually(lambda: _answers(storages[1]))


def test_a_transaction_that_is_let_go_is_not_committed(server: postgres.Cluster, storages: tuple[Storage, ...]):
    tenant_id = uuid4()
    unit = storages[0].unit_of_work(tenant_id)
    unit.begin()
    unit.clients.add(a_client("one"))
    with server.standing_still():
        assert _seconds_until_refused(lambda: unit.clients.add(a_client("two"))) < _LET_GO_SECONDS
    with pytest.raises(StorageUnavailable):
        unit.commit()
    unit.close()
    _eventually(lambda: _answers(storages[0]))
    assert _clients(storages[0], tenant_id) == 0


@pytest.mark.usefixtures("a_patient_pulse")
def test_a_statement_is_waited_for_while_the_server_answers_others(storages: tuple[Storage, ...]):
    assert _ask(storages[0], _SLEEP, seconds=1.5) is not None
    assert _pulse(storages).silences == 0


@pytest.mark.usefixtures("a_patient_pulse")
def test_a_server_that_makes_no_second_connection_is_not_silent(storages: tuple[Storage, ...]):
    pulse = _pulse(storages)

    def refuse() -> None:
        raise psycopg.OperationalError

    pulse._line.close()
    pulse._reach = refuse
    assert _ask(storages[0], _SLEEP, seconds=1.5) is not None
    assert pulse.silences == 0


def test_a_line_that_leads_nowhere_any_more_is_made_anew(server: postgres.Cluster, storages: tuple[Storage, ...]):
    lost = _pulse(storages)._line.info.backend_pid
    os.kill(lost, signal.SIGSTOP)
    try:
        assert _seconds_until_refused(lambda: _ask(storages[0], _SLEEP, seconds=60.0)) < _LET_GO_SECONDS
        _eventually(lambda: _answers(storages[0]))
    finally:
        os.kill(lost, signal.SIGCONT)
        with psycopg.connect(server.url().replace("+psycopg", ""), autocommit=True) as ending:
            sleeping = "query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()"
            ending.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {sleeping}".encode())


def test_what_has_been_sent_is_not_sent_again(storages: tuple[Storage, ...]):
    def give_up() -> None:
        raise Silent

    with storages[0]._database.engine.connect() as connection:
        connection.exec_driver_sql("CREATE SEQUENCE IF NOT EXISTS sent")
        heard = connection.connection.driver_connection
        assert isinstance(heard, HeardConnection)
        before = connection.exec_driver_sql("SELECT nextval('sent')").scalar_one()
        heard.hear(0.1, give_up, lambda: True)
    with pytest.raises(StorageUnavailable):
        _ask(storages[0], select(func.nextval("sent"), func.pg_sleep(4.0)))
    given: object = select(literal_column("last_value")).select_from(table("sent"))
    _eventually(lambda: _ask(storages[1], given) != before)
    assert _ask(storages[1], given) == before + 1


@pytest.mark.usefixtures("a_patient_pulse")
def test_a_server_that_has_restarted_is_asked_on_a_new_line(server: postgres.Cluster, storages: tuple[Storage, ...]):
    server.stop(immediate=True)
    server.start()
    _eventually(lambda: _answers(storages[0]))
    assert _ask(storages[0], _SLEEP, seconds=1.0) is not None
    assert _pulse(storages).silences == 0


def test_what_is_closed_while_the_server_hangs_knocks_no_more(server: postgres.Cluster):
    opened = open_storages(server.url(), (1,), None)
    pulse = _pulse(opened)
    with server.standing_still():
        assert _seconds_until_refused(opened[0].ping) < _LET_GO_SECONDS  # The first connection: as long as libpq waits.
        opened[0].close()
        _eventually(lambda: not pulse._thread.is_alive(), 60.0)


def test_when_all_is_closed_nothing_is_left_at_the_server(server: postgres.Cluster, storages: tuple[Storage, ...]):
    with psycopg.connect(server.url().replace("+psycopg", ""), autocommit=True) as watching:
        counting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'authsvc'"
        _eventually(lambda: watching.execute(counting).fetchone() == (2,))  # A pool's, and the one that asks.
        for storage in storages:
            storage.close()
        _eventually(lambda: watching.execute(counting).fetchone() == (0,))


def _seconds_until_refused(ask: Callable[[], object]) -> float:
    """In the background, so that a test whose rule is missing ends."""
    refused: list[float] = []
    started = time.monotonic()

    def run() -> None:
        with pytest.raises(StorageUnavailable):
            ask()
        refused.append(time.monotonic() - started)

    thread = Thread(target=run, daemon=True)
    thread.start()
    thread.join(1.2 * _LET_GO_SECONDS)
    return refused[0] if refused else float("inf")


def _ask(storage: Storage, statement: object, **parameters: float) -> object:
    work = Work(storage._database)
    try:
        row = work.row(statement, **parameters)  # type: ignore[arg-type]
        return None if row is None else row[0]
    finally:
        work.close()


def _backend(storage: Storage) -> object:
    return _ask(storage, _BACKEND)


def _answers(storage: Storage) -> bool:
    try:
        storage.ping()
    except StorageUnavailable:
        return False
    return True


def _clients(storage: Storage, tenant_id: UUID) -> int:
    unit = storage.unit_of_work(tenant_id)
    try:
        return len(unit.clients.list(None, 10))
    finally:
        unit.close()


def _pulse(storages: tuple[Storage, ...]):
    return storages[-1]._connector


def _eventually(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
