"""What befalls a database: a file that is damaged or cut off, transactions that wait for each other."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from authsvc.errors import StorageUnavailable
from authsvc.storage.sql.engine import open_storage
from authsvc.storage.sql.migrate import migrate
from tests.storage.examples import NOW, a_client, a_user


def test_a_sqlite_file_that_is_damaged_is_unavailable(tmp_path: Path):
    url = f"sqlite:///{tmp_path}/authsvc.db"
    migrate(url)
    (tmp_path / "authsvc.db").write_bytes(b"not a database" * 1_000)
    storage = open_storage(url, pool_size=1, cache=None)
    with pytest.raises(StorageUnavailable):
        storage.ping()


def test_a_commit_that_was_cut_off_on_the_disk_is_gone_and_those_before_it_are_there(tmp_path: Path):
    """As a power cut leaves it, in the midst of the last commit."""
    (tmp_path / "cut").mkdir()
    url = f"sqlite:///{tmp_path}/authsvc.db"
    migrate(url)
    storage = open_storage(url, pool_size=1, cache=None)
    unit = storage.unit_of_work(uuid4())
    for name in ("one", "two"):
        unit.begin()
        unit.clients.add(a_client(name))
        unit.commit()
    for name in ("authsvc.db", "authsvc.db-wal"):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / "cut" / name).write_bytes(whole[:-100] if name.endswith("wal") else whole)
    after = open_storage(f"sqlite:///{tmp_path}/cut/authsvc.db", pool_size=1, cache=None)
    found = after.unit_of_work(unit.tenant_id)
    assert [client.id for client in found.clients.list(None, 10)] == ["one"]
    found.close()
    with after._database.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    unit.close()
    storage.close()
    after.close()


def test_of_two_that_wait_for_each_other_one_is_refused_within_a_second_and_nothing_is_half_done(
    fresh_postgres_url: str,
):
    """A deadlock: PostgreSQL would look for it after a second, and a lock is waited for 0.8 s."""
    migrate(fresh_postgres_url)
    storage, tenant = open_storage(fresh_postgres_url, pool_size=4, cache=None), uuid4()
    people, units = (a_user("ada", None), a_user("bob", None)), [storage.unit_of_work(tenant) for _ in range(2)]
    units[0].begin()
    for person in people:
        units[0].users.add(person)
    units[0].commit()
    refusals: list[str] = []
    both = threading.Barrier(2, timeout=60)

    def disable(number: int) -> bool:
        unit = units[number]
        unit.begin()
        unit.users.disable(people[number].id, NOW)
        both.wait()
        try:
            unit.users.disable(people[1 - number].id, NOW)
            unit.commit()
        except StorageUnavailable as error:
            refusals.append(error.detail)
            unit.rollback()
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        done = list(threads.map(disable, range(2)))
    assert not all(done)
    # The limits of a lock and of a deadlock: the next one would be that of a statement, five seconds.
    assert set(refusals) <= {"LockNotAvailable", "DeadlockDetected"}
    disabled = {person.id: units[0].users.get(person.id) for person in people}
    assert all(found is not None for found in disabled.values())
    assert {found.disabled_at is not None for found in disabled.values() if found} == {any(done)}
    for unit in units:
        unit.close()
    storage.close()
