"""The outbox: letters to be sent, encrypted until then and deleted on delivery. Also the mailed links' records."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from authsvc.errors import AuthsvcError


class MailFailed(AuthsvcError):
    """The letter was not taken.

    `is_final`: no further attempt can help (the address does not exist). `is_server`: the mail server itself cannot be
    used now, so no other letter would fare better.
    """

    rule = "mail_failed"

    def __init__(self, detail: str, *, is_final: bool = False, is_server: bool = False) -> None:
        super().__init__(detail)
        self.is_final = is_final
        self.is_server = is_server


@dataclass(frozen=True, slots=True)
class Mail:
    """What a letter says: to one address, as plain text and as HTML. The texts may hold a one-time secret."""

    recipient: str
    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)


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
    A registration has no user yet (`user_id` None): what it will become lies in `payload_encrypted`.
    """

    secret_hash: str
    purpose: str
    user_id: UUID | None
    email: str
    expires_at: datetime
    payload_encrypted: bytes | None = None
