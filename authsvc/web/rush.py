"""A rush is borne, and its queue served. More than can be done is not: then the next is refused at once."""

import time
from collections.abc import Callable

RUSH_SECONDS = 1.0
"""A queue that has not been empty for so long will not become so by patience."""
HIGH = 8
"""Nor one that is so much longer than what is waited for then; clients who wait for each other's answers stay below."""


class Rush:
    """How many may wait for one thing: `many` in a rush; `few` once the queue stands, for as long as it would stand.

    Whoever waits in a short queue is served in time, and as many are served in the end: who is refused knows it at
    once, and is not waited for after having given up.
    """

    def __init__(self, few: int, many: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._few = min(few, many)
        self._many = many
        self._monotonic = monotonic
        self._began_at: float | None = None
        self._refused_at = 0.0
        self._stands = False

    def has_room(self, waiting: int) -> bool:
        """Whether one more may wait, behind so many."""
        now = self._monotonic()
        if self._stands:
            self._stands = now - self._refused_at <= RUSH_SECONDS
        elif self._began_at is not None:
            self._stands = waiting >= HIGH * self._few and now - self._began_at > RUSH_SECONDS
        elif waiting > 0:
            self._began_at = now
        if waiting < (self._few if self._stands else self._many):
            return True
        self._refused_at = now
        return False

    def emptied(self) -> None:
        """Nobody waits at this moment."""
        self._began_at = None
