"""A cache for tests that change things behind the back of the server."""

import time

from authsvc.storage.cache import Cache


def hasty_cache() -> Cache:
    """A cache whose second is a millisecond: tests need not wait for it to forget."""
    return Cache(monotonic=lambda: time.monotonic() * 1_000)
