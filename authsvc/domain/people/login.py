"""A sign-in: the table of its steps, and the check of the first, by name and password.

Pages, POST /login and the password grant go through the same steps; `next_step` alone says which one is wanted.
Order is security in the check: reserve the attempt, then look at the password, then say whether the account is
disabled.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from authsvc.crypto import passwords as password_hashes
from authsvc.domain.people.lockout import LockoutPolicy, reservations
from authsvc.domain.people.passwords import is_too_long, normal_form
from authsvc.domain.people.ports import Users
from authsvc.domain.people.users import User, canonical_login
from authsvc.domain.ports import Attempts, HashPermit
from authsvc.errors import DomainError


class BadCredentials(DomainError):
    """Unknown name or wrong password: the same answer for both."""

    rule = "bad_credentials"


class AccountDisabled(DomainError):
    """The password was right, but the account is disabled; told only then."""

    rule = "account_disabled"


class OutOfTurn(DomainError):
    """This step is not the one that is wanted now, or it is about somebody else: nothing changes."""

    rule = "sign_in_out_of_turn"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a sign-in: who must take it, and what it then says of the sign-in (`amr`, RFC 8176)."""

    name: str
    amr: tuple[str, ...]
    is_wanted: Callable[[User], bool]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a sign-in has come: whose it is, None before the first step, and the steps that were proved."""

    user_id: UUID | None = None
    proved: tuple[str, ...] = ()


PASSWORD = "password"
STEPS: tuple[Step, ...] = (Step(PASSWORD, ("pwd",), lambda _: True),)
"""In their order. The first says who it is; further ones ask that person for more."""
BEGUN = Progress()


def next_step(progress: Progress, user: User | None) -> str | None:
    """Return the step that is wanted now; None when `user`, whose sign-in it is, is signed in."""
    if user is None or progress.user_id != user.id:
        return STEPS[0].name
    return next((step.name for step in STEPS if step.name not in progress.proved and step.is_wanted(user)), None)


def advance(progress: Progress, proved_step: str, user: User) -> Progress:
    """Return the progress after `user` has proved a step.

    Raises: OutOfTurn for any step but the next one, and for one of another person.
    """
    if progress.user_id not in {None, user.id}:
        raise OutOfTurn("another person's step").about(user_id=user.id)
    if next_step(progress, user) != proved_step:
        raise OutOfTurn(f"step {proved_step}").about(user_id=user.id)
    return replace(progress, user_id=user.id, proved=(*progress.proved, proved_step))


def means_of(progress: Progress, user: User) -> tuple[str, ...]:
    """Return the means by which the person signed in (RFC 8176). Raises: OutOfTurn while a step is wanted."""
    wanted = next_step(progress, user)
    if wanted is not None:
        raise OutOfTurn(f"still wanted: {wanted}").about(user_id=user.id)
    return tuple(name for step in STEPS if step.name in progress.proved for name in step.amr)


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
