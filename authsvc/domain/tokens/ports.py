"""The interfaces of what is stored of access tokens and API keys; `ports` tells how all of them are."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from authsvc.domain.tokens.access_tokens import OpaqueAccessToken, Standing
from authsvc.domain.tokens.api_keys import ApiKey, KeyOwner


class AccessTokens(Protocol):
    """What is stored of access tokens."""

    def add(self, token: OpaqueAccessToken) -> None: ...

    def find(self, token_hash: str) -> OpaqueAccessToken | None: ...

    def standing(
        self, token_ids: tuple[str, str | None], session_id: UUID | None, family_id: UUID | None, now: datetime
    ) -> Standing:
        """What speaks against a token of this `jti`, or of that of the token behind it, session and refresh family."""

    def revoke(self, token_id: str, expires_at: datetime) -> None:
        """Refuse the token of this `jti` from now on; a second time changes nothing."""


class ApiKeys(Protocol):
    """API keys of people and services."""

    def get(self, key_id: UUID) -> ApiKey | None: ...

    def find(self, secret_hash: str) -> ApiKey | None: ...

    def list(self, *, user_id: UUID | None = None, client_id: str | None = None) -> tuple[ApiKey, ...]:
        """Return those of one owner that are not revoked, oldest first."""

    def count_before_adding(self, owner: KeyOwner, now: datetime) -> int:
        """Return how many live keys the owner has; nobody adds one to them until the transaction ends.

        Raises: Conflict if the person is gone or disabled.
        """

    def add(self, key: ApiKey) -> None: ...

    def record_use(self, key_id: UUID, now: datetime) -> None: ...

    def revoke(self, key_id: UUID, now: datetime) -> bool: ...

    def revoke_all(self, user_id: UUID, now: datetime) -> int:
        """Revoke all keys of a person; return how many."""
