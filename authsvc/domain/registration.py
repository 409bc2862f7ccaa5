"""Sign-up: a new user at once, or only when the mailed link was followed.

With confirmation, a known address and a new one cost the same work and get the same answer; only the letter differs.
"""

import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import uuid4

from authsvc.crypto import envelope
from authsvc.crypto import passwords as password_hashes
from authsvc.crypto.envelope import Place
from authsvc.domain import letters, links, mail
from authsvc.domain.accounts import Accounts, Occasion, letterhead
from authsvc.domain.fields import FieldProblem, FieldsInvalid
from authsvc.domain.outbox import MailedLink
from authsvc.domain.passwords import PasswordInvalid, check_new_password
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.profile import post_confirmation
from authsvc.domain.users import EmailInvalid, User, UsernameInvalid, canonical_login, check_email, check_username
from authsvc.errors import Conflict


@dataclass(frozen=True, slots=True)
class Registration:
    """What somebody who wants to be a user gave."""

    username: str
    password: str = field(repr=False)
    email: str | None
    name: str | None


def register(wanted: Registration, occasion: Occasion, uow: UnitOfWork, accounts: Accounts) -> User | None:
    """Return the new user, or None when a letter must be answered first.

    Raises: FieldsInvalid naming each bad field; Conflict if the name is taken; Throttled (letters to this address).
    """
    try:
        checked = _checked(wanted, accounts)
        if uow.users.find_by_login(canonical_login(checked.username)) is not None:
            raise Conflict("user: name is taken")
        if checked.email is not None and (accounts.confirms_mail or accounts.sends_mail):
            uow.attempts.reserve((mail.reservation(checked.email),), occasion.now)
        password_hash = password_hashes.hash_password(checked.password)
    finally:
        occasion.permit.release()
    user = _new_user(checked, password_hash, occasion.now)
    if accounts.confirms_mail:
        _await_confirmation(user, occasion, uow, accounts)
        return None
    uow.begin()
    uow.users.add(user)
    if user.email is not None and accounts.sends_mail:
        post_confirmation(user, user.email, occasion, uow, accounts)
    return user


def confirm_registration(presented_token: str, occasion: Occasion, uow: UnitOfWork, accounts: Accounts) -> User:
    """Return the user that the mailed link makes. Raises: LinkInvalid; Conflict if name or address was taken since."""
    uow.begin()
    link = links.consume(presented_token, links.REGISTER, uow.links, occasion.now)
    if link.payload_encrypted is None:
        raise links.LinkInvalid("without a registration")
    username, name, password_hash = json.loads(
        envelope.decrypt(link.payload_encrypted, _place(uow, link.secret_hash), accounts.master_keys)
    )
    registration = Registration(username, password="", email=link.email, name=name)
    user = replace(_new_user(registration, password_hash, occasion.now), email_verified=True)
    uow.users.add(user)
    return user


def _await_confirmation(user: User, occasion: Occasion, uow: UnitOfWork, accounts: Accounts) -> None:
    """Keep the registration until its link is followed, and write to the address.

    If somebody has the address already, the same is stored, but the letter does not hold the secret.
    """
    assert user.email is not None  # noqa: S101 - required by _checked
    known = uow.users.find_by_login(canonical_login(user.email))
    secret, minutes = links.new_secret(), accounts.mailed_link_seconds // 60
    payload = json.dumps([user.username, user.name, user.password_hash]).encode()
    link = MailedLink(
        secret_hash=secret.hash,
        purpose=links.REGISTER,
        user_id=None,
        email=user.email,
        expires_at=occasion.now + timedelta(seconds=accounts.mailed_link_seconds),
        payload_encrypted=envelope.encrypt(payload, _place(uow, secret.hash), accounts.master_keys),
    )
    head = letterhead(user.email, occasion, accounts, known)
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
    names = [username] if email is None else [username, email]
    try:
        password = check_new_password(password, accounts.passwords, has_second_factor=False, names=names)
    except PasswordInvalid as error:
        problems.append(FieldProblem("password", error.detail, error.reason))
    if problems:
        raise FieldsInvalid(tuple(problems))
    return Registration(username, password, email, wanted.name)


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
