"""Documents of strangers: what can go wrong when the server reads one (key sets, metadata)."""

from dataclasses import dataclass, field

from authsvc.errors import DomainError


class FetchFailed(DomainError):
    """The document cannot be had now, or its address may not be asked: which, is for the log only.

    `is_host` says that the host itself could not be reached, whichever document had been asked for.
    """

    rule = "fetch_failed"

    def __init__(self, detail: str = "", *, is_host: bool = False) -> None:
        super().__init__(detail)
        self.is_host = is_host


class FetchBusy(DomainError):
    """Too many requests wait for documents already: come back in a moment."""

    rule = "fetch_busy"


@dataclass(frozen=True, slots=True)
class Document:
    """A fetched body. `version` changes when the body does: what is computed from it may be remembered by it."""

    body: bytes = field(repr=False, compare=False)
    version: str
