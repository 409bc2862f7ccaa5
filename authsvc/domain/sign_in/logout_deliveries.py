"""Back-channel logout: each client that took part in a session is told of its end, and every try is on record."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

DELIVERED, FAILED = "delivered", "failed"


@dataclass(frozen=True, slots=True)
class LogoutDelivery:
    """One client to be told. The logout token is signed at each attempt, so that none is stored.

    `user_id` is whose session it was; the token calls them as this client knows them. `outcome` is None while it is to
    be tried (again), then `delivered` or `failed`; `detail` says why the last attempt failed, in words without
    secrets.
    """

    id: UUID
    client_id: str
    session_id: UUID
    user_id: UUID
    created_at: datetime
    send_after: datetime
    attempts: int = 0
    outcome: str | None = None
    detail: str | None = None
