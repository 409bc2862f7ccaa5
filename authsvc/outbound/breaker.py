"""Circuit breakers: who failed several times in a row is left alone, each time for longer."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from authsvc.domain.documents import FetchFailed

FREE_FAILURES = 3
FIRST_PAUSE_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 600.0
MOST_REMEMBERED = 4_096


@dataclass(frozen=True, slots=True)
class _Failures:
    in_a_row: int
    until: float


class Breaker:
    """One circuit for each key (a host, or a URL). After its pause a circuit lets one flight try."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = Lock()
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    def refuse_paused(self, *keys: str) -> None:
        """Raise FetchFailed if one of these failed too often, and its pause is not over."""
        now = self._monotonic()
        with self._lock:
            paused = any((found := self._failures.get(key)) is not None and now < found.until for key in keys)
        if paused:
            raise FetchFailed("failed too often lately: not tried now")

    def failed(self, key: str) -> None:
        """Count one more failure in a row."""
        now = self._monotonic()
        with self._lock:
            earlier = self._failures.pop(key, None)
            in_a_row = 1 if earlier is None else earlier.in_a_row + 1
            self._failures[key] = _Failures(in_a_row, now + _pause_seconds(in_a_row))
            if len(self._failures) > MOST_REMEMBERED:
                self._failures.popitem(last=False)

    def worked(self, *keys: str) -> None:
        """Forget the failures of these."""
        with self._lock:
            for key in keys:
                self._failures.pop(key, None)


def _pause_seconds(in_a_row: int) -> float:
    if in_a_row < FREE_FAILURES:
        return 0.0
    # Doubling further would only overflow.
    return min(FIRST_PAUSE_SECONDS * 2.0 ** min(in_a_row - FREE_FAILURES, 16), LONGEST_PAUSE_SECONDS)
