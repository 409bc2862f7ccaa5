from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from authsvc.domain.people.lockout import Schedule, Throttled
from authsvc.storage.sql.engine import Storage, open_storage
from authsvc.storage.sql.unit_of_work import SqlUnitOfWork
from tests.storage.conftest import patient
from tests.storage.examples import NOW, SCHEDULE, a_reservation
from tests.storage.race import race


@pytest.fixture
def unit(storage: Storage, tenant_id: UUID):
    """No transaction: `reserve` has its own."""
    opened = storage.unit_of_work(tenant_id)
    yield opened
    opened.close()


def _retry_after(unit: SqlUnitOfWork, seconds: float = 0, schedule: Schedule = SCHEDULE) -> int | None:
    """Reserve so many seconds after NOW; None if it passed."""
    try:
        unit.attempts.reserve([a_reservation(schedule=schedule)], NOW + timedelta(seconds=seconds))
    except Throttled as refusal:
        return refusal.retry_after_seconds
    return None


def test_the_free_attempts_pass_and_the_next_waits(unit: SqlUnitOfWork):
    assert [_retry_after(unit) for _ in range(5)] == [None, None, None, 30, 30]
    assert _retry_after(unit, 29.5) == 1


def test_each_further_attempt_closes_for_twice_as_long_up_to_the_longest(unit: SqlUnitOfWork):
    at = 0
    for _ in range(SCHEDULE.free):
        assert _retry_after(unit) is None
    for delay in (30, 60, 100, 100):
        assert _retry_after(unit, at) == delay
        at += delay
        assert _retry_after(unit, at) is None


def test_who_came_earlier_or_is_behind_finds_an_open_counter_open(unit: SqlUnitOfWork):
    assert _retry_after(unit, 300) is None
    assert _retry_after(unit, 0) is None


@pytest.mark.parametrize(
    "schedule",
    [
        pytest.param(Schedule(1, 10, 900, 3_600), id="one free"),
        pytest.param(Schedule(2, 9, 9, 3_600), id="one delay"),
        pytest.param(Schedule(2, 9, 5, 3_600), id="first longer than longest"),
        pytest.param(Schedule(3, 7, 100, 3_600), id="longest no multiple of the first"),
    ],
)
def test_the_statement_keeps_the_domains_schedule(unit: SqlUnitOfWork, schedule: Schedule):
    delays = dict(schedule.delays())
    at = 0
    for count in range(1, schedule.free + 8):
        assert _retry_after(unit, at, schedule) is None
        delay = delays.get(count, 0 if count < schedule.free else schedule.delays()[-1][1])
        if delay:
            assert _retry_after(unit, at, schedule) == delay
        at += delay


def test_a_closed_counter_is_not_counted_further(unit: SqlUnitOfWork):
    for _ in range(20):
        _retry_after(unit)
    assert _retry_after(unit, 30) is None
    assert _retry_after(unit, 30) == 60


def test_a_counter_that_was_quiet_for_its_window_starts_anew(unit: SqlUnitOfWork):
    for _ in range(3):
        _retry_after(unit)
    assert [_retry_after(unit, 3_601) for _ in range(4)] == [None, None, None, 30]


def test_a_counter_that_was_quiet_for_less_does_not(unit: SqlUnitOfWork):
    for _ in range(3):
        _retry_after(unit)
    assert [_retry_after(unit, 3_600) for _ in range(2)] == [None, 60]


def test_one_closed_counter_leaves_the_others_unraised(unit: SqlUnitOfWork):
    for _ in range(3):
        unit.attempts.reserve([a_reservation("b")], NOW)
    for _ in range(5):
        with pytest.raises(Throttled):
            unit.attempts.reserve([a_reservation("b"), a_reservation("a"), a_reservation("c")], NOW)
    for _ in range(3):
        unit.attempts.reserve([a_reservation("a"), a_reservation("c")], NOW)


def test_giving_back_opens_the_counter_and_takes_one_off(unit: SqlUnitOfWork):
    for _ in range(3):
        _retry_after(unit)
    unit.begin()
    unit.attempts.give_back(["key", "unknown"])
    unit.commit()
    assert [_retry_after(unit) for _ in range(2)] == [None, 30]


def test_giving_back_never_counts_below_nought(unit: SqlUnitOfWork):
    _retry_after(unit)
    unit.begin()
    for _ in range(5):
        unit.attempts.give_back(["key"])
    unit.commit()
    assert [_retry_after(unit) for _ in range(4)] == [None, None, None, 30]


def test_a_cleared_counter_is_forgotten(unit: SqlUnitOfWork):
    for _ in range(4):
        _retry_after(unit)
    unit.begin()
    unit.attempts.clear(["key", "unknown"])
    unit.commit()
    assert [_retry_after(unit) for _ in range(4)] == [None, None, None, 30]


def test_a_reservation_lasts_though_the_request_rolls_back(storage: Storage, tenant_id: UUID, unit: SqlUnitOfWork):
    for _ in range(3):
        other = storage.unit_of_work(tenant_id)
        other.attempts.reserve([a_reservation()], NOW)
        other.begin()
        other.rollback()
        other.close()
    assert _retry_after(unit) == 30


def test_reserving_within_the_requests_own_transaction_is_a_programming_error(unit: SqlUnitOfWork):
    unit.begin()
    with pytest.raises(RuntimeError):
        unit.attempts.reserve([a_reservation()], NOW)


def test_of_200_parallel_attempts_on_two_nodes_only_the_free_ones_pass(shared_url: str, tenant_id: UUID):
    with patient():
        nodes = [open_storage(shared_url, pool_size=10, cache=None) for _ in range(2)]
    schedule = replace(SCHEDULE, free=5)

    def attempt(number: int) -> bool:
        unit = nodes[number % 2].unit_of_work(tenant_id)
        keys = [a_reservation("pair", schedule), a_reservation("account", replace(schedule, free=50))]
        try:
            # In either order: two that wait for each other would be a deadlock.
            unit.attempts.reserve(keys if number % 4 < 2 else keys[::-1], NOW)
        except Throttled:
            return False
        finally:
            unit.close()
        return True

    passed = race(attempt, times=200)
    for node in nodes:
        node.close()
    assert passed.count(True) == 5
