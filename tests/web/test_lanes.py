"""Lanes: bounded, named threads, and nobody who waits for what does not come."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from authsvc.errors import AuthsvcError, StorageUnavailable
from authsvc.observe.metrics import Metrics, create_metrics
from authsvc.storage.sql.engine import Storage, open_storage
from authsvc.web import lanes, rush
from authsvc.web.endpoint import Departure
from authsvc.web.lanes import HIGH_FOR_A_THREAD, Lane, MemoryLane
from authsvc.web.responses import Response
from authsvc.web.rush import Overloaded

_NOTHING = Response(204, ())


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


def test_a_full_queue_refuses_at_once(lane: Lane, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lanes, "STALL_SECONDS", 60.0)
    gate = threading.Event()

    async def crowd() -> list[Any]:
        waiting = [asyncio.create_task(lane.run(lambda *_: gate.wait(60), None)) for _ in range(8)]
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
        held = [asyncio.create_task(lane.run(lambda *_: gate.wait(60), None)) for _ in range(2)]
        await asyncio.sleep(0)
        refused: list[object] = []
        for _ in range(2):
            with pytest.raises(Overloaded) as waited:
                await lane.run(lambda *_: None, None)
            refused.append(waited.value.detail)
        gate.set()
        assert await asyncio.gather(*held) == [True, True]
        monkeypatch.setattr(lanes, "STALL_SECONDS", 60.0)
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
        return await asyncio.wait_for(waiting, 60)

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


class _Hand:
    """A clock that only the work moves, in the place of `time`."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        return self.now

    def move(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds


@pytest.fixture
def hand(monkeypatch: pytest.MonkeyPatch) -> _Hand:
    hand, job = _Hand(), lanes._Job
    monkeypatch.setattr(lanes, "time", hand)
    monkeypatch.setattr(
        lanes, "_Job", lambda work, asked, loop, future: job(work, asked, loop, future, hand.monotonic())
    )
    monkeypatch.setattr(lanes, "_LOOK_SECONDS", 600.0)
    return hand


def _after(seconds: float, outcome: Departure | Exception) -> Callable[..., Departure]:
    """Work that takes so long, once `others_wait`."""

    def work(asked: tuple[_Hand, threading.Event], _: Storage) -> Departure:
        hand, others_wait = asked
        assert others_wait.wait(60)
        hand.move(seconds)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return work


_IN_VAIN = Departure(_NOTHING, StorageUnavailable("a lock"))


@pytest.mark.parametrize(
    ("work", "is_refused"),
    [
        pytest.param(_after(0.75, _IN_VAIN), True, id="slow in vain"),
        pytest.param(_after(0.75, StorageUnavailable("a lock")), True, id="a slow fault"),
        pytest.param(_after(0.75, Departure(_NOTHING)), False, id="slow"),
        pytest.param(_after(0.25, _IN_VAIN), False, id="quick in vain"),
    ],
)
def test_nobody_waits_for_a_thread_and_then_for_what_others_waited_for_in_vain(
    lane: Lane, hand: _Hand, work: Callable[..., Departure], *, is_refused: bool
):  # fmt: skip
    gate, others_wait = threading.Event(), threading.Event()

    async def crowd() -> tuple[object, object]:
        held = asyncio.create_task(lane.run(lambda *_: gate.wait(60), None))
        first = asyncio.create_task(lane.run(work, (hand, others_wait)))
        await asyncio.sleep(0)
        waiting = asyncio.create_task(lane.run(lambda *_: "done", None))
        await asyncio.sleep(0)
        others_wait.set()
        old = await asyncio.gather(waiting, return_exceptions=True)
        young = await lane.run(lambda *_: "done", None)
        gate.set()
        await asyncio.gather(held, first, return_exceptions=True)
        return old[0], young

    old, young = asyncio.run(crowd())
    assert young == "done"
    assert isinstance(old, Overloaded) if is_refused else old == "done"


def test_who_waits_behind_a_crowd_that_is_served_is_served_though_one_waited_in_vain(
    lane: Lane, hand: _Hand, monkeypatch: pytest.MonkeyPatch
):  # fmt: skip
    monkeypatch.setattr(lane, "_queue_length", 200)
    many_were_served = threading.Event()

    def quick(number: int, _: Storage) -> int:
        hand.move(0.01)
        if number == 100:  # By then it has taken longer than a lane may stand still.
            many_were_served.set()
            deadline = time.monotonic() + 60
            while lane._stalled_at < 0 and time.monotonic() < deadline:
                time.sleep(0.001)
        return number

    async def crowd() -> list[object]:
        first = asyncio.create_task(lane.run(_after(0.0, _IN_VAIN), (hand, many_were_served)))
        await asyncio.sleep(0)
        work = (lane.run(quick, number, first=True) for number in range(120))
        answers = await asyncio.gather(*work, return_exceptions=True)
        await first
        return list(answers)

    assert asyncio.run(crowd()) == list(range(120))
    assert lane._stalled_at > 1_000.0, "one waited in vain"


def test_what_comes_first_waits_where_others_may_not(lane: Lane, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lanes, "STALL_SECONDS", 60.0)
    gate = threading.Event()

    async def crowd() -> tuple[Sequence[object], Sequence[str]]:
        held = [asyncio.create_task(lane.run(lambda *_: gate.wait(60), None)) for _ in range(2)]
        await asyncio.sleep(0)
        lane._rush._stand()
        refused = await asyncio.gather(lane.run(lambda *_: "done", None), return_exceptions=True)
        assert lane.has_place()
        waiting = [asyncio.create_task(lane.run(lambda *_: "done", None, first=True)) for _ in range(3)]
        await asyncio.sleep(0)
        assert not lane.has_place()
        with pytest.raises(Overloaded):
            await lane.run(lambda *_: "done", None, first=True)
        gate.set()
        await asyncio.gather(*held)
        return refused, await asyncio.gather(*waiting)

    refused, waited = asyncio.run(crowd())
    assert isinstance(refused[0], Overloaded)
    assert waited == ["done"] * 3


@pytest.mark.parametrize(("seconds", "is_served"), [(0.04, True), (0.06, False)])
def test_a_high_queue_for_threads_stands_sooner_than_others(
    metrics: Metrics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, *, is_served: bool
):  # fmt: skip
    monkeypatch.setattr(lanes, "STALL_SECONDS", 60.0)
    storage, gate = open_storage(f"sqlite:///{tmp_path}/x.db", pool_size=1, cache=None), threading.Event()
    lane, now = Lane("machine", storage, metrics, threads=1, queue_length=100), [0.0]
    lane._rush._monotonic = lambda: now[0]

    async def crowd() -> object:
        waiting = [asyncio.create_task(lane.run(lambda *_: gate.wait(60), None)) for _ in range(HIGH_FOR_A_THREAD + 1)]
        await asyncio.sleep(0)
        now[0] = seconds
        last = asyncio.create_task(lane.run(lambda *_: "served", None))
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(*waiting)
        return (await asyncio.gather(last, return_exceptions=True))[0]

    try:
        answer = asyncio.run(crowd())
    finally:
        lane.close()
        storage.close()
    assert answer == "served" if is_served else isinstance(answer, Overloaded)


def test_after_an_overload_bursts_are_served_for_which_there_is_time(
    metrics: Metrics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):  # fmt: skip
    monkeypatch.setattr(lanes, "RUSH_FOR_THREADS_SECONDS", 0.02)
    monkeypatch.setattr(rush, "COUNT_SECONDS", 0.3)
    monkeypatch.setattr(rush, "PATIENCE_SECONDS", 600.0)  # Without the sign of idleness there is no trial.
    monkeypatch.setattr(rush, "MOST_PATIENCE_SECONDS", 600.0)
    monkeypatch.setattr(lanes, "STALL_SECONDS", 60.0)
    storage, gate = open_storage(f"sqlite:///{tmp_path}/x.db", pool_size=2, cache=None), threading.Event()
    lane = Lane("machine", storage, metrics, threads=2, queue_length=100)

    async def crowd() -> bool:
        waiting = [asyncio.create_task(lane.run(lambda *_: gate.wait(60), None)) for _ in range(60)]
        await asyncio.sleep(0.05)
        with pytest.raises(Overloaded):
            await lane.run(lambda *_: None, None)
        assert lane.stands
        gate.set()
        await asyncio.gather(*waiting)
        for _ in range(400):
            burst = (lane.run(lambda *_: None, None) for _ in range(6))
            answers = await asyncio.gather(*burst, return_exceptions=True)
            if answers == [None] * 6:
                return True
            await asyncio.sleep(0.05)
        return False

    assert asyncio.run(crowd())
    lane.close()
