"""Users: who a person is here, and the one canonical spelling that each name has."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from email_validator import EmailNotValidError, validate_email

from authsvc.errors import DomainError

MAX_USERNAME = 64
MAX_LOGIN_CHARACTERS = 1_024
"""Of a presented name or address, in any spelling: bringing long text into normal form takes time with its square."""
_LONGEST_SPELLING = 4 * MAX_USERNAME
"""NFC makes at most one character of four; a longer name is refused before that takes the square of its length."""
MAX_EMAIL_CHARACTERS = 1_024
"""Four times what an address may have (RFC 5321 §4.5.3.1), judged before its normal form for the same reason."""
_USERNAME = re.compile(r"[^\W_](?:[\w.-]*\w)?")


class UsernameInvalid(DomainError):
    """The name cannot be one; the detail says what to mend."""

    rule = "username_invalid"


class EmailInvalid(DomainError):
    """The address cannot be one; the detail says what to mend."""

    rule = "email_invalid"


@dataclass(frozen=True, slots=True)
class User:
    """A person's record. `id` is random (UUIDv4) and becomes `sub`; a deleted user's id never returns.

    `details` are further standard claims by their names (OpenID Connect Core §5.1), such as given_name or address.
    """

    id: UUID
    username: str
    email: str | None
    email_verified: bool
    name: str | None
    password_hash: str | None
    created_at: datetime
    disabled_at: datetime | None = None
    version: int = 1
    details: Mapping[str, Any] = field(default_factory=dict)
    updated_at: datetime | None = None


def canonical_login(presented: str) -> str:
    """Return the one spelling under which a user name or address is looked up, counted and unique (NFKC, casefold).

    Casefold may undo normal form, hence the second pass; outer white space is no part of a name.
    """
    folded = unicodedata.normalize("NFKC", presented).casefold()
    return unicodedata.normalize("NFKC", folded).strip()


def check_username(presented: str) -> str:
    """Return the user name as it will be shown (NFC). Raises: UsernameInvalid.

    No `@`, so that names and addresses share one namespace without colliding.
    """
    name = "" if len(presented) > _LONGEST_SPELLING else unicodedata.normalize("NFC", presented)
    if not 1 <= len(name) <= MAX_USERNAME or not _USERNAME.fullmatch(canonical_login(name)) or name != name.strip():
        raise UsernameInvalid(f"1 to {MAX_USERNAME} letters, digits, dots, hyphens or underscores; no @")
    return name


def check_email(presented: str) -> str:
    """Return the address in normal form. Raises: EmailInvalid. Deliverability is not looked up."""
    if len(presented) > MAX_EMAIL_CHARACTERS:
        raise EmailInvalid("an address such as name@example.com")
    try:
        return validate_email(presented, check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise EmailInvalid("an address such as name@example.com") from error
