"""Lanes: bounded thread pools, each with its own database connections, so that neither can starve the other.

Password hashing needs a permit besides, taken on the event loop before the hop: as many as there are cores.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from authsvc.errors import AuthsvcError
from authsvc.observe.metrics import Metrics
from authsvc.storage.sql.engine import Storage

Answer = TypeVar("Answer")
Argument = TypeVar("Argument")


class Overloaded(AuthsvcError):
    """The queue is full; the caller may come back in a moment."""

    rule = "overloaded"


class Lane:
    """One pool of threads with a bounded queue. Used from one event loop."""

    def __init__(self, name: str, storage: Storage, metrics: Metrics, *, threads: int, queue_length: int) -> None:
        self.name = name
        self.storage = storage
        self._in_flight = 0
        self._metrics = metrics
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"lane-{name}")
        self._room = threads + queue_length

    async def run(self, work: Callable[[Argument, "Lane"], Answer], argument: Argument) -> Answer:
        """Run the work on a thread of this lane. Raises: Overloaded, at once, when the queue is full."""
        if self._in_flight >= self._room:
            self._metrics.lane_rejected(self.name)
            raise Overloaded(f"lane {self.name}")
        self._in_flight += 1
        if self._in_flight >= self._threads:
            self._metrics.lane_queue_depth(self.name, self._in_flight - self._threads)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, argument, self)
        finally:
            self._in_flight -= 1
            if self._in_flight >= self._threads:
                self._metrics.lane_queue_depth(self.name, self._in_flight - self._threads)

    def close(self) -> None:
        """Let running work finish, then give the connections back."""
        self._pool.shutdown(wait=True)
        self.storage.close()


class Permit:
    """One right to hash; given back from any thread, once."""

    def __init__(self, semaphore: asyncio.Semaphore) -> None:
        self._loop = asyncio.get_running_loop()
        self._semaphore = semaphore
        self._held = True

    def release(self) -> None:
        """Give it back; a second call does nothing."""
        if self._held:
            self._held = False
            self._loop.call_soon_threadsafe(self._semaphore.release)


class Permits:
    """The rights to hash of one process: so many at once, a bounded number waiting, and none for too long."""

    def __init__(self, count: int, queue_length: int, wait_seconds: float) -> None:
        self._semaphore = asyncio.Semaphore(count)
        self._queue_length = queue_length
        self._wait_seconds = wait_seconds
        self._waiting = 0

    async def take(self) -> Permit:
        """Wait for a permit. Raises: Overloaded when too many wait, or for too long."""
        if self._waiting >= self._queue_length:
            raise Overloaded("hash permits")
        self._waiting += 1
        try:
            await asyncio.wait_for(self._semaphore.acquire(), self._wait_seconds)
        except TimeoutError as error:
            raise Overloaded("hash permits") from error
        finally:
            self._waiting -= 1
        return Permit(self._semaphore)
