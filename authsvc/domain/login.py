"""The check of a sign-in by name and password: who it is, or one refusal that tells nothing.

Order is security here: reserve the attempt, then look at the password, then say whether the account is disabled.
"""

from dataclasses import dataclass
from datetime import datetime

from authsvc.crypto import passwords as password_hashes
from authsvc.domain.lockout import LockoutPolicy, reservations
from authsvc.domain.passwords import is_too_long, normal_form
from authsvc.domain.ports import Attempts, HashPermit, Users
from authsvc.domain.users import User, canonical_login
from authsvc.errors import DomainError


class BadCredentials(DomainError):
    """Unknown name or wrong password: the same answer for both."""

    rule = "bad_credentials"


class AccountDisabled(DomainError):
    """The password was right, but the account is disabled; told only then."""

    rule = "account_disabled"


@dataclass(frozen=True, slots=True)
class PasswordAttempt:
    """What was posted, and from where."""

    presented_username: str
    presented_password: str
    address: str


@dataclass(frozen=True, slots=True)
class ProvedUser:
    """A person whose password was right. `replacement_hash` is to be stored when the old hash was of an old kind."""

    user: User
    replacement_hash: str | None
    attempt_keys: tuple[str, ...]


def check_password(  # noqa: PLR0913 - each is a port or a fact of its own
    attempt: PasswordAttempt,
    users: Users,
    attempts: Attempts,
    permit: HashPermit,
    policy: LockoutPolicy,
    now: datetime,
) -> ProvedUser:
    """Return whose password this is. Raises: Throttled, BadCredentials, AccountDisabled.

    The attempt is counted before the password is looked at, so that parallel guesses cannot pass the limit.
    """
    canonical = canonical_login(attempt.presented_username)
    user = users.find_by_login(canonical)
    wanted = reservations(user.id if user else canonical, attempt.address, policy)
    attempts.reserve(wanted, now)
    password = normal_form(attempt.presented_password)
    try:
        replacement = _look(user, password)
    finally:
        permit.release()
    if user is None or replacement is None:
        raise BadCredentials("wrong password" if user else "unknown user").about(user_id=user.id if user else None)
    if user.disabled_at is not None:
        raise AccountDisabled("account disabled").about(user_id=user.id)
    return ProvedUser(user, replacement or None, tuple(reservation.key for reservation in wanted))


def _look(user: User | None, password: str) -> str | None:
    """Return None for a wrong password, "" for a right one, or the new hash that should replace the old."""
    if is_too_long(password):
        password_hashes.verify_dummy("")
        return None
    if user is None or user.password_hash is None:
        password_hashes.verify_dummy(password)
        return None
    if not password_hashes.verify_password(password, user.password_hash):
        return None
    if password_hashes.needs_rehash(user.password_hash):
        return password_hashes.hash_password(password)
    return ""


def record_success(proved: ProvedUser, users: Users, attempts: Attempts) -> None:
    """Store what a right password changes: the counters, and the hash if it was of an old kind.

    Hashing takes its time: a change of password meanwhile wins. The hash is written even if it stays, for the row's
    lock: so a change that comes now waits, and then ends this session with the others. Raises: BadCredentials.
    """
    old_hash = proved.user.password_hash
    if not users.set_password_hash(proved.user.id, proved.replacement_hash or old_hash or "", instead_of=old_hash):
        raise BadCredentials("the password was changed meanwhile").about(user_id=proved.user.id)
    pair, account = proved.attempt_keys
    attempts.clear((pair,))
    attempts.give_back((account,))
