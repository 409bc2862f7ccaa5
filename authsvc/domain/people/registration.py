"""Sign-up: a new user at once, or only when the mailed link was followed.

With confirmation, the password is chosen behind the link, by who reads the address: one that was chosen before might
be a stranger's, who would share the account with its owner. A known address and a new one cost the same work and get
the same answer; only the letter differs.
"""

import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import uuid4

from authsvc.crypto import envelope
from authsvc.crypto import passwords as password_hashes
from authsvc.crypto.envelope import Place
from authsvc.domain.fields import FieldProblem, FieldsInvalid
from authsvc.domain.mail import letters, links, postbox
from authsvc.domain.mail.outbox import MailedLink
from authsvc.domain.people.accounts import Accounts, Occasion, letterhead
from authsvc.domain.people.lockout import reservation
from authsvc.domain.people.passwords import PasswordInvalid, check_new_password
from authsvc.domain.people.profile import post_confirmation
from authsvc.domain.people.users import (
    EmailInvalid,
    User,
    UsernameInvalid,
    canonical_login,
    check_email,
    check_username,
)
from authsvc.domain.ports import UnitOfWork
from authsvc.errors import Conflict

CHOSEN_LATER = "chosen_later"
"""Why a password cannot be used: it is chosen behind the mailed link."""


@dataclass(frozen=True, slots=True)
class Registration:
    """What somebody who wants to be a user gave; no password where it is chosen behind the mailed link."""

    username: str
    password: str | None = field(repr=False)
    email: str | None
    name: str | None


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The mailed secret and the password of the account that it makes, as posted."""

    presented_token: str = field(repr=False)
    presented_password: str = field(repr=False)


def register(wanted: Registration, occasion: Occasion, uow: UnitOfWork, accounts: Accounts) -> User | None:
    """Return the new user, or None when a letter must be answered first.

    Raises: FieldsInvalid naming each bad field; Conflict if the name is taken; Throttled (sign-ups from
    this network address, letters to this mail address).
    """
    try:
        checked = _checked(wanted, accounts)
        # Before the name is looked up: else whoever asks often enough learns which names there are.
        uow.attempts.reserve((reservation("sign-up", accounts.sign_ups, occasion.address),), occasion.now)
        if uow.users.find_by_login(canonical_login(checked.username)) is not None:
            raise Conflict("user: name is taken")
        if checked.email is not None and (accounts.confirms_mail or accounts.sends_mail):
            uow.attempts.reserve((postbox.reservation(checked.email),), occasion.now)
        if checked.password is None:
            _await_confirmation(checked, occasion, uow, accounts)
            return None
        password_hash = password_hashes.hash_password(checked.password)
    finally:
        occasion.permit.release()
    user = _new_user(checked, password_hash, occasion.now)
    uow.begin()
    uow.users.add(user)
    if user.email is not None and accounts.sends_mail:
        post_confirmation(user, user.email, occasion, uow, accounts)
    return user


def confirm_registration(confirmation: Confirmation, occasion: Occasion, uow: UnitOfWork, accounts: Accounts) -> User:
    """Return the user that the mailed link makes, with the password of who brings it.

    A password that may not be chosen leaves the link unused. Raises: LinkInvalid, FieldsInvalid; Conflict if name or
    address was taken since.
    """
    try:
        wanted = find_registration(confirmation.presented_token, occasion, uow, accounts)
        password = _checked_password(confirmation.presented_password, wanted.username, wanted.email, accounts)
        password_hash = password_hashes.hash_password(password)
    except PasswordInvalid as error:
        raise FieldsInvalid((FieldProblem("password", error.detail, error.reason),)) from error
    finally:
        occasion.permit.release()
    uow.begin()
    links.consume(confirmation.presented_token, links.REGISTER, uow.links, occasion.now)
    user = replace(_new_user(wanted, password_hash, occasion.now), email_verified=True)
    uow.users.add(user)
    return user


def find_registration(presented_token: str, occasion: Occasion, uow: UnitOfWork, accounts: Accounts) -> Registration:
    """Return what this link would make a user; reads only, and leaves the link unused. Raises: LinkInvalid."""
    link = links.find(presented_token, links.REGISTER, uow.links, occasion.now)
    if link.payload_encrypted is None:
        raise links.LinkInvalid("without a registration")
    place = _place(uow, link.secret_hash)
    username, name = json.loads(envelope.decrypt(link.payload_encrypted, place, accounts.master_keys))
    return Registration(username, password=None, email=link.email, name=name)


def _await_confirmation(wanted: Registration, occasion: Occasion, uow: UnitOfWork, accounts: Accounts) -> None:
    """Keep the registration until its link is followed, and write to the address.

    If somebody has the address already, the same is stored, but the letter does not hold the secret.
    """
    assert wanted.email is not None  # noqa: S101 - required by _checked
    known = uow.users.find_by_login(canonical_login(wanted.email))
    secret, minutes = links.new_secret(), accounts.mailed_link_seconds // 60
    payload = json.dumps([wanted.username, wanted.name]).encode()
    link = MailedLink(
        secret_hash=secret.hash,
        purpose=links.REGISTER,
        user_id=None,
        email=wanted.email,
        expires_at=occasion.now + timedelta(seconds=accounts.mailed_link_seconds),
        payload_encrypted=envelope.encrypt(payload, _place(uow, secret.hash), accounts.master_keys),
    )
    head = letterhead(wanted.email, occasion, accounts, known)
    letter = letters.confirm_registration(head, secret.value, minutes)
    if known is not None:
        letter = letters.already_registered(head)
    uow.begin()
    uow.links.add(link)
    accounts.postbox.post(letter, uow, occasion.now)


def _checked(wanted: Registration, accounts: Accounts) -> Registration:
    problems: list[FieldProblem] = []
    username, email, password = wanted.username, wanted.email, wanted.password
    try:
        username = check_username(username)
    except UsernameInvalid as error:
        problems.append(FieldProblem("username", error.detail))
    try:
        if email is not None:
            email = check_email(email)
        elif accounts.confirms_mail:
            problems.append(FieldProblem("email", "is required", "missing"))
    except EmailInvalid as error:
        problems.append(FieldProblem("email", error.detail))
    try:
        if not accounts.confirms_mail:
            password = _checked_password(password, username, email, accounts)
        elif password is not None:
            problems.append(FieldProblem("password", "is chosen behind the mailed link: leave it out", CHOSEN_LATER))
    except PasswordInvalid as error:
        problems.append(FieldProblem("password", error.detail, error.reason))
    if problems:
        raise FieldsInvalid(tuple(problems))
    return Registration(username, password, email, wanted.name)


def _checked_password(presented: str | None, username: str, email: str | None, accounts: Accounts) -> str:
    """Return the password as it is hashed. Raises: PasswordInvalid."""
    if not presented:
        raise PasswordInvalid("is required", "missing")
    names = [username] if email is None else [username, email]
    return check_new_password(presented, accounts.passwords, has_second_factor=False, names=names)


def _new_user(checked: Registration, password_hash: str, now: datetime) -> User:
    return User(
        id=uuid4(),
        username=checked.username,
        email=checked.email,
        email_verified=False,
        name=checked.name,
        password_hash=password_hash,
        created_at=now,
    )


def _place(uow: UnitOfWork, secret_hash: str) -> Place:
    return Place(tenant=str(uow.tenant_id), table="mailed_links", row=secret_hash, column="payload_encrypted")
