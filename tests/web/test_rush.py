"""A rush is borne; a queue that stands is kept short until few have been refused for a while."""

import time

import pytest

from authsvc.web.rush import (
    COUNT_SECONDS,
    PATIENCE_SECONDS,
    RUSH_SECONDS,
    TRIAL_PART,
    TRIAL_SECONDS,
    Idleness,
    Rush,
    thread_idle,
)  # fmt: skip

FEW, CROWD, MANY = 2, 16, 100
TRIED = FEW + (CROWD - FEW) // TRIAL_PART


class Clock:
    now = 50.0
    idle_seconds = 7.0

    def idle(self) -> float:
        return self.idle_seconds

    def __call__(self) -> float:
        return self.now


def standing() -> tuple[Rush, Clock]:
    clock = Clock()
    rush = Rush(FEW, CROWD, MANY, clock.idle, clock)
    assert rush.admits(1)
    clock.now += RUSH_SECONDS + 0.1
    assert not rush.admits(CROWD)
    return rush, clock


def test_many_may_wait_in_a_rush():
    rush = Rush(FEW, CROWD, MANY, Clock().idle, Clock())
    assert [waiting for waiting in range(MANY + 5) if not rush.admits(waiting)] == [100, 101, 102, 103, 104]


def test_a_long_queue_that_stands_is_let_grow_no_more_until_it_is_short():
    rush, _ = standing()
    assert [rush.admits(waiting) for waiting in (CROWD, FEW, FEW - 1, 0)] == [False, False, True, True]


def test_a_queue_that_is_full_stands_however_high_a_crowd_may_be():
    clock = Clock()
    rush = Rush(FEW, 2 * MANY, MANY, clock.idle, clock)
    assert rush.admits(1)
    clock.now += RUSH_SECONDS + 0.1
    assert not rush.admits(MANY)
    assert not rush.admits(FEW)


def test_a_queue_that_was_empty_meanwhile_does_not_stand():
    clock = Clock()
    rush = Rush(FEW, CROWD, MANY, clock.idle, clock)
    assert rush.admits(1)
    clock.now += 0.9 * RUSH_SECONDS
    rush.emptied()
    assert rush.admits(1)
    clock.now += 0.9 * RUSH_SECONDS
    assert rush.admits(CROWD)


def test_a_few_clients_who_ask_again_and_again_are_no_crowd():
    clock = Clock()
    rush = Rush(FEW, CROWD, MANY, clock.idle, clock)
    for _ in range(10):
        clock.now += RUSH_SECONDS
        assert rush.admits(CROWD - 1)


def stands_after(rush: Rush, clock: Clock, refused: int, let_in: int) -> bool:
    """So many find a long queue within a second, and so many none; whether it stands after that."""
    for waiting in [FEW] * refused + [0] * let_in:
        rush.admits(waiting)
    clock.now += COUNT_SECONDS + 0.1
    rush.admits(0)
    return rush.stands


def test_the_next_rush_is_borne_once_few_were_refused_for_a_while():
    rush, clock = standing()
    assert stands_after(rush, clock, 5, 5)
    assert not stands_after(rush, clock, 0, 10)
    rush.emptied()
    assert rush.admits(MANY - 1)


def test_a_burst_that_meets_a_short_queue_now_and_then_keeps_nobody_out():
    rush, clock = standing()
    assert not stands_after(rush, clock, 5, 95)


@pytest.mark.parametrize(("idle_part", "refused", "stands"), [(0.5, 40, False), (0.5, 60, True), (0.2, 40, True)])
def test_bursts_that_find_no_room_are_no_overload_if_there_is_time_for_them(
    idle_part: float, refused: int, *, stands: bool
):  # fmt: skip
    rush, clock = standing()
    clock.idle_seconds += idle_part * (COUNT_SECONDS + 0.1)
    assert stands_after(rush, clock, refused, 100 - refused) is stands


def test_the_time_left_is_that_since_it_was_judged():
    rush, clock = standing()
    clock.idle_seconds += 0.5
    assert stands_after(rush, clock, 60, 40)
    assert stands_after(rush, clock, 20, 80)


def seconds_until_a_trial(rush: Rush, clock: Clock, *, idle_part: float) -> float:
    """More than half are refused, for as long as it stands."""
    began = clock.now
    while rush.stands:
        clock.idle_seconds += idle_part * (COUNT_SECONDS + 0.1)
        stands_after(rush, clock, 60, 40)
    return clock.now - began


