"""What a grant decides and what a token will say; the mint in protocol/tokens turns it into one."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Target:
    """Where an access token may be used: audiences, what it may do there, for how long, signed how."""

    audiences: tuple[str, ...]
    scopes: frozenset[str]
    lifetime_seconds: int
    algorithm: str


@dataclass(frozen=True, slots=True)
class SignIn:
    """The proof behind a person's token: which session, when, how."""

    user_id: UUID
    session_id: UUID
    authenticated_at: datetime
    amr: tuple[str, ...]
