"""Who waits for strangers: at most so many threads, not all for one host, and one request to a host at a time."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Lock

from authsvc.domain.documents import Document, FetchBusy, FetchFailed


class WaitingRoom:
    """Places for threads that wait. One host never takes the last place, where there are several."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._for_one_host = max(1, places - 1)
        self._lock = Lock()
        self._taken = Counter[str]()

    @contextmanager
    def place(self, host: str) -> Iterator[None]:
        """Hold a place. Raises: FetchBusy at once if there is none."""
        with self._lock:
            if self._taken.total() >= self._places or self._taken[host] >= self._for_one_host:
                raise FetchBusy(f"all places are taken: {host}")
            self._taken[host] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken[host] -= 1
                if not self._taken[host]:
                    del self._taken[host]


class Flights:
    """Requests on their way.

    Who waited for another document, and has less than `least_seconds` left, does not begin: it would fail for want of
    time, and the host would be blamed.
    """

    def __init__(self, least_seconds: float) -> None:
        self._least_seconds = least_seconds
        self._lock = Lock()
        self._by_host: dict[str, tuple[str, Future[Document]]] = {}

    def join(self, host: str, url: str, deadline: float, fly: Callable[[], Document]) -> Document:
        """Return what the flight for this URL brings: one that is on its way, or `fly`, once the host is free.

        Raises: FetchFailed as the flight did; FetchBusy if none ends by `deadline` (monotonic seconds).
        """
        while True:
            own = Future[Document]()
            with self._lock:
                flown_url, flight = self._by_host.setdefault(host, (url, own))
            if flight is own:
                return self._lead(host, own, fly)
            failure = _failure_of(flight, deadline)
            if flown_url != url:
                if deadline - time.monotonic() < self._least_seconds:
                    raise FetchBusy("too little time was left after another document of the host")
                continue
            if failure is not None:
                # Not the same object: each request adds to its own.
                raise FetchFailed(str(failure))
            return flight.result()

    def _lead(self, host: str, flight: Future[Document], fly: Callable[[], Document]) -> Document:
        try:
            document = fly()
        except BaseException as error:
            self._land(host)
            flight.set_exception(error)
            raise
        self._land(host)
        flight.set_result(document)
        return document

    def _land(self, host: str) -> None:
        with self._lock:
            del self._by_host[host]


def _failure_of(flight: Future[Document], deadline: float) -> BaseException | None:
    try:
        return flight.exception(max(0.0, deadline - time.monotonic()))
    except TimeoutError:
        raise FetchBusy("another document of the host is still being read") from None
