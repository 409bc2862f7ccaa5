"""A person's user name, displayed name and address.

A new address replaces the old one only when it was confirmed, if mail is sent at all; else it is stored unverified.
Unverified addresses block nobody and never sign in. The old address, if it was verified, is told.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from authsvc.domain.fields import FieldProblem, FieldsInvalid
from authsvc.domain.mail import letters, links, postbox
from authsvc.domain.mail.outbox import MailedLink
from authsvc.domain.people.accounts import Accounts, Occasion, letterhead
from authsvc.domain.people.users import EmailInvalid, User, UsernameInvalid, check_email, check_username
from authsvc.domain.ports import UnitOfWork
from authsvc.errors import Conflict

DETAILS = frozenset({"given_name", "family_name", "nickname", "locale"})
"""Standard claims (OpenID Connect Core §5.1) that a person may write."""
_LOCALE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,3}")
MAX_NAME = 200
"""Characters of a displayed name."""


@dataclass(frozen=True, slots=True)
class ChangedProfile:
    """The user as stored now, and the address that waits for its confirmation."""

    user: User
    pending_email: str | None


def change_profile(
    user: User, changes: Mapping[str, str | None], occasion: Occasion, uow: UnitOfWork, accounts: Accounts
) -> ChangedProfile:
    """Store new values of `username`, `name`, `email` and DETAILS; None removes one, absent ones stay.

    Raises: FieldsInvalid; Conflict if the name is taken or the user was changed meanwhile; Throttled (letters).
    """
    wanted, pending = with_changes(user, changes), None
    if "email" in changes and wanted.email is not None and not wanted.email_verified and accounts.sends_mail:
        pending, wanted = wanted.email, replace(wanted, email=user.email, email_verified=user.email_verified)
        uow.attempts.reserve((postbox.reservation(pending),), occasion.now)
    uow.begin()
    # Links before users, as a confirmation locks them.
    if pending is not None:
        post_confirmation(user, pending, occasion, uow, accounts)
    elif "email" in changes:
        uow.links.discard(user.id, links.VERIFY_EMAIL)
    if wanted == user:
        return ChangedProfile(user, pending)
    stored = uow.users.save_profile(replace(wanted, updated_at=occasion.now))
    _tell_old_address(user, stored, occasion, uow, accounts)
    return ChangedProfile(stored, pending)


def with_changes(user: User, changes: Mapping[str, str | None]) -> User:
    """Return the user with new values, not stored yet; an address stays verified only where it stays the same.

    Raises: FieldsInvalid naming each bad field.
    """
    problems: list[FieldProblem] = []
    username, email, is_verified = user.username, user.email, user.email_verified
    if "username" in changes:
        try:
            username = check_username(changes["username"] or "")
        except UsernameInvalid as error:
            problems.append(FieldProblem("username", error.detail))
    if "email" in changes:
        try:
            email = None if changes["email"] is None else check_email(changes["email"])
        except EmailInvalid as error:
            problems.append(FieldProblem("email", error.detail))
        is_verified = is_verified and email == user.email
    problems += _about_texts(changes)
    if problems:
        raise FieldsInvalid(tuple(problems))
    details = dict(user.details) | {name: changes[name] for name in DETAILS & changes.keys()}
    return replace(
        user,
        username=username,
        name=changes.get("name", user.name),
        email=email,
        email_verified=is_verified,
        details={name: value for name, value in details.items() if value is not None},
    )


def confirm_email(user: User, presented_token: str, occasion: Occasion, uow: UnitOfWork, accounts: Accounts) -> User:
    """Make the address that the mailed link proves the user's own, verified.

    Only the account that asked for it may use the link: else a stranger's account could be given a victim's address
    by the victim's own click. Raises: LinkInvalid; Conflict if another user verified the address first.
    """
    uow.begin()
    link = links.consume(presented_token, links.VERIFY_EMAIL, uow.links, occasion.now)
    if link.user_id != user.id:
        raise links.LinkInvalid("another user's link").about(user_id=user.id)
    current = uow.users.get(user.id)
    if current is None:
        raise Conflict("user: deleted meanwhile")
    stored = uow.users.save_profile(replace(current, email=link.email, email_verified=True))
    _tell_old_address(current, stored, occasion, uow, accounts)
    return stored


def post_confirmation(user: User, email: str, occasion: Occasion, uow: UnitOfWork, accounts: Accounts) -> None:
    """Store a link that proves the address, instead of any earlier one, and mail it. Within the transaction."""
    secret = links.new_secret()
    expires_at = occasion.now + timedelta(seconds=accounts.mailed_link_seconds)
    uow.links.add(MailedLink(secret.hash, links.VERIFY_EMAIL, user.id, email, expires_at))
    minutes = accounts.mailed_link_seconds // 60
    head = letterhead(email, occasion, accounts, user)
    accounts.postbox.post(letters.confirm_address(head, secret.value, minutes), uow, occasion.now)


def _about_texts(changes: Mapping[str, str | None]) -> Iterator[FieldProblem]:
    for name in sorted({"name", *DETAILS} & changes.keys()):
        value = changes[name]
        if value is not None and not (0 < len(value) <= MAX_NAME and value.isprintable()):
            yield FieldProblem(name, f"1 to {MAX_NAME} printable characters")
        elif value is not None and name == "locale" and not _LOCALE.fullmatch(value):
            yield FieldProblem(name, "a language such as de or pt-BR")


def _tell_old_address(before: User, after: User, occasion: Occasion, uow: UnitOfWork, accounts: Accounts) -> None:
    if accounts.sends_mail and before.email is not None and before.email_verified and after.email != before.email:
        head = letterhead(before.email, occasion, accounts, before)
        accounts.postbox.post(letters.address_removed(head), uow, occasion.now)
