"""What a password must be, and the one way in which it is checked at a sign-in."""

import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass

from authsvc.errors import DomainError

MAX_PASSWORD_BYTES = 1_024
"""A longer one is refused before it is hashed; longer input buys no safety, only work."""
TOO_SHORT, TOO_LONG, TOO_COMMON, OWN_NAME = "too_short", "too_long", "too_common", "own_name"
_LONGEST_SPELLING = 4 * MAX_PASSWORD_BYTES
"""NFC makes at most one character of four, so a longer spelling stays longer than MAX_PASSWORD_BYTES."""


class PasswordInvalid(DomainError):
    """The password may not be chosen; the detail says what to mend, the reason in one word why."""

    rule = "password_invalid"

    def __init__(self, detail: str, reason: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """Shortest lengths in characters: with a second factor, and without. No composition rules.

    `common` gives the words that are refused, in lower case. Source: NIST SP 800-63B-4 §3.1.1.
    """

    min_length: int
    min_length_single_factor: int
    common: Callable[[], frozenset[str]]


def normal_form(presented: str) -> str:
    """Return the password as it is hashed: NFC, so that every keyboard's spelling of it is the same.

    One that is too long in any form stays as it is: normalizing takes time with the square of the length.
    """
    if is_endless(presented):
        return presented
    return unicodedata.normalize("NFC", presented)


def is_endless(presented: str) -> bool:
    """Whether what was presented is too long in any spelling: nobody's password, which need not be looked at."""
    return len(presented) > _LONGEST_SPELLING


def is_too_long(password: str) -> bool:
    """Whether the password is beyond what is hashed at all."""
    return len(password) > MAX_PASSWORD_BYTES or len(password.encode()) > MAX_PASSWORD_BYTES


def check_new_password(
    presented: str, policy: PasswordPolicy, *, has_second_factor: bool, names: Collection[str]
) -> str:
    """Return the password in normal form if it may be chosen.

    `names` are the person's own (user name, address): a password may not be one of them. Raises: PasswordInvalid.
    """
    password = normal_form(presented)
    shortest = policy.min_length if has_second_factor else policy.min_length_single_factor
    if len(password) < shortest:
        raise PasswordInvalid(f"at least {shortest} characters", TOO_SHORT)
    if is_too_long(password):
        raise PasswordInvalid(f"at most {MAX_PASSWORD_BYTES} bytes", TOO_LONG)
    folded = password.casefold()
    unit = _repeated_unit(folded)
    if len(unit) == 1 or not policy.common().isdisjoint({folded, unit}):
        raise PasswordInvalid("this password is too common: choose one that nobody else would", TOO_COMMON)
    if any(folded == name.casefold() for name in names):
        raise PasswordInvalid("the password may not be your own name or address", OWN_NAME)
    return password


def _repeated_unit(text: str) -> str:
    """Return what the text is a repetition of, itself if of nothing: a common word said twice is as common."""
    return text[: (text + text).index(text, 1)]
