"""Lanes: bounded, named threads; permits: as many hashes as cores; turns: one sign-in per name and caller."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from authsvc.errors import AuthsvcError, StorageUnavailable
from authsvc.observe.metrics import Metrics, create_metrics
from authsvc.storage.sql.engine import Storage, open_storage
from authsvc.web import lanes
from authsvc.web.lanes import Lane, MemoryLane, Overloaded, Permits, Turns


@pytest.fixture
def metrics() -> Iterator[Metrics]:
    made = create_metrics("0", ())
    yield made
    made.close()


@pytest.fixture
def lane(metrics: Metrics, tmp_path: Path) -> Iterator[Lane]:
    made = Lane(
        "machine",
        open_storage(f"sqlite:///{tmp_path}/x.db", pool_size=2, cache=None),
        metrics,
        threads=2,
        queue_length=3,
    )
    yield made
    made.close()


def test_work_runs_on_a_thread_that_bears_the_lanes_name(lane: Lane):
    def name(argument: str, _: Storage) -> str:
        return f"{argument} {threading.current_thread().name}"

    assert asyncio.run(lane.run(name, "x")) == "x lane-machine"


def test_a_full_queue_refuses_at_once(lane: Lane):
    gate = threading.Event()

    async def crowd() -> list[Any]:
        waiting = [asyncio.create_task(lane.run(lambda *_: gate.wait(10), None)) for _ in range(8)]
        await asyncio.sleep(0.05)
        refused = [task for task in waiting if task.done()]
        gate.set()
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        assert len(refused) == 3
        return answers

    answers = asyncio.run(crowd())
    assert sum(isinstance(answer, Overloaded) for answer in answers) == 3
    assert answers.count(True) == 5


def test_a_lane_that_stands_still_refuses_who_waits_and_then_who_comes(lane: Lane, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lanes, "STALL_SECONDS", 0.1)
    gate = threading.Event()

    async def crowd() -> list[object]:
        held = [asyncio.create_task(lane.run(lambda *_: gate.wait(10), None)) for _ in range(2)]
        await asyncio.sleep(0)
        refused: list[object] = []
        for _ in range(2):
            with pytest.raises(Overloaded) as waited:
                await lane.run(lambda *_: None, None)
            refused.append(waited.value.detail)
        gate.set()
        assert await asyncio.gather(*held) == [True, True]
        # Something quick: the next may wait again.
        refused.append(await lane.run(lambda *_: "well", None))
        refused += await asyncio.gather(*(lane.run(lambda number, _: number, number) for number in range(5)))
        return refused

    assert asyncio.run(crowd()) == ["lane machine stands still", "lane machine", "well", 0, 1, 2, 3, 4]


@pytest.mark.parametrize("fault", [ValueError, StopIteration, asyncio.CancelledError])
def test_no_fault_keeps_the_event_loop_from_the_work_behind_it(
    lane: Lane, metrics: Metrics, fault: type[BaseException]
):  # fmt: skip
    def work(number: int, _: Storage) -> int:
        if number == 0:
            raise fault
        return number

    async def crowd() -> list[Any]:
        memory = MemoryLane(lane.storage, metrics, lane, queue_length=8)
        waiting = asyncio.gather(*(memory.run(work, number) for number in range(3)), return_exceptions=True)
        return await asyncio.wait_for(waiting, 10)

    first, *rest = asyncio.run(crowd())
    assert isinstance(first, BaseException)
    assert rest == [1, 2]


class _Ageing:
    """A storage whose feed is ageing until it has been read."""

    def __init__(self, fault: AuthsvcError | None) -> None:
        self.fault = fault
        self.reads = 0

    def feed_is_ageing(self) -> bool:
        return self.reads == 0 or self.fault is not None

    def read_feed(self) -> None:
        self.reads += 1
        if self.fault is not None:
            raise self.fault


@pytest.mark.parametrize(("fault", "reads"), [(None, 1), (StorageUnavailable("the database is away"), 3)])
def test_the_change_feed_is_read_elsewhere_before_its_reading_is_too_old(
    metrics: Metrics, fault: AuthsvcError | None, reads: int
):
    storage: Any = _Ageing(fault)
    lane = Lane("machine", storage, metrics, threads=1, queue_length=8)

    async def three() -> list[int]:
        memory, told = MemoryLane(storage, metrics, lane, queue_length=8), []
        for number in range(3):
            told.append(await memory.run(lambda number, _: number, number))
            await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))
        return told

    try:
        assert asyncio.run(three()) == [0, 1, 2]
        assert storage.reads == reads
    finally:
        lane.close()


def test_a_fault_reaches_whoever_waits_and_the_lane_goes_on(lane: Lane):
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    async def two() -> str:
        with pytest.raises(ZeroDivisionError):
            await lane.run(fail, None)
        return await lane.run(lambda *_: "well", None)

    assert asyncio.run(two()) == "well"


def test_no_more_hash_at_once_than_there_are_permits():
    async def crowd() -> int:
        permits, most, now = Permits(2, 50, 5), 0, 0

        async def hash_one() -> None:
            nonlocal most, now
            permit = await permits.take()
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.001)
            now -= 1
            permit.release()
            permit.release()
            await asyncio.sleep(0)

        await asyncio.gather(*(hash_one() for _ in range(40)))
        return most

    assert asyncio.run(crowd()) == 2


def test_too_many_who_wait_for_a_permit_are_refused():
    async def crowd() -> list[Any]:
        permits = Permits(1, 2, 0.05)
        await permits.take()
        return await asyncio.gather(*(permits.take() for _ in range(5)), return_exceptions=True)

    assert all(isinstance(answer, Overloaded) for answer in asyncio.run(crowd()))


def test_one_key_has_one_turn_at_a_time_and_others_do_not_wait():
    async def crowd() -> tuple[int, int]:
        turns, inside, most = Turns(5), {"a": 0, "b": 0}, {"a": 0, "both": 0}

        async def enter(key: str) -> None:
            async with turns.of(key):
                inside[key] += 1
                most["a"] = max(most["a"], inside["a"])
                most["both"] = max(most["both"], inside["a"] + inside["b"])
                await asyncio.sleep(0.002)
                inside[key] -= 1

        await asyncio.gather(*(enter(key) for key in "ab" * 10))
        assert not turns._turns, "nothing is remembered of names that nobody signs in"
        return most["a"], most["both"]

    assert asyncio.run(crowd()) == (1, 2)


def test_whoever_waits_too_long_for_a_turn_is_refused():
    async def two() -> None:
        turns = Turns(0.02)
        async with turns.of("a"):
            with pytest.raises(Overloaded):
                async with turns.of("a"):
                    pass

    asyncio.run(two())


def test_too_many_who_wait_for_one_turn_are_refused_at_once():
    async def crowd() -> list[Any]:
        turns, gate = Turns(5, queue_length=3), asyncio.Event()

        async def enter(key: str) -> str:
            async with turns.of(key):
                await gate.wait()
            return key

        entering = [asyncio.create_task(enter(key)) for key in ["a"] * 10 + ["b"]]
        await asyncio.sleep(0)
        refused = [task for task in entering if task.done()]
        gate.set()
        answers = await asyncio.gather(*entering, return_exceptions=True)
        assert len(refused) == 6
        assert not turns._turns
        return answers

    answers = asyncio.run(crowd())
    assert [answer for answer in answers if not isinstance(answer, Overloaded)] == ["a"] * 4 + ["b"]
