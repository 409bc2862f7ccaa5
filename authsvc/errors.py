"""What can go wrong in any room: the base of all our exceptions and the two faults of storage.

A refusal rolls the request's transaction back. What must outlive it (end a family, write an audit row) is named in
`keep`: the edge applies those effects in a transaction of their own, after the rollback.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Self
from uuid import UUID

Effect = Callable[[Any], None]
"""Called with the unit of work that will be committed."""


class AuthsvcError(Exception):
    """Base of every error that authsvc raises on purpose.

    `rule` names the rule that failed (for logs and `authsvc why`), `detail` is for the log only, never for the caller.
    """

    rule: ClassVar[str] = "error"

    def __init__(self, detail: str = "", *, keep: tuple[Effect, ...] = ()) -> None:
        super().__init__(detail or self.rule)
        self.detail = detail
        self.keep = keep
        self.client_id: str | None = None
        self.user_id: UUID | None = None

    def about(self, *, client_id: str | None = None, user_id: UUID | None = None) -> Self:
        """Name whom the refusal concerns, for the audit trail; returns self."""
        self.client_id = client_id or self.client_id
        self.user_id = user_id or self.user_id
        return self


class DomainError(AuthsvcError):
    """A rule of the domain refused. It knows no protocol and no HTTP status; `web/errors.py` owns that table."""


class StorageUnavailable(AuthsvcError):
    """The database cannot answer now (away, busy, out of connections). Nothing of the request was stored."""

    rule = "storage_unavailable"


class LaneNeeded(Exception):
    """A request that was tried on the event loop cannot be answered there: it needs the database, or takes long.

    Nothing was done; it is run again on a lane of threads. No AuthsvcError, for it is no refusal.
    """


class Conflict(DomainError):
    """The row to be written exists already, or was changed by someone else since it was read."""

    rule = "conflict"
