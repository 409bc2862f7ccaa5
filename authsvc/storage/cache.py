"""What one process remembers of clients, resources, keys and tenants, and how it learns that it no longer holds.

A cached answer needs a reading of the change feed that is at most `feed_seconds` old. The first request after that
makes it; those on the event loop have it renewed after half of that. When nothing is asked, nothing is polled. An
unreadable feed: what is cached serves for `outage_seconds`.
"""

import threading
import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from authsvc.errors import LaneNeeded, StorageUnavailable

Value = TypeVar("Value")
_MISSING = object()
_NEVER = float("-inf")


class _Epoch:
    """What was loaded while the feed said `counter`: a young and an old half, so that a hit needs no lock.

    Answers of "there is no such" live apart and few: a flood of made-up ids must not push out what is real.
    """

    __slots__ = ("absent", "counter", "fresh_until", "old", "read_at", "young")

    def __init__(self, counter: int | None) -> None:
        self.counter = counter
        self.read_at = self.fresh_until = _NEVER
        self.young: dict[Hashable, Any] = {}
        self.old: dict[Hashable, Any] = {}
        self.absent: dict[Hashable, Any] = {}


class Cache:
    """One per process, shared by its threads and by every Storage on the same database.

    Args: seconds as in the module's text; `size` in entries; `monotonic` for tests.
    """

    def __init__(
        self,
        feed_seconds: float = 1.0,
        outage_seconds: float = 30.0,
        size: int = 10_000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._feed_seconds = feed_seconds
        self._outage_seconds = outage_seconds
        self._half = max(1, size // 2)
        self._few = max(16, size // 40)
        self._monotonic = monotonic
        self._epoch = _Epoch(None)
        self._reading = threading.Lock()
        self._change = threading.Lock()
        self._failing = False
        self._retry_at = _NEVER
        self._stale_until = _NEVER

    def get(self, key: Hashable, read_feed: Callable[[], int], load: Callable[[], Value]) -> Value:
        """Return the value of `key`, from the cache or loaded. Raises: StorageUnavailable."""
        epoch = self._epoch
        readable = True
        if self._monotonic() < epoch.fresh_until:
            value = epoch.young.get(key, _MISSING)
            if value is not _MISSING:
                return value  # type: ignore[no-any-return]
        else:
            epoch, readable = self._renew(read_feed)
        value = self._find(epoch, key)
        if value is _MISSING:
            if not readable:
                raise StorageUnavailable("the change feed cannot be read, and this is not cached")
            # Kept in the epoch that was current before the load: if the feed moved since, that epoch is forgotten.
            value = load()
            self._keep(epoch, key, value)
        return value  # type: ignore[no-any-return]

    def peek(self, key: Hashable) -> Any:  # noqa: ANN401 - as `get`, for callers that know what they keep there
        """Return what `get` would, without waiting for anything. Raises: LaneNeeded."""
        epoch, now = self._epoch, self._monotonic()
        if now < epoch.fresh_until or now < min(self._stale_until, epoch.read_at + self._outage_seconds):
            value = epoch.young.get(key, _MISSING)
            if value is not _MISSING:
                return value
            value = self._find(epoch, key)
            if value is not _MISSING:
                return value
        raise LaneNeeded

    def serve_stale(self) -> None:
        """Let `peek` answer for the next `feed_seconds` as in an outage: nobody can get through to read the feed."""
        self._stale_until = self._monotonic() + self._feed_seconds

    def is_ageing(self) -> bool:
        """Whether the last reading of the feed has had half of its time: then it is well to renew it beforehand."""
        epoch = self._epoch
        return self._monotonic() >= epoch.read_at + self._feed_seconds / 2 and not self._failing

    def renew(self, read_feed: Callable[[], int]) -> None:
        """Read the feed while its last reading still holds, so that nobody has to wait for that.

        Raises: StorageUnavailable, when that has been so for too long.
        """
        if self._reading.acquire(blocking=False):
            try:
                self._read(read_feed, spare_seconds=self._feed_seconds / 2)
            finally:
                self._reading.release()

    def drop(self) -> None:
        """Forget everything: this process has just changed something."""
        with self._change:
            self._epoch = _Epoch(None)

    def _renew(self, read_feed: Callable[[], int]) -> tuple[_Epoch, bool]:
        """Return an epoch whose feed was read just now, and True; or the last good one while it still serves."""
        if self._monotonic() < self._retry_at:
            return self._stale(), False
        # One reads, the others wait for it; but not for one that hangs, and not while the feed is known to fail.
        if not self._reading.acquire(timeout=0 if self._failing else self._feed_seconds):
            self._failing = True
            return self._stale(), False
        try:
            return self._read(read_feed)
        finally:
            self._reading.release()

    def _read(self, read_feed: Callable[[], int], spare_seconds: float = 0.0) -> tuple[_Epoch, bool]:
        while True:
            epoch = self._epoch
            started = self._monotonic()
            if started < epoch.fresh_until - spare_seconds:
                return epoch, True
            if started < self._retry_at:
                return self._stale(), False
            if self._failing:
                self._retry_at = started + self._feed_seconds
            try:
                counter = read_feed()
            except StorageUnavailable:
                self._failing = True
                self._retry_at = self._monotonic() + self._feed_seconds
                return self._stale(), False
            self._failing = False
            self._retry_at = _NEVER
            with self._change:
                if self._epoch is not epoch:
                    continue  # Dropped while we read: what we read may be older than the change.
                if counter != epoch.counter:
                    epoch = self._epoch = _Epoch(counter)
                epoch.read_at = started
                epoch.fresh_until = started + self._feed_seconds
                return epoch, True

    def _stale(self) -> _Epoch:
        epoch = self._epoch
        if self._monotonic() >= epoch.read_at + self._outage_seconds:
            raise StorageUnavailable("the change feed has been unreadable for too long")
        return epoch

    def _find(self, epoch: _Epoch, key: Hashable) -> object:
        value = epoch.young.get(key, _MISSING)
        if value is _MISSING:
            value = epoch.old.get(key, _MISSING)
            if value is _MISSING:
                return epoch.absent.get(key, _MISSING)
            self._keep(epoch, key, value)
        return value

    def _keep(self, epoch: _Epoch, key: Hashable, value: object) -> None:
        with self._change:
            if value is None or value is False:
                if len(epoch.absent) >= self._few:
                    epoch.absent.clear()
                epoch.absent[key] = value
                return
            if len(epoch.young) >= self._half:
                epoch.old, epoch.young = epoch.young, {}
            epoch.young[key] = value
