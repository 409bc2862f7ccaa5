"""Fetched documents, kept for a while: few, small, the one that was not wanted for longest goes first."""

from collections import OrderedDict
from dataclasses import dataclass, replace
from threading import Lock

from authsvc.domain.documents import Document

MOST_DOCUMENTS = 1_024
MOST_BYTES = 16 * 1_024 * 1_024
STALE_SECONDS = 24 * 3_600.0
"""A key that its owner has withdrawn must not live on for ever where the owner cannot be reached."""
RENEWAL_SECONDS = 30.0
"""Anyone can name a key that is in no set: this often at most that makes us fetch."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A document; instants are monotonic seconds."""

    document: Document
    fresh_until: float
    usable_until: float
    renewable_at: float


class Copies:
    """By URL."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._by_url: OrderedDict[str, Copy] = OrderedDict()
        self._bytes = 0

    def find(self, url: str, now: float) -> Copy | None:
        """Return the copy that may still be used, however stale."""
        with self._lock:
            copy = self._by_url.get(url)
            if copy is None or now >= copy.usable_until:
                return None
            self._by_url.move_to_end(url)
            return copy

    def keep(self, url: str, document: Document, fresh_seconds: float, now: float) -> None:
        """Keep a document that was fetched just now, instead of the one before."""
        with self._lock:
            earlier = self._by_url.pop(url, None)
            self._bytes += len(document.body) - (len(earlier.document.body) if earlier else 0)
            renewable_at = earlier.renewable_at if earlier else now
            self._by_url[url] = Copy(document, now + fresh_seconds, now + STALE_SECONDS, renewable_at)
            while len(self._by_url) > MOST_DOCUMENTS or self._bytes > MOST_BYTES:
                _, oldest = self._by_url.popitem(last=False)
                self._bytes -= len(oldest.document.body)

    def may_renew(self, url: str, now: float) -> bool:
        """Whether a copy may be fetched anew before its time; who is told so has used that right up."""
        with self._lock:
            copy = self._by_url.get(url)
            if copy is None:
                return True
            if now < copy.renewable_at:
                return False
            self._by_url[url] = replace(copy, renewable_at=now + RENEWAL_SECONDS)
            return True