def test_who_stood_for_long_is_tried_although_no_time_seems_to_be_left():
    rush, clock = standing()
    assert PATIENCE_SECONDS < seconds_until_a_trial(rush, clock, idle_part=0.0) < PATIENCE_SECONDS + 3
    clock.now += TRIAL_SECONDS - 0.1
    assert rush.admits(TRIED - 1)
    clock.now += 0.2
    rush.emptied()
    assert rush.admits(TRIED)
    assert rush.admits(MANY - 1)


def test_a_queue_that_grows_in_a_trial_stands_at_once_and_the_next_is_further_off():
    rush, clock = standing()
    assert seconds_until_a_trial(rush, clock, idle_part=0.9) < 2
    for patience in (10, 20, 40, 60, 60):
        assert rush.admits(CROWD + 5)
        clock.now += RUSH_SECONDS + 0.1
        assert not rush.admits(CROWD)
        assert patience < seconds_until_a_trial(rush, clock, idle_part=0.9) < patience + 3


def test_bursts_for_which_there_is_time_do_not_end_a_trial():
    rush, clock = standing()
    seconds_until_a_trial(rush, clock, idle_part=0.9)
    for _ in range(10):
        assert all(rush.admits(waiting) for waiting in range(MANY))
        rush.emptied()
        clock.now += 0.9
    assert not rush.stands


def test_a_trial_without_a_sign_does_not_put_off_the_one_with_a_sign():
    rush, clock = standing()
    assert seconds_until_a_trial(rush, clock, idle_part=0.0) > PATIENCE_SECONDS
    assert not rush.admits(TRIED)
    assert seconds_until_a_trial(rush, clock, idle_part=0.9) < 2


def test_after_an_overload_that_has_passed_the_next_is_tried_as_soon_as_the_first():
    rush, clock = standing()
    for _ in range(2):
        assert seconds_until_a_trial(rush, clock, idle_part=0.9) < 2
        assert rush.admits(1)
        clock.now += RUSH_SECONDS + 0.1
        assert not rush.admits(CROWD)
        assert not stands_after(rush, clock, 0, 10)
        rush.emptied()
        rush.admits(1)
        clock.now += RUSH_SECONDS + 0.1
        assert not rush.admits(CROWD)


def test_idleness_is_the_part_of_those_who_serve_that_has_nothing_to_do():
    clock = Clock()
    idleness = Idleness(4, clock)
    clock.now += 1.0
    assert idleness() == pytest.approx(1.0)
    for busy in (1, 4, 9, 2):
        idleness.busy(busy)
        clock.now += 1.0
    assert idleness() == pytest.approx(1.0 + 0.75 + 0.0 + 0.0 + 0.5)


def test_a_thread_is_idle_while_it_sleeps_and_not_while_it_works():
    began, idle = time.monotonic(), thread_idle()
    time.sleep(0.1)
    assert thread_idle() - idle > 0.05
    until = time.thread_time() + 0.1
    while time.thread_time() < until:
        pass
    assert thread_idle() - idle < time.monotonic() - began - 0.09


def test_who_is_refused_elsewhere_for_its_sake_counts():
    rush, clock = standing()
    for _ in range(5):
        rush.refused()
    assert stands_after(rush, clock, 0, 10)


def test_where_all_are_refused_elsewhere_it_is_judged_all_the_same():
    rush, clock = standing()
    clock.now += 2 * COUNT_SECONDS + 0.1
    rush.refused()
    assert not rush.stands


def test_when_nobody_asked_for_a_while_the_next_finds_no_queue_that_stands():
    rush, clock = standing()
    stands_after(rush, clock, 5, 0)
    clock.now += 10 * COUNT_SECONDS
    rush.admits(0)
    assert not rush.stands


def test_who_is_only_asked_about_is_not_counted():
    rush, clock = standing()
    for _ in range(100):
        assert rush.has_room(0)
        assert not rush.has_room(FEW)
    assert stands_after(rush, clock, 1, 8)
    assert not stands_after(rush, clock, 1, 10)


def test_only_few_may_wait_where_the_queue_is_to_be_short():
    rush = Rush(FEW, CROWD, MANY, Clock().idle, Clock())
    assert [rush.has_room(waiting, is_short=True) for waiting in (FEW - 1, FEW)] == [True, False]
    assert rush.has_room(FEW)
