"""A cache for tests that change things behind the back of the server."""

import time

from authsvc.storage.cache import Cache

_HASTE = 60_000
_PATIENCE_SECONDS = 60.0


def hasty_cache() -> Cache:
    """A cache that looks after a millisecond: tests need not wait for it to forget. For a look it waits a minute."""
    return Cache(
        feed_seconds=_PATIENCE_SECONDS,
        outage_seconds=_HASTE * _PATIENCE_SECONDS,
        monotonic=lambda: time.monotonic() * _HASTE,
    )
