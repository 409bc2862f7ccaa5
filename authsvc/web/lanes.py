"""Lanes: bounded thread pools, each with its own database connections, so that neither can starve the other.

`memory` is the event loop itself: what the caches can answer at once needs no thread.
"""

import asyncio
import os
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread, get_native_id
from typing import Any, TypeVar, cast

from authsvc.errors import AuthsvcError, StorageUnavailable
from authsvc.observe.metrics import Metrics
from authsvc.storage.sql.engine import Storage
from authsvc.web.endpoint import Departure
from authsvc.web.rush import Idleness, Overloaded, Rush, thread_idle

Answer = TypeVar("Answer")
Argument = TypeVar("Argument")
_BATCH = 64
"""Requests that the event loop answers without a look at its connections: some milliseconds."""
STALL_SECONDS = 0.7
"""A lane whose threads are all at work, but finish nothing within this time, is stuck: nobody waits for it any more."""
_LOOK_SECONDS = 0.1
OLD_SECONDS = 0.1
"""Who has waited for longer is not begun with when no other was finished meanwhile, and one failed by waiting."""
FEW_FROM_MEMORY, FEW_FOR_THREADS = 32, 0
"""Who may wait while more comes than can be done: some milliseconds of work; for a thread nobody, as the next is near.
"""
HIGH_FROM_MEMORY, HIGH_FOR_A_THREAD = 256, 24
"""How many wait then (`web/rush.py`)."""
RUSH_FOR_THREADS_SECONDS = 0.05
"""Less than RUSH_SECONDS: threads do a few hundred requests in a second, so a queue that is high by then was filled by
far more than they can do.
"""


class MemoryLane:
    """Work that waits for nothing and is quick, done on the event loop in batches.

    A batch, because it runs through the same code: a third faster than each request from its first byte to its last.
    The change feed is read on `machine` meanwhile, before the caches must not answer any more.
    """

    def __init__(self, storage: Storage, metrics: Metrics, machine: "Lane", *, queue_length: int) -> None:
        self.storage = storage
        self._metrics = metrics
        self._machine = machine
        self._reading: asyncio.Task[None] | None = None
        self._rush = Rush(FEW_FROM_MEMORY, HIGH_FROM_MEMORY, queue_length, thread_idle)
        self._jobs: deque[_Job] = deque()

    @property
    def waiting(self) -> int:
        """How many requests wait for their turn."""
        return len(self._jobs)

    async def run(self, work: Callable[[Argument, Storage], Answer], argument: Argument) -> Answer:
        """Do the work when the loop comes by. Raises: Overloaded, at once, when too much waits."""
        if not self._rush.admits(len(self._jobs)):
            self._metrics.lane_rejected("memory")
            raise Overloaded("lane memory")
        loop = asyncio.get_running_loop()
        if not self._jobs:
            loop.call_soon(self._do_batch)
        job = _Job(work, argument, loop, loop.create_future())
        self._jobs.append(job)
        return cast("Answer", await job.future)

    def _do_batch(self) -> None:
        for _ in range(min(len(self._jobs), _BATCH)):
            job = self._jobs.popleft()
            if job.future.cancelled():
                continue
            answer, fault = job.done(self.storage)
            if fault is None:
                job.future.set_result(answer)
            else:
                job.future.set_exception(fault)
        if self._jobs:
            # The loop first looks at what has come meanwhile.
            self._jobs[0].loop.call_soon(self._do_batch)
        else:
            self._rush.emptied()
        if self._reading is None and self.storage.feed_is_ageing() and self._machine.has_place():
            self._reading = asyncio.create_task(self._read_feed())

    async def _read_feed(self) -> None:
        try:
            with suppress(AuthsvcError):  # Whoever needs it then tries it, and is told.
                await self._machine.run(_read_feed, None, first=True)
        finally:
            self._reading = None


def _read_feed(_: None, storage: Storage) -> None:
    storage.read_feed()


