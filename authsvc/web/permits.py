"""What a request waits for on the event loop before its lane: a permit to hash a password, and its name's turn."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from authsvc.web.rush import Idleness, Overloaded, Rush

FEW, HIGH = 6, 32
"""For each permit: who may wait while more comes than can be done, and how many wait then (`web/rush.py`)."""


class Turns:
    """One at a time for each key: simultaneous attempts at one account would count as guesses before they are judged.

    Only attempts of one process wait for each other; the bound on guesses is the database's.
    """

    def __init__(self, wait_seconds: float, queue_length: int = 32) -> None:
        self._wait_seconds = wait_seconds
        self._queue_length = queue_length
        self._turns: dict[str, tuple[asyncio.Lock, list[None]]] = {}

    @asynccontextmanager
    async def of(self, key: str) -> AsyncIterator[None]:
        """Wait for the turn of this key. Raises: Overloaded when too many do, or that takes too long."""
        turn, present = self._turns.setdefault(key, (asyncio.Lock(), []))
        if len(present) > self._queue_length:
            raise Overloaded("turn")
        present.append(None)
        try:
            try:
                await asyncio.wait_for(turn.acquire(), self._wait_seconds)
            except TimeoutError as error:
                raise Overloaded("turn") from error
            try:
                yield
            finally:
                turn.release()
        finally:
            present.pop()
            if not present:
                del self._turns[key]


class Permit:
    """One right to hash; given back from any thread, once."""

    def __init__(self, give_back: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._give_back = give_back
        self._held = True

    def release(self) -> None:
        """Give it back; a second call does nothing."""
        if self._held:
            self._held = False
            self._loop.call_soon_threadsafe(self._give_back)


class Permits:
    """The rights to hash of one process: so many at once, a bounded number waiting, and none for too long."""

    def __init__(self, count: int, queue_length: int, wait_seconds: float) -> None:
        self._semaphore = asyncio.Semaphore(count)
        self._idle = Idleness(count)
        self._rush = Rush(FEW * count, HIGH * count, queue_length, self._idle)
        self._wait_seconds = wait_seconds
        self._waiting = self._held = 0

    async def take(self) -> Permit:
        """Wait for a permit. Raises: Overloaded when too many wait, or for too long."""
        if not self._waiting:
            self._rush.emptied()
        if not self._rush.admits(self._waiting):
            raise Overloaded("hash permits")
        self._waiting += 1
        try:
            await asyncio.wait_for(self._semaphore.acquire(), self._wait_seconds)
        except TimeoutError as error:
            raise Overloaded("hash permits") from error
        finally:
            self._waiting -= 1
        self._count(1)
        return Permit(self._give_back)

    def _give_back(self) -> None:
        self._count(-1)
        self._semaphore.release()

    def _count(self, change: int) -> None:
        self._held += change
        self._idle.busy(self._held)
