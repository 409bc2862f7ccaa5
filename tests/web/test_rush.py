"""A rush is borne; a queue that stands is kept short until nobody has been refused for a while."""

from authsvc.web.rush import HIGH, RUSH_SECONDS, Rush

FEW, MANY = 2, 100
CROWD = HIGH * FEW


class Clock:
    now = 50.0

    def __call__(self) -> float:
        return self.now


def standing() -> tuple[Rush, Clock]:
    clock = Clock()
    rush = Rush(FEW, MANY, clock)
    assert rush.has_room(1)
    clock.now += RUSH_SECONDS + 0.1
    assert not rush.has_room(CROWD)
    return rush, clock


def test_many_may_wait_in_a_rush():
    rush = Rush(FEW, MANY, Clock())
    assert [waiting for waiting in range(MANY + 5) if not rush.has_room(waiting)] == [100, 101, 102, 103, 104]


def test_a_long_queue_that_stands_is_let_grow_no_more_until_it_is_short():
    rush, _ = standing()
    assert [rush.has_room(waiting) for waiting in (CROWD, FEW, FEW - 1, 0)] == [False, False, True, True]


def test_a_queue_that_was_empty_meanwhile_does_not_stand():
    clock = Clock()
    rush = Rush(FEW, MANY, clock)
    assert rush.has_room(1)
    clock.now += RUSH_SECONDS
    rush.emptied()
    assert rush.has_room(1)
    clock.now += RUSH_SECONDS
    assert rush.has_room(CROWD)


def test_a_few_clients_who_ask_again_and_again_are_no_crowd():
    clock = Clock()
    rush = Rush(FEW, MANY, clock)
    for _ in range(10):
        clock.now += RUSH_SECONDS
        assert rush.has_room(CROWD - 1)


def test_the_next_rush_is_borne_once_nobody_was_refused_for_a_while():
    rush, clock = standing()
    clock.now += RUSH_SECONDS / 2
    assert not rush.has_room(FEW)
    clock.now += RUSH_SECONDS + 0.1
    rush.emptied()
    assert rush.has_room(MANY - 1)