class Lane:
    """One pool of threads with a bounded queue. Used from one event loop.

    Not an executor: that wakes the loop once for each answer, which costs more than the work of a small one.

    Where every thread waits for the database, the queue would only grow old: whoever waits is refused after
    STALL_SECONDS, and whoever comes then at once, until something was finished in less. Where only some do, for others
    go on, nobody waits for a thread and then for the database too.
    """

    def __init__(  # noqa: PLR0913 - the composition root names each part
        self, name: str, storage: Storage, metrics: Metrics, *, threads: int, queue_length: int, niceness: int = 0
    ) -> None:
        self.name = name
        self.storage = storage
        self._in_flight = 0
        self._metrics = metrics
        self._threads = [Thread(target=self._serve, name=f"lane-{name}", daemon=True) for _ in range(threads)]
        self._idle = Idleness(threads)
        self._queue_length = queue_length
        high = HIGH_FOR_A_THREAD * threads
        self._rush = Rush(FEW_FOR_THREADS, high, queue_length, self._idle, rush_seconds=RUSH_FOR_THREADS_SECONDS)
        self._work: SimpleQueue[_Job | None] = SimpleQueue()
        self._done: deque[tuple[_Job, object, BaseException | None]] = deque()
        self._is_waking = False
        self._is_started = False
        self._niceness = niceness
        self._progress_at, self._stalled_at = 0.0, -STALL_SECONDS
        self._is_stuck = self._is_looking = False

    async def run(
        self, work: Callable[[Argument, Storage], Answer], argument: Argument, *, first: bool = False
    ) -> Answer:
        """Run the work on a thread of this lane. Raises: Overloaded when the queue is full or the lane stands still.

        What comes `first` may wait even while only few may: who has waited elsewhere already, and our own errands.
        """
        if not (self.has_place() if first else not self._is_shut() and self._rush.admits(self._waiting())):
            self._metrics.lane_rejected(self.name)
            raise Overloaded(f"lane {self.name}")
        self._start()
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._count(1)
        self._work.put(_Job(work, argument, loop, future))
        if self._in_flight > len(self._threads) and not self._is_looking:
            self._is_looking, self._progress_at = True, time.monotonic()
            loop.call_later(_LOOK_SECONDS, self._look, loop)
        return cast("Answer", await future)

    @property
    def stands(self) -> bool:
        """Whether its queue stands, so that some are being refused."""
        return self._is_stuck or self._rush.stands

    def has_room(self, ahead: int = 0, *, is_short: bool = False) -> bool:
        """Whether one more might wait, behind so many who are on their way; only few if it `is_short`."""
        return not self._is_shut(ahead) and self._rush.has_room(self._waiting() + ahead, is_short=is_short)

    def has_place(self) -> bool:
        """Whether what comes first might wait."""
        return not self._is_shut() and self._waiting() < self._queue_length

    def refused(self) -> None:
        """Count one who was refused for lack of room here, before `run`."""
        self._metrics.lane_rejected(self.name)
        self._rush.refused()

    def close(self) -> None:
        """Let running work finish."""
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def _start(self) -> None:
        if not self._is_started:
            self._is_started = True
            for thread in self._threads:
                thread.start()

    def _serve(self) -> None:
        if self._niceness and sys.platform == "linux":
            # There a thread has a priority of its own: hashing must not make the others wait for a core.
            os.setpriority(os.PRIO_PROCESS, get_native_id(), self._niceness)
        while (job := self._work.get()) is not None:
            answer, fault = self._answered(job)
            # First the answer, then the look at the flag: the other order could leave an answer lying.
            self._done.append((job, answer, fault))
            if not self._is_waking:
                self._is_waking = True
                with suppress(RuntimeError):  # The loop has ended: nobody waits any more.
                    job.loop.call_soon_threadsafe(self._hand_over)

    def _answered(self, job: "_Job") -> tuple[object, BaseException | None]:
        began = time.monotonic()
        is_hopeless = began - self._stalled_at < STALL_SECONDS and began - self._progress_at > OLD_SECONDS
        if is_hopeless and began - job.since > OLD_SECONDS:
            self._metrics.lane_rejected(self.name)
            return None, Overloaded(f"lane {self.name} stands still in part")
        answer, fault = job.done(self.storage)
        ended = time.monotonic()
        if ended - began < STALL_SECONDS:
            self._progress_at, self._is_stuck = ended, False
        elif isinstance(answer.error if isinstance(answer, Departure) else fault, StorageUnavailable):
            self._stalled_at = ended
        return answer, fault

    def _hand_over(self) -> None:
        """On the loop: hand every finished answer to its request."""
        self._is_waking = False
        finished = 0
        while self._done:
            job, answer, fault = self._done.popleft()
            finished += 1
            if job.future.cancelled():
                continue
            if fault is None:
                job.future.set_result(answer)
            else:
                job.future.set_exception(fault)
        self._count(-finished)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """On the loop, while somebody waits: refuse them all if the threads get nothing done."""
        if self._in_flight <= len(self._threads):
            self._is_looking = False
            return
        if time.monotonic() - self._progress_at > STALL_SECONDS:
            self._is_stuck = True
            self._refuse_waiting()
        loop.call_later(_LOOK_SECONDS, self._look, loop)

    def _refuse_waiting(self) -> None:
        with suppress(Empty):
            while (job := self._work.get_nowait()) is not None:
                self._count(-1)
                self._metrics.lane_rejected(self.name)
                if not job.future.done():
                    job.future.set_exception(Overloaded(f"lane {self.name} stands still"))
            self._work.put(None)  # It was for a thread, which is to end.

    def _is_shut(self, ahead: int = 0) -> bool:
        return self._is_stuck and self._waiting() + ahead >= 0

    def _waiting(self) -> int:
        """How many wait; below 0, for how many more there is a thread."""
        return self._in_flight - len(self._threads)

    def _count(self, change: int) -> None:
        self._in_flight += change
        self._idle.busy(self._in_flight)
        waiting = self._waiting()
        if waiting >= 0:
            self._metrics.lane_queue_depth(self.name, waiting)
        if waiting <= 0:
            self._rush.emptied()


@dataclass(frozen=True, slots=True)
class _Job:
    """Work on its way to where it is done, and back."""

    work: Callable[[Any, Storage], object]
    argument: object
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    since: float = field(default_factory=time.monotonic)

    def done(self, storage: Storage) -> tuple[object, BaseException | None]:
        """Do the work; return its answer or what went wrong, which never stops the lane."""
        try:
            return self.work(self.argument, storage), None
        except StopIteration as error:
            fault = RuntimeError("a generator ended early")  # No future takes a StopIteration.
            fault.__cause__ = error
            return None, fault
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the answer
            return None, error
