"""How often each key came in the present window of time: what this process has counted, and has heard of the others.

Memory only, and bounded: whoever starts anew, or has no room for one more key, lets more pass. What must not be
forgotten (guesses of passwords, ids that count once) is in the database.
"""

from dataclasses import dataclass
from heapq import nlargest
from operator import itemgetter
from threading import Event, Lock

MOST_KEYS = 100_000


@dataclass(slots=True)
class _Count:
    own: int = 0
    elsewhere: int = 0


class Counters:
    """One per process; safe from any thread. `came` is set whenever a key has come that `take_changed` has not told."""

    def __init__(self, most_keys: int = MOST_KEYS) -> None:
        self.came = Event()
        self._most_keys = most_keys
        self._lock = Lock()
        self._window = 0
        self._counts: dict[str, _Count] = {}
        self._changed: set[str] = set()

    def add(self, key: str, window: int) -> int | None:
        """Count one more in this window; return how many came in it, or None if there is no room for one more key."""
        with self._lock:
            if window != self._window:
                self._window, self._counts, self._changed = window, {}, set()
            count = self._counts.get(key)
            if count is None:
                if len(self._counts) >= self._most_keys:
                    return None
                count = self._counts[key] = _Count()
            count.own += 1
            self._changed.add(key)
            seen = count.own + count.elsewhere
        if not self.came.is_set():
            self.came.set()
        return seen

    def take_changed(self, most: int) -> tuple[int, list[tuple[str, int]]]:
        """Return the window, and own counts of keys that came in it since this was asked: the `most` highest ones."""
        with self._lock:
            window, changed, self._changed = self._window, self._changed, set()
            counts = [(key, self._counts[key].own) for key in changed]
        return window, nlargest(most, counts, key=itemgetter(1))

    def hear(self, key: str, window: int, elsewhere: int) -> None:
        """Learn how many the others counted; what was heard before is not unlearned within its window."""
        with self._lock:
            if window == self._window and (count := self._counts.get(key)) is not None:
                count.elsewhere = max(count.elsewhere, elsewhere)

    def start(self) -> None:
        """Nothing: these are this process's own."""

    def close(self) -> None:
        """Nothing likewise."""
