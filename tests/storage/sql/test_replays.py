from pathlib import Path
from uuid import UUID, uuid4

import pytest

from authsvc.errors import LaneNeeded
from authsvc.storage.sql.engine import Storage, open_storage
from authsvc.storage.sql.migrate import migrate
from authsvc.storage.sql.unit_of_work import SqlUnitOfWork
from tests.storage.examples import LATER
from tests.storage.race import race


def test_an_id_is_used_once_per_issuer(unit: SqlUnitOfWork):
    asked = [("robot", "one"), ("robot", "one"), ("robot", "two"), ("other", "one"), ("other", "one")]
    assert [unit.replays.consume(*each, LATER) for each in asked] == [True, False, True, True, False]


@pytest.mark.parametrize("assertion_id", ["", "x" * 15_000, "nul\0", "\udc80 half", "schön", " one", "one "])
def test_any_id_is_used_once(unit: SqlUnitOfWork, assertion_id: str):
    assert unit.replays.consume("robot", "one", LATER)
    assert [unit.replays.consume("robot", assertion_id, LATER) for _ in range(2)] == [True, False]


def test_a_use_that_is_rolled_back_did_not_happen(unit: SqlUnitOfWork):
    assert unit.replays.consume("robot", "one", LATER)
    unit.rollback()
    unit.begin()
    assert unit.replays.consume("robot", "one", LATER)
    unit.commit()
    unit.begin()
    assert not unit.replays.consume("robot", "one", LATER)


@pytest.mark.parametrize("alone", [True, False])
def test_of_64_that_use_an_id_at_once_one_has_used_it(storage: Storage, alone: bool):
    tenant_id = uuid4()

    def use(_: int) -> bool:
        unit = storage.unit_of_work(tenant_id)
        try:
            if not alone:
                unit.begin()
            used = unit.replays.consume("robot", "one", LATER)
            unit.commit()
            return used
        finally:
            unit.close()

    assert sorted(race(use, times=64, threads=20)) == [False] * 63 + [True]


def test_a_use_outlives_the_process(own_storage: Storage):
    tenant_id = uuid4()
    for expected in (True, False):
        unit = own_storage.unit_of_work(tenant_id)
        unit.begin()
        assert unit.replays.consume("robot", "one", LATER) is expected
        unit.commit()
        unit.close()


def test_without_a_transaction_an_id_is_used_at_once(storage: Storage, tenant_id: UUID):
    for expected in (True, False):
        unit = storage.unit_of_work(tenant_id)
        assert unit.replays.consume("robot", "one", LATER) is expected
        unit.rollback()
        unit.close()


def test_whether_an_id_was_used_can_be_asked_and_changes_nothing(unit: SqlUnitOfWork):
    for expected in (True, False):
        assert not unit.replays.was_used("robot", "two")
        assert unit.replays.consume("robot", "one", LATER) is expected
        assert unit.replays.was_used("robot", "one")
        assert not unit.replays.was_used("other", "one")


def test_what_is_written_after_an_id_waits_for_the_disk_again(tmp_path: Path):
    url = f"sqlite:///{tmp_path}/authsvc.db"
    migrate(url)
    storage = open_storage(url, pool_size=1, cache=None)
    unit = storage.unit_of_work(uuid4())
    unit.begin()
    unit.commit()
    assert _waits_for_the_disk(unit)
    assert unit.replays.consume("robot", "one", LATER)
    assert not _waits_for_the_disk(unit)
    unit.begin()
    assert _waits_for_the_disk(unit)
    assert unit.replays.consume("robot", "two", LATER)
    assert _waits_for_the_disk(unit)
    unit.close()
    storage.close()


def _waits_for_the_disk(unit: SqlUnitOfWork) -> bool:
    full = 2
    return bool(unit._work._take().cursor().execute("PRAGMA synchronous").fetchone()[0] == full)


def test_what_is_noted_on_the_event_loop_is_used_up_together(storage: Storage, tenant_id: UUID):
    noting = storage.unit_of_work(tenant_id, from_memory=True)
    for assertion_id in ("one", "two", "one"):
        assert noting.replays.consume("robot", assertion_id, LATER)
    assert sorted(storage.use_up(noting.noted)) == [False, True, True]
    assert storage.use_up(noting.noted) == [False, False, False]
    unit = storage.unit_of_work(tenant_id)
    assert not unit.replays.consume("robot", "two", LATER)
    assert unit.replays.consume("other", "two", LATER)
    unit.close()


def test_batches_of_the_same_ids_in_any_order_use_each_up_once(storage: Storage):
    tenant_id = uuid4()

    def use(number: int) -> int:
        noting = storage.unit_of_work(tenant_id, from_memory=True)
        for index in range(8):
            noting.replays.consume("robot", str(index if number % 2 else 7 - index), LATER)
        return sum(storage.use_up(noting.noted))

    assert sum(race(use, times=32, threads=16)) == 8


def test_whether_an_id_was_used_cannot_be_said_on_the_event_loop(storage: Storage, tenant_id: UUID):
    with pytest.raises(LaneNeeded):
        storage.unit_of_work(tenant_id, from_memory=True).replays.was_used("robot", "one")
