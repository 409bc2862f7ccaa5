import pytest

from authsvc.jobs.lease import LEASE_SECONDS, RENEW_SECONDS, Lease


class Monotonic:
    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def monotonic():
    return Monotonic()


@pytest.fixture
def move(clock, monotonic):
    def both(seconds: float) -> None:
        clock.move(seconds=seconds)
        monotonic.seconds += seconds

    return both


def test_one_of_two_nodes_holds_the_lease_and_keeps_it(storage, clock, monotonic, move):
    first, second = Lease(storage, clock, monotonic), Lease(storage, clock, monotonic)
    assert (first.hold(), second.hold()) == (True, False)
    for _ in range(5):
        move(RENEW_SECONDS)
        assert (first.hold(), second.hold()) == (True, False)


def test_a_killed_holder_is_replaced_within_a_minute(storage, clock, monotonic, move):
    killed, other = Lease(storage, clock, monotonic), Lease(storage, clock, monotonic)
    assert other.hold() or killed.hold()
    holder, other = (other, killed) if other.hold() else (killed, other)
    waited = 0.0
    while not other.hold():
        move(1)
        waited += 1
        assert waited <= 60
    assert LEASE_SECONDS + RENEW_SECONDS <= 60
    move(RENEW_SECONDS)
    assert not holder.hold()


def test_a_lease_that_is_given_up_is_free_at_once(storage, clock, monotonic):
    first, second = Lease(storage, clock, monotonic), Lease(storage, clock, monotonic)
    assert first.hold()
    first.give_up()
    assert second.hold()


def test_between_renewals_the_database_is_left_alone(storage, clock, monotonic):
    lease = Lease(storage, clock, monotonic)
    assert lease.hold()
    storage.close()
    storage.lease = None
    assert lease.hold()
