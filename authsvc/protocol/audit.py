"""Audit rows of things done, in the request's own transaction."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from authsvc.domain.audit import AuditEvent, event_id
from authsvc.domain.ports import UnitOfWork


class Happening(Protocol):
    """What every request says of itself."""

    @property
    def request_id(self) -> str: ...

    @property
    def address(self) -> str: ...

    @property
    def now(self) -> datetime: ...


def record(  # noqa: PLR0913 - the columns of the row
    uow: UnitOfWork,
    request: Happening,
    event: str,
    *,
    user_id: UUID | None = None,
    client_id: str | None = None,
    detail: str | None = None,
) -> None:
    """Add a row for something that was done; `detail` names what it was done to, and is never a secret."""
    uow.audit.add(
        AuditEvent(
            id=event_id(request.now),
            at=request.now,
            request_id=request.request_id,
            event=event,
            rule=None,
            client_id=client_id,
            user_id=user_id,
            address=request.address,
            detail=detail,
        )
    )
