"""Outgoing mail: what each letter says, and the outbox in which it waits encrypted.

No letter repeats what a stranger typed (a name, a user name): else anyone could send any text to any address through
this server. Links are built from the tenant's issuer alone, never from a request; the secret stands behind `#`, which
no browser sends to a server.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from html import escape
from uuid import UUID, uuid4

from authsvc.crypto import envelope
from authsvc.crypto.envelope import MasterKeys, Place
from authsvc.domain.lockout import Reservation, Schedule
from authsvc.domain.outbox import Letter, Mail
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.tenants import Tenant
from authsvc.domain.users import canonical_login

_PER_ADDRESS = Schedule(free=5, first_delay_seconds=60, longest_delay_seconds=3_600, window_seconds=3_600)
"""Letters that strangers can cause to one address."""


class Postbox:
    """Puts letters into the outbox, and opens them for the sender."""

    def __init__(self, master_keys: MasterKeys) -> None:
        self._master_keys = master_keys

    def post(self, mail: Mail, uow: UnitOfWork, now: datetime) -> None:
        """Add a letter within the begun transaction: it leaves only if what it speaks of was stored."""
        letter_id = uuid4()
        content = json.dumps([mail.recipient, mail.subject, mail.text, mail.html]).encode()
        sealed = envelope.encrypt(content, letter_place(uow.tenant_id, letter_id), self._master_keys)
        uow.outbox.add(Letter(letter_id, sealed, created_at=now, send_after=now))

    def open(self, letter: Letter, tenant_id: UUID) -> Mail:
        """Return what the letter says. Raises: DecryptionFailed."""
        place = letter_place(tenant_id, letter.id)
        return Mail(*json.loads(envelope.decrypt(letter.content_encrypted, place, self._master_keys)))


def reservation(email: str) -> Reservation:
    """Return the counter of letters to this address: reserved before one is written, or it becomes a mail bomb."""
    return Reservation(hashlib.sha256(f"mail\x1f{canonical_login(email)}".encode()).hexdigest(), _PER_ADDRESS)


def confirm_registration(tenant: Tenant, recipient: str, secret: str, minutes: int) -> Mail:
    """The letter that makes a registration an account."""
    return _letter(
        recipient,
        "Confirm your registration",
        (
            f"Somebody, we hope you, registered an account with this address at {tenant.issuer}.",
            f"To create the account, open this link within {minutes} minutes:",
            _Link(f"{tenant.issuer}/ui/register/confirm#token={secret}"),
            "If an app asks for the code instead, it is:",
            _Code(secret),
            "If it was not you, do nothing: no account will be created.",
        ),
    )


def already_registered(tenant: Tenant, recipient: str) -> Mail:
    """The letter to someone whose address somebody tried to register again."""
    return _letter(
        recipient,
        "You have an account already",
        (
            f"Somebody, perhaps you, tried to register an account with this address at {tenant.issuer}.",
            "You have an account there already: sign in with this address. Nothing was changed.",
            "If it was not you, you need not do anything.",
        ),
    )


def confirm_address(tenant: Tenant, recipient: str, secret: str, minutes: int) -> Mail:
    """The letter that makes an address the account's own."""
    return _letter(
        recipient,
        "Confirm your address",
        (
            f"An account at {tenant.issuer} wants to use this address.",
            f"If it is yours, sign in there and open this link within {minutes} minutes:",
            _Link(f"{tenant.issuer}/ui/me/email/confirm#token={secret}"),
            "If an app asks for the code instead, it is:",
            _Code(secret),
            "If it was not you, do nothing: the address will not be used.",
        ),
    )


def address_removed(tenant: Tenant, recipient: str) -> Mail:
    """The letter to the address that is the account's no longer."""
    return _letter(
        recipient,
        "Your address was changed",
        (
            f"Your account at {tenant.issuer} no longer uses this address.",
            "If it was not you, somebody else has access to your account: speak to its operator at once.",
        ),
    )


def password_changed(tenant: Tenant, recipient: str) -> Mail:
    """The letter after a change of the password."""
    return _letter(
        recipient,
        "Your password was changed",
        (
            f"The password of your account at {tenant.issuer} was changed, and all other sign-ins were ended.",
            "If it was not you, somebody else has access to your account: speak to its operator at once.",
        ),
    )


@dataclass(frozen=True, slots=True)
class _Link:
    url: str


@dataclass(frozen=True, slots=True)
class _Code:
    code: str


_Paragraphs = tuple[str | _Link | _Code, ...]


def _letter(recipient: str, subject: str, paragraphs: _Paragraphs) -> Mail:
    text = "\n\n".join(_plain(paragraph) for paragraph in paragraphs) + "\n"
    html = "<!doctype html><html><body>" + "".join(f"<p>{_html(part)}</p>" for part in paragraphs) + "</body></html>\n"
    return Mail(recipient, subject, text, html)


def _plain(paragraph: str | _Link | _Code) -> str:
    if isinstance(paragraph, _Link):
        return paragraph.url
    return paragraph.code if isinstance(paragraph, _Code) else paragraph


def _html(paragraph: str | _Link | _Code) -> str:
    text = escape(_plain(paragraph))
    if isinstance(paragraph, _Link):
        return f'<a href="{text}">{text}</a>'
    return f"<code>{text}</code>" if isinstance(paragraph, _Code) else text


def letter_place(tenant_id: UUID, letter_id: UUID) -> Place:
    """Return where a letter lies: bound into its encryption, so that rows cannot be swapped."""
    return Place(tenant=str(tenant_id), table="letters", row=str(letter_id), column="content_encrypted")
