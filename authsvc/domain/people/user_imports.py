"""Files of users that were handed over, and how far their import has come.

A file lies encrypted in pieces: rows that are refused may hold what nobody meant to store here, such as passwords. Each
batch of rows moves the position in its own transaction, so that whoever goes on, after whatever end, goes on there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from authsvc.crypto.envelope import Place
from authsvc.errors import DomainError

UPLOADING: Final = "uploading"
WAITING: Final = "waiting"
RUNNING: Final = "running"
DONE: Final = "done"
FAILED: Final = "failed"
CANCELLED: Final = "cancelled"
CHUNK_BYTES: Final = 262_144
"""Of every piece but the last."""
UPLOAD_SECONDS: Final = 3_600
"""How long after its last piece an unfinished upload is forgotten."""
MAX_REFUSED_KEPT: Final = 10_000
"""Refused rows of one import that are told one by one; further ones are counted."""


class TooManyImports(DomainError):
    """As many imports of the tenant as may be are under way."""

    rule = "too_many_imports"


class ImportOver(DomainError):
    """The import has ended by itself, so that nothing is left of it to cancel."""

    rule = "import_over"


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that was left out, and why, in words that repeat nothing of it."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class UserImport:
    """One file. `position` and `lines` lie before the next row; `over_at` is when it ended, or is forgotten."""

    id: UUID
    form: str
    dry_run: bool
    created_by: str
    request_id: str
    created_at: datetime
    state: str = UPLOADING
    bytes_total: int = 0
    position: int = 0
    lines: int = 0
    added: int = 0
    unchanged: int = 0
    refused: int = 0
    problem: str | None = None
    over_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """One piece of a file."""

    ordinal: int
    content_encrypted: bytes = field(repr=False)


class UserImports(Protocol):
    """The imports of a tenant."""

    def get(self, import_id: UUID) -> UserImport | None:
        """Return the import of that id, also while it is uploaded."""

    def next(self) -> UserImport | None:
        """Return the oldest that is uploaded and not over."""

    def count_open(self) -> int:
        """Count those that are uploaded at this moment, or not over."""

    def add(self, new: UserImport) -> None:
        """Begin an upload."""

    def add_chunk(self, grown: UserImport, chunk: Chunk) -> bool:
        """Store the piece with the upload's new size and end; False if it is no longer being uploaded."""

    def find_chunk(self, import_id: UUID, ordinal: int) -> Chunk | None:
        """Return one piece, if it is still there."""

    def submit(self, import_id: UUID) -> bool:
        """Let it wait for its turn; False if it is no longer being uploaded."""

    def advance(self, was: UserImport, now: UserImport, refused: Sequence[RefusedRow]) -> bool:
        """Move it on from where it was, and keep these rows; False if it is elsewhere or over: then undo the batch."""

    def end(self, at: UserImport, state: str, now: datetime, problem: str | None = None) -> bool:
        """End it in this state; False if it is not where it was, or over."""

    def cancel(self, import_id: UUID, now: datetime) -> bool:
        """End it wherever it is; False if it is over."""

    def list_refused(self, import_id: UUID, after: int, limit: int) -> tuple[RefusedRow, ...]:
        """Return the refused rows that are kept, after a line, in the order of lines."""

    def discard(self, import_id: UUID, now: datetime) -> bool:
        """Forget an upload that is not finished; False if there is none."""


def chunk_place(tenant_id: UUID, import_id: UUID, ordinal: int) -> Place:
    """Return where a piece lies: it opens in no other place of its file, either."""
    return Place(str(tenant_id), table="user_import_chunks", row=f"{import_id}/{ordinal}", column="content_encrypted")
