"""A rush is borne, and its queue served. More than can be done is not: then the next is refused at once."""

import time
from collections.abc import Callable

from authsvc.errors import AuthsvcError

RUSH_SECONDS = 0.2
"""A queue that has not been empty for so long, and is high, will not become empty by patience."""
COUNT_SECONDS = 1.0
"""For so long it is counted who asks and who is refused."""
FEW_REFUSED = 0.1
"""While a larger part than this is refused, more may come than can be done."""
TRIAL_SECONDS, TRIAL_PART = 2.0, 8
"""How long a longer queue is tried, and which part of a high one it must not reach."""
PATIENCE_SECONDS, MOST_PATIENCE_SECONDS = 10.0, 60.0
"""From a trial that was none to the next, at first and at last."""


class Overloaded(AuthsvcError):
    """The queue is full; the caller may come back in a moment."""

    rule = "overloaded"


def thread_idle() -> float:
    """For how many seconds this thread did nothing, in all, from some moment on."""
    return time.monotonic() - time.thread_time()


class Idleness:
    """For how many seconds, in all, one of so many who serve had nothing to do: of two one free is half of it."""

    def __init__(self, number: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._number = number
        self._monotonic = monotonic
        self._seconds, self._since, self._free_part = 0.0, monotonic(), 1.0

    def busy(self, number: int) -> None:
        """So many are asked for from now on; more than there are keep all of them busy."""
        self._seconds = self()
        self._since, self._free_part = self._monotonic(), max(0, self._number - number) / self._number

    def __call__(self) -> float:
        """Return the seconds up to now."""
        return self._seconds + (self._monotonic() - self._since) * self._free_part


class Rush:
    """How many may wait for one thing: `many` in a rush; `few` once the queue stands, for as long as it would stand.

    It stands when it has not been empty for a while and is `high`: so much longer than what is waited for then that
    clients who wait for each other's answers stay below. Whoever waits in a short queue is served in time, and as many
    are served in the end: who is refused knows it at once, and is not waited for after having given up.

    In a short queue a burst finds no room although there is time for it. So `idle` tells for how many seconds, in all,
    who serves had nothing to do: where that is a larger part of the time than is refused of the requests, or when it
    has stood for long, a longer queue is tried. If it stands again soon that was in vain, and the next trial for the
    same reason is further off. Without the sign of idleness it must stay far below a crowd: else it stands at once.

    `rush_seconds`: how long a while is.
    """

    def __init__(  # noqa: PLR0913 - the last two have defaults
        self,
        few: int,
        high: int,
        many: int,
        idle: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
        rush_seconds: float = RUSH_SECONDS,
    ) -> None:
        self._rush_seconds = rush_seconds
        self._few = min(few, many)
        self._high = min(high, many)
        self._many = many
        self._idle = idle
        self._monotonic = monotonic
        self._began_at: float | None = None
        self._stands = False
        self._counted_from = self._idle_then = 0.0
        self._asked = self._refused = 0
        self._trial_until: float | None = None
        self._is_said_idle = False
        self._patience = self._may_try_at = self._must_try_at = 0.0

    @property
    def stands(self) -> bool:
        """Whether only few may wait now."""
        return self._stands

    def admits(self, waiting: int) -> bool:
        """Whether one more, who is counted, may wait behind so many."""
        if self._stands:
            self._judge()
        elif self._is_too_long(waiting):
            self._stand_anew()
        self._asked += 1
        if self.has_room(waiting):
            return True
        self._refused += 1
        return False

    def has_room(self, waiting: int, *, is_short: bool = False) -> bool:
        """Whether one more might wait behind so many; if it `is_short` only few may, as if the queue stood."""
        return waiting < (self._few if self._stands or is_short else self._many)

    def refused(self) -> None:
        """Count one who was refused without being asked for, here or for the sake of this queue elsewhere."""
        if self._stands:
            self._judge()
        self._asked += 1
        self._refused += 1

    def emptied(self) -> None:
        """Nobody waits at this moment."""
        self._began_at = None

    def _is_too_long(self, waiting: int) -> bool:
        if self._trial_until is not None:
            if self._monotonic() >= self._trial_until:
                self._trial_until = None
            elif not self._is_said_idle and waiting >= self._few + (self._high - self._few) // TRIAL_PART:
                return True
        if self._began_at is not None:
            return waiting >= self._high and self._monotonic() - self._began_at > self._rush_seconds
        if waiting > 0:
            self._began_at = self._monotonic()
        return False

    def _stand_anew(self) -> None:
        """Stand, and say when a longer queue may and must be tried: later after a trial that was none."""
        now = self._monotonic()
        is_tried = self._trial_until is not None
        self._trial_until = None
        self._patience = min(max(PATIENCE_SECONDS, 2 * self._patience), MOST_PATIENCE_SECONDS) if is_tried else 0.0
        self._must_try_at = now + max(PATIENCE_SECONDS, self._patience)
        if not is_tried:
            self._may_try_at = now
        elif self._is_said_idle:
            self._may_try_at = self._must_try_at
        self._stand()

    def _stand(self) -> None:
        self._stands, self._asked, self._refused = True, 0, 0
        self._counted_from, self._idle_then = self._monotonic(), self._idle()

    def _judge(self) -> None:
        """Look every second whether more comes still than can be done."""
        now = self._monotonic()
        seconds = now - self._counted_from
        if seconds <= COUNT_SECONDS:
            return
        self._is_said_idle = self._refused <= self._asked * (self._idle() - self._idle_then) / seconds
        if self._refused <= FEW_REFUSED * self._asked or seconds > 2 * COUNT_SECONDS:
            self._stands, self._began_at = False, None
        elif now >= (self._may_try_at if self._is_said_idle else self._must_try_at):
            self._stands, self._began_at, self._trial_until = False, None, now + TRIAL_SECONDS
        else:
            self._stand()
