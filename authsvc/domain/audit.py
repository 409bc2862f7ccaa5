"""Audit: what happened to whom, and which rule refused. Never a secret, never a password."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One row. `event` is a short name (login.succeeded, token.refused); `rule` the rule that refused, if any."""

    id: UUID
    at: datetime
    request_id: str
    event: str
    rule: str | None
    client_id: str | None
    user_id: UUID | None
    address: str | None
    detail: str | None
