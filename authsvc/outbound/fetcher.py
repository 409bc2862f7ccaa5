"""Documents of strangers as the rest of the server has them: mostly from memory, at worst after a bounded wait."""

import errno
import hashlib
import logging
import ssl
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock

from authsvc.domain.documents import Document, FetchBusy, FetchFailed
from authsvc.domain.web_address import UrlInvalid, WebAddress, check_way, is_listed, read_url
from authsvc.observe import logging as observe
from authsvc.outbound.breaker import Breaker
from authsvc.outbound.copies import Copies
from authsvc.outbound.fetch import Way, read_document, send_form
from authsvc.outbound.flights import Flights, WaitingRoom
from authsvc.outbound.lookups import Lookups, Resolve, ask_system

REFRESHING_THREADS = 2
_MOST_REFRESHES = 64


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Where the server may go, how many threads may wait there, and how long one request may take in all.

    `allowed_hosts` as `host` or `host:port`, in lower case.
    """

    allowed_hosts: frozenset[str]
    ca_file: Path | None
    waiting: int
    deadline_seconds: float = 5.0


class GuardedFetcher:
    """Implements Fetcher and Notifier. Documents are public, so that tenants may share the copies."""

    def __init__(
        self, limits: FetchLimits, *, resolve: Resolve = ask_system, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Raises: OSError if `ca_file` holds no certificates."""
        self._limits = limits
        self._monotonic = monotonic
        self._lookups = Lookups(resolve)
        self._copies = Copies()
        self._breaker = Breaker(monotonic)
        self._flights = Flights(limits.deadline_seconds / 2)
        self._room = WaitingRoom(limits.waiting)
        self._refreshers = ThreadPoolExecutor(REFRESHING_THREADS, thread_name_prefix="fetch")
        self._lock = Lock()
        self._refreshing: set[str] = set()
        if limits.ca_file is not None:
            # What is wrong with the file is to be said at the start.
            _ = self._tls

    def fetch(self, url: str, *, renewed: bool = False) -> Document:
        """Return the JSON document at `url`.

        A fresh copy is returned at once, a stale one too, and is then refreshed behind the caller's back. Raises:
        FetchFailed, FetchBusy.
        """
        now = self._monotonic()
        copy = self._copies.find(url, now)
        if copy is None:
            return self._wait_for(url)
        if renewed and self._copies.may_renew(url, now):
            return self._wait_for(url)
        if now >= copy.fresh_until:
            self._refresh_soon(url)
        return copy.document

    def fetch_anew(self, url: str) -> Document:
        """Return the JSON document at `url` as it is now. Raises: FetchFailed, FetchBusy."""
        return self._wait_for(url)

    def notify(self, url: str, fields: Mapping[str, str]) -> None:
        """POST a form to `url`. Whoever failed often lately is not tried. Raises: FetchFailed."""
        address = self._read(url)
        # Not the circuit of its documents: a client that takes no words may still have keys to read.
        circuit = f"notify {url}"
        self._breaker.refuse_paused(address.authority, circuit)
        try:
            send_form(address, self._way(address, time.monotonic() + self._limits.deadline_seconds), fields)
        except FetchFailed as failure:
            self._breaker.failed(address.authority if failure.is_host else circuit)
            raise
        self._breaker.worked(address.authority, circuit)

    def close(self) -> None:
        """End the refreshes: none begins any more, and those under way have their deadline."""
        self._refreshers.shutdown(wait=True, cancel_futures=True)

    def _wait_for(self, url: str) -> Document:
        address = self._read(url)
        with self._room.place(address.authority):
            return self._fetch_now(url, address)

    def _read(self, url: str) -> WebAddress:
        try:
            address = read_url(url)
            check_way(address, self._limits.allowed_hosts)
        except UrlInvalid as error:
            raise FetchFailed(f"{url[:200]!r}: {error}") from None
        return address

    def _fetch_now(self, url: str, address: WebAddress) -> Document:
        deadline = time.monotonic() + self._limits.deadline_seconds
        return self._flights.join(address.authority, url, deadline, lambda: self._fly(url, address, deadline))

    def _fly(self, url: str, address: WebAddress, deadline: float) -> Document:
        self._breaker.refuse_paused(address.authority, url)
        try:
            answer = read_document(address, self._way(address, deadline))
        except FetchFailed as failure:
            # A document that fails must not shut its neighbours' host.
            self._breaker.failed(address.authority if failure.is_host else url)
            observe.log(logging.WARNING, "fetch_failed", "a stranger's document cannot be read",
                        url=url, detail=failure.detail)  # fmt: skip
            raise
        self._breaker.worked(address.authority, url)
        document = Document(answer.body, hashlib.sha256(answer.body).hexdigest())
        self._copies.keep(url, document, answer.fresh_seconds, self._monotonic())
        return document

    def _way(self, address: WebAddress, deadline: float) -> Way:
        named = is_listed(address, self._limits.allowed_hosts)
        return Way(self._lookups, self._tls if address.scheme == "https" else None, named, deadline)

    def _refresh_soon(self, url: str) -> None:
        with self._lock:
            if url in self._refreshing or len(self._refreshing) >= _MOST_REFRESHES:
                return
            self._refreshing.add(url)
        try:
            self._refreshers.submit(self._refresh, url)
        except RuntimeError:
            # Closed: the process ends.
            self._refreshed(url)

    def _refresh(self, url: str) -> None:
        try:
            self._fetch_now(url, self._read(url))
        except (FetchFailed, FetchBusy):
            # The flight has told the log; the stale copy serves on.
            pass
        finally:
            self._refreshed(url)

    def _refreshed(self, url: str) -> None:
        with self._lock:
            self._refreshing.discard(url)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        # At first need: reading the system's certificates takes 30 ms.
        context = ssl.create_default_context()
        if (ca_file := self._limits.ca_file) is not None:
            try:
                context.load_verify_locations(ca_file)
            except ssl.SSLError:
                raise OSError(errno.EINVAL, "holds no certificates in PEM", str(ca_file)) from None
            except OSError as error:
                raise OSError(error.errno, error.strerror, str(ca_file)) from None
        return context
