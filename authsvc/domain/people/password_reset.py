"""A forgotten password: a link by mail to the verified address, and a new password for who brings it.

Nothing but the mailed secret leads to the new password. The link is worth nothing once its user is gone or disabled,
or has another address; using it ends everything that the old password gave, API keys too.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from authsvc.crypto import passwords as password_hashes
from authsvc.domain.fields import FieldProblem, FieldsInvalid
from authsvc.domain.mail import letters, links, postbox
from authsvc.domain.mail.outbox import MailedLink
from authsvc.domain.people.accounts import Accounts, Occasion, letterhead
from authsvc.domain.people.lockout import Throttled, reservation, reservations
from authsvc.domain.people.passwords import PasswordInvalid, check_new_password
from authsvc.domain.people.users import User, canonical_login
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.sign_in.session_ends import end_sessions
from authsvc.errors import Conflict


@dataclass(frozen=True, slots=True)
class PasswordReset:
    """The mailed secret and the new password, as posted."""

    presented_token: str = field(repr=False)
    presented_new: str = field(repr=False)


def request_reset(presented_login: str, occasion: Occasion, uow: UnitOfWork, accounts: Accounts) -> User | None:
    """Mail a link to the verified address of whoever has this name or address; returns whom, for the audit alone.

    The caller's answer must not depend on it. Requests are counted by where they come from and by what was typed, known
    or not; letters by their address, silently, since a refusal there would tell whose it is. Raises: Throttled.
    """
    canonical = canonical_login(presented_login)
    from_here = reservation("forgotten password", accounts.requests, occasion.address)
    uow.attempts.reserve((from_here, postbox.requests(canonical)), occasion.now)
    user = uow.users.find_by_login(canonical)
    recipient = _deliverable(user)
    secret, minutes = links.new_secret(), accounts.mailed_link_seconds // 60
    may_send = _reserved(recipient or canonical, uow, occasion.now)
    whose = user if recipient is not None and may_send else None
    uow.begin()
    # For nobody the same is written and taken back: what it takes must not tell who is known. Of what was typed
    # nothing is in it: a name that looks like somebody's id would displace their link.
    address, owner = (secret.hash, None) if whose is None else (recipient or "", whose.id)
    expires_at = occasion.now + timedelta(seconds=accounts.mailed_link_seconds)
    uow.links.add(MailedLink(secret.hash, links.RESET_PASSWORD, owner, address, expires_at))
    letter = letters.reset_password(letterhead(address, occasion, accounts, whose), secret.value, minutes)
    letter_id = accounts.postbox.post(letter, uow, occasion.now)
    if whose is None:
        uow.links.consume(secret.hash, links.RESET_PASSWORD, occasion.now)
        uow.outbox.delete(letter_id)
    return whose


def reset_password(reset: PasswordReset, occasion: Occasion, uow: UnitOfWork, accounts: Accounts) -> User:
    """Store the new password of the link's user, and end all sessions, families, API keys and other links of theirs.

    A password that may not be chosen leaves the link unused. Raises: LinkInvalid, FieldsInvalid; Conflict if the
    password was changed meanwhile.
    """
    try:
        user = find_resettable(reset.presented_token, uow, occasion.now)
        password_hash = password_hashes.hash_password(_checked(reset.presented_new, user, accounts))
    finally:
        occasion.permit.release()
    uow.begin()
    # Links before users, as everywhere.
    link = links.consume(reset.presented_token, links.RESET_PASSWORD, uow.links, occasion.now)
    current = _owner(link, uow)
    replace_password(replace(current, password_hash=user.password_hash), password_hash, uow, occasion.now)
    # Who guessed at the old password must not keep its owner out.
    uow.attempts.clear([counter.key for counter in reservations(current.id, occasion.address, accounts.lockout)])
    head = letterhead(link.email, occasion, accounts, current)
    accounts.postbox.post(letters.password_reset(head), uow, occasion.now)
    return current


def replace_password(user: User, password_hash: str, uow: UnitOfWork, now: datetime) -> int:
    """Store a password that is set without proof of the old one; return how many sessions end. In the transaction.

    The old one may be in wrong hands: all that it gave is over, sessions, families, API keys and mailed links.
    Raises: Conflict if it was changed since `user` was read.
    """
    # Links before users, as everywhere.
    for purpose in (links.VERIFY_EMAIL, links.RESET_PASSWORD):
        uow.links.discard(user.id, purpose)
    if not uow.users.set_password_hash(user.id, password_hash, instead_of=user.password_hash):
        raise Conflict("user: password changed meanwhile")
    ended = end_sessions(user.id, uow, now)
    # Whoever knew the old password may have made one to come back by.
    uow.api_keys.revoke_all(user.id, now)
    return ended


def find_resettable(presented_token: str, uow: UnitOfWork, now: datetime) -> User:
    """Return whose password this link can set; reads only, and leaves the link unused. Raises: LinkInvalid."""
    return _owner(links.find(presented_token, links.RESET_PASSWORD, uow.links, now), uow)


def _owner(link: MailedLink, uow: UnitOfWork) -> User:
    """Return the link's user if the address that it was sent to is still theirs. Raises: LinkInvalid."""
    user = uow.users.get(link.user_id) if link.user_id is not None else None
    if user is None:
        raise links.LinkInvalid("the user is gone")
    recipient = _deliverable(user)
    if recipient is None or canonical_login(recipient) != canonical_login(link.email):
        raise links.LinkInvalid("the user is disabled or has another address").about(user_id=user.id)
    return user


def _deliverable(user: User | None) -> str | None:
    """Return where a link may be sent: only a verified address is known to be the person's."""
    if user is None or user.disabled_at is not None or not user.email_verified:
        return None
    return user.email


def _reserved(address: str, uow: UnitOfWork, now: datetime) -> bool:
    try:
        uow.attempts.reserve((postbox.reservation(address),), now)
    except Throttled:
        return False
    return True


def _checked(presented_new: str, user: User, accounts: Accounts) -> str:
    names = [user.username] if user.email is None else [user.username, user.email]
    try:
        return check_new_password(presented_new, accounts.passwords, has_second_factor=False, names=names)
    except PasswordInvalid as error:
        raise FieldsInvalid((FieldProblem("new_password", error.detail, error.reason),)) from error
