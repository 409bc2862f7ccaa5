"""One thread per process that does the jobs: those due on the node that holds the lease, and those just woken.

It sleeps until something is due. A job that fails is logged and tried again, later each time.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from authsvc.clock import Clock
from authsvc.errors import StorageUnavailable
from authsvc.jobs.lease import Lease
from authsvc.observe import logging as observe
from authsvc.storage.sql.engine import Storage

START_SECONDS = 0.25
"""Requests come first when a process starts."""
STOP_SECONDS = 5.0
FIRST_RETRY_SECONDS = 5.0
LONGEST_RETRY_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Job:
    """`run` does one bounded piece of work and returns whether more is waiting; it looks at `stopping` in between.

    A job that is woken runs wherever it was woken: it must bear two nodes at once.
    """

    name: str
    every_seconds: float
    run: Callable[[threading.Event], bool]


@dataclass(slots=True)
class _Turn:
    """When a job is due next, on the monotonic clock."""

    job: Job
    due_at: float
    failures: int = 0
    is_woken: bool = False


class Runner:
    """Started and stopped by the application's lifespan."""

    def __init__(self, storage: Storage, clock: Clock, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.storage = storage
        self._monotonic = monotonic
        self._lease = Lease(storage, clock, monotonic)
        self._turns: dict[str, _Turn] = {}
        self._is_leader = False
        self._bell = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def assign(self, jobs: tuple[Job, ...]) -> None:
        """Say what is to be done; everything is due at first."""
        self._turns = {job.name: _Turn(job, due_at=self._monotonic()) for job in jobs}

    def start(self, jobs: tuple[Job, ...]) -> None:
        """Begin; the first look at the jobs is a moment later."""
        self.assign(jobs)
        self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)
        self._thread.start()

    def wake(self, name: str) -> None:
        """Do this job now, in this process. From any thread; does not block."""
        turn = self._turns.get(name)
        if turn is not None:
            turn.is_woken = True
            self._bell.set()

    def stop(self) -> None:
        """End: what is under way may finish for a few seconds, then the process leaves it behind."""
        self._stopping.set()
        self._bell.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)
            if self._thread.is_alive():
                observe.log(logging.WARNING, "jobs_left", "a job was still under way at the end of the process")
                return
        self.storage.close()

    def step(self) -> float:
        """Do what is woken or due; return the seconds until the next look."""
        for turn in self._turns.values():
            if turn.is_woken and not self._stopping.is_set():
                turn.is_woken = False
                self._run(turn)
        if self._holds_lease():
            for turn in self._turns.values():
                if turn.due_at <= self._monotonic() and not self._stopping.is_set():
                    self._run(turn)
        return self._until_next()

    def _work(self) -> None:
        self._stopping.wait(START_SECONDS)
        while not self._stopping.is_set():
            # Cleared before the look: a wake-up in between rings again.
            self._bell.clear()
            seconds = self.step()
            if not self._stopping.is_set():
                self._bell.wait(seconds)
        try:
            self._lease.give_up()
        except StorageUnavailable:
            observe.log(logging.INFO, "lease_kept", "the lease of the jobs will run out by itself")

    def _holds_lease(self) -> bool:
        try:
            is_held = self._lease.hold()
        except StorageUnavailable as error:
            observe.log(logging.WARNING, "lease_failed", "the jobs wait for the database", detail=error.detail)
            is_held = False
        if is_held and not self._is_leader:
            # Whoever had it before may have been killed in the middle of any job.
            for turn in self._turns.values():
                turn.due_at = min(turn.due_at, self._monotonic())
        self._is_leader = is_held
        return is_held

    def _run(self, turn: _Turn) -> None:
        try:
            has_more = turn.job.run(self._stopping)
        except StorageUnavailable as error:
            seconds = self._put_off(turn)
            told = f"job waits for the database: {turn.job.name}"
            observe.log(logging.WARNING, "job_waits", told, detail=error.detail, retry_seconds=seconds)
            return
        except Exception as error:  # noqa: BLE001 - no job may end the thread that does the others
            seconds = self._put_off(turn)
            observe.log(logging.ERROR, "job_failed", f"job failed: {turn.job.name}", exc=error, retry_seconds=seconds)
            return
        turn.failures = 0
        turn.due_at = self._monotonic() + (0 if has_more else turn.job.every_seconds)

    def _put_off(self, turn: _Turn) -> float:
        seconds: float = min(FIRST_RETRY_SECONDS * 2**turn.failures, LONGEST_RETRY_SECONDS)
        turn.failures = min(turn.failures + 1, 16)
        turn.due_at = self._monotonic() + seconds
        return seconds

    def _until_next(self) -> float:
        due = [turn.due_at for turn in self._turns.values()] if self._is_leader else []
        return max(0.0, min([self._lease.renew_at, *due]) - self._monotonic())
