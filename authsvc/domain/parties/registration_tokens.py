"""Initial access tokens: an administrator's leave to register clients (RFC 7591 §3)."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class RegistrationToken:
    """One token: only its hash is kept. `uses_left` None: as often as wanted until it expires."""

    id: UUID
    secret_hash: str = field(repr=False)
    name: str
    created_at: datetime
    expires_at: datetime
    uses_left: int | None
    revoked_at: datetime | None = None
