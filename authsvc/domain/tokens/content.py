"""What a grant decides and what a token will say; the mint in protocol/tokens turns it into one."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Target:
    """Where an access token may be used: audiences, what it may do there, for how long, signed how, in which form."""

    audiences: tuple[str, ...]
    scopes: frozenset[str]
    lifetime_seconds: int
    algorithm: str
    token_format: str = "jwt"


@dataclass(frozen=True, slots=True)
class Origin:
    """What an exchanged token was had for, and ends with, beside its session and family.

    The clients whose tokens were presented on the way; the `jti` of the first one, which a withdrawn consent revokes;
    the API key.
    """

    client_ids: frozenset[str] = frozenset()
    token_id: str | None = None
    api_key_id: UUID | None = None


NO_ORIGIN = Origin()
"""Of a token that was not exchanged."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """The proof behind a person's token: which session, when, how; and the refresh family it hangs on, if any."""

    user_id: UUID
    session_id: UUID
    authenticated_at: datetime
    amr: tuple[str, ...]
    family_id: UUID | None = None
