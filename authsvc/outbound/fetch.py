"""The server's only HTTP client."""

from dataclasses import dataclass
from pathlib import Path

from authsvc.domain.documents import Document, FetchFailed


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Where the server may go, and how many threads may wait there."""

    allowed_hosts: frozenset[str]
    ca_file: Path | None
    waiting: int


class GuardedFetcher:
    """Implements Fetcher."""

    def __init__(self, limits: FetchLimits) -> None:
        self._limits = limits

    def fetch(self, url: str, *, renewed: bool = False) -> Document:  # noqa: ARG002
        """Raises: FetchFailed."""
        raise FetchFailed(url)
