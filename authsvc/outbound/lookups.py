"""Names to addresses, in bounded time: the system's resolver knows no deadline, so it is asked from threads of its own.

A thread that hangs in a lookup holds nobody up; there are few of them, and none outlives the process.
"""

import socket
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from threading import Lock, Thread

from authsvc.domain.documents import FetchFailed

Resolve = Callable[[str, int], Sequence[str]]
"""All addresses of a host name, for a port. Raises: OSError."""

MOST_AT_ONCE = 16


def ask_system(host: str, port: int) -> Sequence[str]:
    """Return the addresses that the system's resolver knows. Raises: OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(where[0]) for *_, where in found))


class Lookups:
    """One lookup of a name at a time: a name server that never answers holds one thread, not all."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._lock = Lock()
        self._asked: set[tuple[str, int]] = set()

    def addresses(self, host: str, port: int, deadline: float) -> Sequence[str]:
        """Return the addresses of `host`. Raises: FetchFailed if there is none by `deadline` (monotonic seconds)."""
        answers = SimpleQueue[Sequence[str] | None]()
        self._begin((host, port))
        try:
            Thread(target=self._look_up, args=(host, port, answers), name="lookup", daemon=True).start()
        except RuntimeError:
            self._end((host, port))
            raise FetchFailed("no thread can be started", is_host=True) from None
        try:
            found = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except Empty:
            raise FetchFailed("no name server answers in time", is_host=True) from None
        if found is None:
            raise FetchFailed("the name cannot be resolved", is_host=True)
        return found

    def _begin(self, asked: tuple[str, int]) -> None:
        with self._lock:
            if asked in self._asked or len(self._asked) >= MOST_AT_ONCE:
                raise FetchFailed("earlier lookups still hang", is_host=True)
            self._asked.add(asked)

    def _end(self, asked: tuple[str, int]) -> None:
        with self._lock:
            self._asked.discard(asked)

    def _look_up(self, host: str, port: int, answers: SimpleQueue[Sequence[str] | None]) -> None:
        found: Sequence[str] | None = None
        try:
            found = self._resolve(host, port)
        except (OSError, ValueError):
            pass
        finally:
            self._end((host, port))
            answers.put(found)
