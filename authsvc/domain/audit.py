"""Audit: what happened to whom, and which rule refused. Never a secret, never a password."""

import secrets
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


def event_id(at: datetime) -> UUID:
    """Return a UUIDv7: rows lie in the order of time (RFC 9562 §5.7)."""
    milliseconds = int(at.timestamp() * 1_000) & 0xFFFF_FFFF_FFFF
    noise = int.from_bytes(secrets.token_bytes(10), "big")
    value = milliseconds << 80 | noise & ~(0xF << 76 | 0x3 << 62)
    return UUID(int=value | 0x7 << 76 | 0x2 << 62)
