"""Consents: what a person has allowed a client, remembered until withdrawn."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Consent:
    """All that a person has allowed a client so far: scopes, audiences, and single claims beyond the scopes."""

    user_id: UUID
    client_id: str
    scopes: frozenset[str]
    resources: frozenset[str]
    claims: frozenset[str]
    given_at: datetime
    changed_at: datetime

    def covers(self, scopes: frozenset[str], resources: frozenset[str], claims: frozenset[str]) -> bool:
        """Whether nothing of this is new."""
        return scopes <= self.scopes and resources <= self.resources and claims <= self.claims
