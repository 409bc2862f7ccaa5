"""Users as an administrator makes and changes them: by their word an address is verified, and no letter is sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from uuid import uuid4

from authsvc.crypto import passwords as password_hashes
from authsvc.crypto.errors import UnsupportedHash
from authsvc.domain.fields import FieldProblem, FieldsInvalid
from authsvc.domain.mail import links
from authsvc.domain.people.accounts import Accounts, Occasion
from authsvc.domain.people.password_reset import replace_password
from authsvc.domain.people.passwords import PasswordInvalid, PasswordPolicy, check_new_password
from authsvc.domain.people.profile import with_changes
from authsvc.domain.people.users import User
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.sign_in.session_ends import disable_user
from authsvc.errors import Conflict


@dataclass(frozen=True, slots=True)
class Given:
    """What an administrator gave. `profile` as in `change_profile`; None elsewhere: as it is, or as a new one is."""

    profile: Mapping[str, str | None]
    email_verified: bool | None = None
    disabled: bool | None = None
    password: str | None = field(default=None, repr=False)
    password_hash: str | None = field(default=None, repr=False)


def create_user(given: Given, occasion: Occasion, uow: UnitOfWork, accounts: Accounts) -> User:
    """Return the new user.

    Raises: FieldsInvalid naming each bad field; Conflict if the name or the verified address is taken.
    """
    blank = User(
        uuid4(), username="", email=None, email_verified=False, name=None, password_hash=None, created_at=occasion.now
    )
    user = _checked(blank, given, occasion, accounts)
    if given.disabled:
        user = replace(user, disabled_at=occasion.now)
    uow.begin()
    uow.users.add(user)
    return user


def change_user(user: User, given: Given, occasion: Occasion, uow: UnitOfWork, accounts: Accounts) -> User:
    """Return the user as stored now. A new password ends all that the old one gave, as a mailed one does.

    Disabling ends all sessions and revokes all API keys.

    Raises: FieldsInvalid; Conflict if name or verified address is taken, or the user was changed meanwhile.
    """
    wanted = _checked(user, given, occasion, accounts)
    has_new_password = wanted.password_hash != user.password_hash
    uow.begin()
    # Links before users, as everywhere.
    if has_new_password or wanted.email != user.email or wanted.email_verified != user.email_verified:
        for purpose in (links.VERIFY_EMAIL, links.RESET_PASSWORD):
            uow.links.discard(user.id, purpose)
    if replace(wanted, password_hash=user.password_hash) != user:
        uow.users.save_profile(replace(wanted, updated_at=occasion.now))
    if has_new_password and wanted.password_hash is not None:
        replace_password(user, wanted.password_hash, uow, occasion.now)
    if given.disabled is True:
        disable_user(user.id, uow, occasion.now)
    if given.disabled is False:
        uow.users.enable(user.id)
    changed = uow.users.get(user.id)
    if changed is None:
        raise Conflict("user: deleted meanwhile")
    return changed


def _checked(user: User, given: Given, occasion: Occasion, accounts: Accounts) -> User:
    """Return what the user is to be; hashes at most once, and gives the permit back. Raises: FieldsInvalid."""
    problems: tuple[FieldProblem, ...] = ()
    wanted = user
    try:
        try:
            wanted = with_changes(user, given.profile)
        except FieldsInvalid as error:
            problems = error.problems
        if given.email_verified is not None:
            wanted = replace(wanted, email_verified=given.email_verified)
        if wanted.email_verified and wanted.email is None and not problems:
            problems = (FieldProblem("email_verified", "there is no address to be verified"),)
        password, found = _checked_password(wanted, given, accounts.passwords)
        if problems := (*problems, *found):
            raise FieldsInvalid(problems)
        if password is not None:
            return replace(wanted, password_hash=password_hashes.hash_password(password))
    finally:
        occasion.permit.release()
    return wanted if given.password_hash is None else replace(wanted, password_hash=given.password_hash)


def _checked_password(
    user: User, given: Given, policy: PasswordPolicy
) -> tuple[str | None, tuple[FieldProblem, ...]]:  # fmt: skip
    """Return the new password, if there is one, and what is wrong with it or with a hash that was given instead."""
    if given.password is not None and given.password_hash is not None:
        return None, (FieldProblem("password_hash", "give a password or a hash, not both"),)
    try:
        if given.password_hash is not None:
            password_hashes.check_importable(given.password_hash)
        if given.password is None:
            return None, ()
        names = [name for name in (user.username, user.email) if name]
        return check_new_password(given.password, policy, has_second_factor=False, names=names), ()
    except PasswordInvalid as error:
        return None, (FieldProblem("password", error.detail, error.reason),)
    except UnsupportedHash:
        return None, (FieldProblem("password_hash", "a hash of a scheme and cost that can be taken over"),)
