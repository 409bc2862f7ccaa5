"""Someone who asks for the key set and a service's token all the time, and writes down each answer with its moment."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from bench.faults.caller import Answer, Caller, Tally
from bench.faults.crowd import service_token
from bench.faults.site import Site

PAUSE_SECONDS, PATIENCE_SECONDS = 0.03, 60.0
OK, UNAVAILABLE = 200, 503
What = Literal["jwks", "token"]


@dataclass(slots=True)
class Watch:
    """Two connections for each worker, so that each of them is asked."""

    site: Site
    port: int
    connections: int = 4
    tally: Tally = field(default_factory=Tally)
    seen: list[tuple[float, What, Answer]] = field(default_factory=list)

    @contextmanager
    def watching(self) -> Iterator["Watch"]:
        """Until the block ends."""
        ended = threading.Event()
        threads = [threading.Thread(target=self._watch, args=(ended,), daemon=True) for _ in range(self.connections)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            ended.set()
            for thread in threads:
                thread.join()

    def await_answers(self, how_many: int) -> None:
        """Until so many were 200."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(self.seen) - len(refused(list(self.seen))) < how_many and time.monotonic() < deadline:
            time.sleep(PAUSE_SECONDS)

    def between(self, begin: float, end: float) -> list[tuple[float, What, Answer]]:
        """What was asked for and answered in this time (of the monotonic clock)."""
        return [each for each in list(self.seen) if begin <= each[0] - each[2].seconds and each[0] <= end]

    def _watch(self, ended: threading.Event) -> None:
        caller = Caller(self.port, self.tally)
        while not ended.is_set():
            jwks = caller.get("/jwks")
            self.seen.append((time.monotonic(), "jwks", jwks))
            token = service_token(caller, self.site)
            self.seen.append((time.monotonic(), "token", token))
            ended.wait(PAUSE_SECONDS)
        caller.close()


def refused(seen: list[tuple[float, What, Answer]]) -> list[str]:
    """Those that were not answered 200."""
    return [f"{what} {answer.status}" for _, what, answer in seen if answer.status != OK]


def slowest(seen: list[tuple[float, What, Answer]]) -> float:
    """The longest answer, in seconds."""
    return max((answer.seconds for _, _, answer in seen), default=0.0)
