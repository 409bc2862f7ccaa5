"""The lease of this process on the jobs: at most one node holds it, and a killed holder is replaced within 60 s."""

import secrets
from collections.abc import Callable

from authsvc.clock import Clock
from authsvc.storage.sql.engine import Storage

LEASE_SECONDS = 35
RENEW_SECONDS = 25
"""Both together are the longest time without a holder."""
_NAME = "jobs"


class Lease:
    """One row for all jobs: looking after each of its own would cost as many statements while nothing happens."""

    def __init__(self, storage: Storage, clock: Clock, monotonic: Callable[[], float]) -> None:
        self._storage = storage
        self._clock = clock
        self._monotonic = monotonic
        self._holder = secrets.token_hex(8)
        self._is_held = False
        self.renew_at = 0.0

    def hold(self) -> bool:
        """Whether this process holds the lease, asking for it when it is time. Raises: StorageUnavailable."""
        now = self._monotonic()
        if now >= self.renew_at:
            self.renew_at, self._is_held = now + RENEW_SECONDS, False
            self._is_held = self._storage.lease(_NAME, self._holder, self._clock(), LEASE_SECONDS)
        return self._is_held

    def give_up(self) -> None:
        """Let another process have it at once. Raises: StorageUnavailable."""
        if self._is_held:
            self._is_held = False
            self._storage.lease(_NAME, self._holder, self._clock(), 0)
