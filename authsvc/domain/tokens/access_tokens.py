"""What is stored of access tokens: opaque ones whole (their hash and claims), revoked ones by id."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class OpaqueAccessToken:
    """An access token that is a reference: only its hash is kept, with the claims that a JWT would have carried."""

    token_hash: str
    claims: Mapping[str, Any] = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """What the database says of a token, read in one statement; all True for a token that is still good.

    `session_alive`, `family_alive` and `user_enabled` are True where the token names no such thing.
    """

    not_revoked: bool
    session_alive: bool
    family_alive: bool
    user_enabled: bool

    @property
    def is_good(self) -> bool:
        """Whether nothing speaks against the token."""
        return self.not_revoked and self.session_alive and self.family_alive and self.user_enabled
