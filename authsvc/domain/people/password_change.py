"""A person's new password: the current one is proved first, and every other session ends."""

from dataclasses import dataclass, field, replace
from uuid import UUID

from authsvc.crypto import passwords as password_hashes
from authsvc.domain.fields import FieldProblem, FieldsInvalid
from authsvc.domain.mail import letters, links
from authsvc.domain.people import login
from authsvc.domain.people.accounts import Accounts, Occasion, letterhead
from authsvc.domain.people.login import BadCredentials, PasswordAttempt, ProvedUser
from authsvc.domain.people.passwords import PasswordInvalid, check_new_password
from authsvc.domain.people.users import User
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.sign_in.session_ends import end_sessions
from authsvc.errors import Conflict, DomainError


class WrongPassword(DomainError):
    """The current password is wrong; the caller is signed in, so this is no question of who they are."""

    rule = "wrong_current_password"


@dataclass(frozen=True, slots=True)
class PasswordChange:
    """The passwords as posted, and the session that stays."""

    presented_current: str = field(repr=False)
    presented_new: str = field(repr=False)
    session_id: UUID


def change_password(
    user: User, change: PasswordChange, occasion: Occasion, uow: UnitOfWork, accounts: Accounts
) -> None:
    """Store a new password and end every other session.

    The current one is checked under the sign-in's own counters, so that this gives no further guesses.
    Raises: FieldsInvalid, Throttled, WrongPassword, Conflict if the password was changed meanwhile.
    """
    try:
        password = _checked(change.presented_new, user, accounts)
        proved = _proved(user, change.presented_current, occasion, uow, accounts)
        password_hash = password_hashes.hash_password(password)
    finally:
        occasion.permit.release()
    uow.begin()
    # Links before users, as everywhere: a letter that lies about must not undo the change.
    uow.links.discard(user.id, links.RESET_PASSWORD)
    login.record_success(replace(proved, replacement_hash=None), uow.users, uow.attempts)
    if not uow.users.set_password_hash(user.id, password_hash, instead_of=proved.user.password_hash):
        raise Conflict("user: password changed meanwhile")
    end_sessions(user.id, uow, occasion.now, but=change.session_id)
    if accounts.sends_mail and user.email is not None and user.email_verified:
        head = letterhead(user.email, occasion, accounts, user)
        accounts.postbox.post(letters.password_changed(head), uow, occasion.now)


class _Kept:
    """Keeps the permit through the first of two hashes."""

    def release(self) -> None:
        """Not yet: the new password is still to be hashed."""


def _proved(user: User, presented_current: str, occasion: Occasion, uow: UnitOfWork, accounts: Accounts) -> ProvedUser:
    attempt = PasswordAttempt(user.username, presented_current, occasion.address)
    try:
        proved = login.check_password(attempt, uow.users, uow.attempts, _Kept(), accounts.lockout, occasion.now)
    except BadCredentials as error:
        raise WrongPassword(error.detail).about(user_id=user.id) from error
    if proved.user.id != user.id:
        raise Conflict("user: renamed meanwhile")
    return proved


def _checked(presented_new: str, user: User, accounts: Accounts) -> str:
    names = [user.username] if user.email is None else [user.username, user.email]
    try:
        return check_new_password(presented_new, accounts.passwords, has_second_factor=False, names=names)
    except PasswordInvalid as error:
        raise FieldsInvalid((FieldProblem("new_password", error.detail, error.reason),)) from error
