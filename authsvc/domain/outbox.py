"""The outbox: letters to be sent, encrypted until then and deleted on delivery. Also the mailed links' records."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter waiting to be sent; recipient and text lie in `content_encrypted`."""

    id: UUID
    content_encrypted: bytes
    created_at: datetime
    send_after: datetime
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class MailedLink:
    """A one-time secret sent by mail: its hash, what it is for and whom it serves.

    `purpose` is part of the key: a link of one purpose is unknown to every other. `email` is the address it proves.
    """

    secret_hash: str
    purpose: str
    user_id: UUID
    email: str
    expires_at: datetime
