"""Deletes what is over (sessions, links, counters, old audit rows), in small batches."""

import threading
from collections.abc import Callable
from functools import partial

from authsvc.clock import Clock
from authsvc.storage.sql.engine import Storage
from authsvc.storage.sql.purge import UNUSED_SECONDS

EVERY_SECONDS = 600
_BATCH = 500
_BATCHES = 20
"""In one piece of work; then the lease is looked at again."""


def purging(
    storage: Storage, clock: Clock, audit_seconds: int, unused_seconds: int = UNUSED_SECONDS
) -> Callable[[threading.Event], bool]:
    """Return the job.

    `audit_seconds`: how long audit rows are kept; `unused_seconds`: how long strangers' clients that nobody uses.
    """
    purge = partial(storage.purge, limit=_BATCH, audit_seconds=audit_seconds, unused_seconds=unused_seconds)

    def run(stopping: threading.Event) -> bool:
        return all(not stopping.is_set() and purge(clock()) > 0 for _ in range(_BATCHES))

    return run
