"""API keys: long-lived secrets of a person or a service, shown once, exchanged for short JWTs."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from authsvc.errors import DomainError

USE_RECORDED_SECONDS = 60
"""A key may be used a thousand times a second: when it was last used is written down once in this while."""


class ApiKeyInvalid(DomainError):
    """The key cannot be made so; the detail says what to mend."""

    rule = "api_key_invalid"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key: of a user (personal) or of a client (service), exactly one of both.

    `hint` is the start of the key, for people who look for it; `resources` are the audiences it may be used for.
    """

    id: UUID
    user_id: UUID | None
    client_id: str | None
    name: str
    hint: str
    secret_hash: str = field(repr=False)
    scopes: frozenset[str]
    resources: frozenset[str]
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None

    def is_alive(self, now: datetime) -> bool:
        """Whether it can still be used."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)
