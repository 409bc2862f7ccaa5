"""Deletes what is over (sessions, links, counters, old audit rows), in small batches."""

import threading
from collections.abc import Callable

from authsvc.clock import Clock
from authsvc.storage.sql.engine import Storage

EVERY_SECONDS = 600
_BATCH = 500
_BATCHES = 20
"""In one piece of work; then the lease is looked at again."""


def purging(storage: Storage, clock: Clock, audit_seconds: int) -> Callable[[threading.Event], bool]:
    """Return the job. `audit_seconds`: how long audit rows are kept."""

    def run(stopping: threading.Event) -> bool:
        for _ in range(_BATCHES):
            if stopping.is_set() or storage.purge(clock(), limit=_BATCH, audit_seconds=audit_seconds) == 0:
                return False
        return True

    return run
