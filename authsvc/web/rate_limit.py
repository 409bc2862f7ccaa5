"""How many requests one address may make a minute. Who cannot be counted is let through, and counted as that."""

import math
from collections.abc import Callable
from datetime import datetime

from authsvc.domain.people.lockout import Throttled, network_of
from authsvc.storage.counters import Counters

WINDOW_SECONDS = 60


class TooManyRequests(Throttled):
    """The address has had its share of this minute; nothing was looked at."""

    rule = "rate_limit"


class RateLimit:
    """The requests of each address (of IPv6, of each /64), in minutes of the clock.

    `failed` is called for a request that could not be counted.
    """

    def __init__(self, counters: Counters, per_minute: int, failed: Callable[[], None]) -> None:
        self._counters = counters
        self._per_minute = per_minute
        self._failed = failed

    def check(self, address: str, now: datetime) -> None:
        """Count one request. Raises: TooManyRequests."""
        window, passed = divmod(now.timestamp(), WINDOW_SECONDS)
        count = self._counters.add(network_of(address), int(window))
        if count is None:
            self._failed()
        elif count > self._per_minute:
            raise TooManyRequests(max(1, math.ceil(WINDOW_SECONDS - passed)))
