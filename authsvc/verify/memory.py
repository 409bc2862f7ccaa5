"""What a verifier remembers of tokens it has judged, and until when on each of two clocks."""

from dataclasses import dataclass
from threading import Lock
from typing import Generic, NamedTuple, TypeVar

Verdict = TypeVar("Verdict")


class Instant(NamedTuple):
    """One moment on both clocks: intervals are monotonic, but that clock may stand still in sleep."""

    wall: float
    monotonic: float

    def since(self, earlier: "Instant") -> float:
        """Return the seconds passed, by the clock that has seen more of them."""
        return max(self.monotonic - earlier.monotonic, self.wall - earlier.wall)


@dataclass(frozen=True, slots=True)
class Remembered(Generic[Verdict]):
    """The verdict on one token, and until when (on each clock) it stands without a new judgement."""

    verdict: Verdict
    until_wall: float
    until_monotonic: float

    def stands(self, wall: float, monotonic: float) -> bool:
        """Whether it still counts."""
        return wall < self.until_wall and monotonic < self.until_monotonic


class Memory(Generic[Verdict]):
    """The verdicts of late, by the token's SHA-256, so that memory holds nothing that could be presented.

    Bounded: the oldest goes first. Reading takes no lock (one dict lookup is atomic).
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = Lock()
        self._by_hash: dict[bytes, Remembered[Verdict]] = {}
        self.get = self._by_hash.get

    def add(self, token_hash: bytes, remembered: Remembered[Verdict], now: Instant) -> None:
        """Remember one verdict if it still stands; the oldest two are looked at and forgotten when theirs is over."""
        if not remembered.stands(*now):
            return
        with self._lock:
            # Taken out first: what is said again becomes the youngest.
            self._by_hash.pop(token_hash, None)
            self._by_hash[token_hash] = remembered
            for _ in range(2):
                oldest = next(iter(self._by_hash))
                if len(self._by_hash) <= self._size and self._by_hash[oldest].until_monotonic > now.monotonic:
                    break
                del self._by_hash[oldest]

    def __len__(self) -> int:
        return len(self._by_hash)
