"""The interfaces of what is mailed: letters, the links in them, and the way out; `ports` tells how all of them are."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from authsvc.domain.mail.outbox import Letter, Mail, MailedLink


class Outbox(Protocol):
    """Letters. `take` leases them to one sender at a time."""

    def add(self, letter: Letter) -> None: ...

    def take(self, now: datetime, leased_until: datetime, limit: int) -> tuple[Letter, ...]:
        """Return letters whose send_after has come, pushed to `leased_until` and counted as attempted, atomically."""

    def postpone(self, letter_id: UUID, send_after: datetime) -> None:
        """Try a letter that could not be sent again then."""

    def list(self, after: UUID | None, limit: int) -> tuple[Letter, ...]:
        """For the rotation of the master key, as is `set_content`: letters in the order of their ids."""

    def set_content(self, letter_id: UUID, content_encrypted: bytes, *, instead_of: bytes) -> bool: ...

    def delete(self, letter_id: UUID) -> None: ...


class MailedLinks(Protocol):
    """One-time secrets sent by mail."""

    def add(self, link: MailedLink) -> None:
        """Replaces the earlier link of the same purpose: the user's, or the address's while there is no user yet."""

    def find(self, secret_hash: str, purpose: str) -> MailedLink | None:
        """Return the link, also when it has expired."""

    def consume(self, secret_hash: str, purpose: str, now: datetime) -> MailedLink | None:
        """Return the live link and delete it, in one atomic statement."""

    def discard(self, user_id: UUID, purpose: str) -> None:
        """Forget the user's link of this purpose: what it would prove is no longer wanted."""


class Mailer(Protocol):
    """The way out for letters."""

    def send(self, letter_id: UUID, mail: Mail) -> None:
        """Hand a letter over; the id makes its Message-ID, the same at each attempt. Raises: MailFailed."""
