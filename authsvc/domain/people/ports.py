"""What is stored of people; `ports` says what holds for every store."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from authsvc.domain.people.users import User


class Users(Protocol):
    """People. Never cached."""

    def get(self, user_id: UUID) -> User | None: ...

    def find_by_login(self, canonical: str) -> User | None:
        """By canonical user name, or by canonical *verified* address when it has an @."""

    def list_by_logins(self, canonical: Collection[str]) -> tuple[User, ...]:
        """Return everybody whose canonical user name or verified address is among these."""

    def list(self, after: UUID | None, limit: int) -> tuple[User, ...]: ...

    def add(self, user: User) -> None:
        """Raises: Conflict if the name is taken, or the address when verified."""

    def add_many(self, users: Sequence[User]) -> frozenset[UUID]:
        """Add those whose name, and address when verified, nobody has; return their ids."""

    def save_profile(self, user: User) -> User:
        """Write username, name, email, email_verified, details and updated_at if nobody changed the user since.

        Returns the user with its next version. Raises: Conflict (changed since, or name or verified address taken).
        """

    def set_password_hash(self, user_id: UUID, password_hash: str, *, instead_of: str | None) -> bool:
        """Replace the hash if it still is `instead_of`; False if it no longer is."""

    def verify_email(self, user_id: UUID, email: str) -> bool:
        """Mark the address verified if it still is the user's. Raises: Conflict if another user has it verified."""

    def disable(self, user_id: UUID, now: datetime) -> bool: ...

    def enable(self, user_id: UUID) -> bool: ...

    def delete(self, user_id: UUID) -> bool:
        """Delete the user with its sessions, families and links."""
