"""Mailed links: one-time secrets that prove who reads an address. One purpose each, usable once, for a short time."""

from dataclasses import dataclass, field
from datetime import datetime

from authsvc.crypto import opaque
from authsvc.domain.mail.outbox import MailedLink
from authsvc.domain.mail.ports import MailedLinks
from authsvc.errors import DomainError

REGISTER = "register"
VERIFY_EMAIL = "verify_email"
RESET_PASSWORD = "reset_password"


class LinkInvalid(DomainError):
    """Unknown, expired, used already, of another purpose or another person's: one answer for all."""

    rule = "link_invalid"


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A fresh secret and the hash that is stored of it."""

    value: str = field(repr=False)
    hash: str


def new_secret() -> NewSecret:
    """Return the secret of a new link."""
    value = opaque.new_secret(opaque.MAILED_TOKEN)
    return NewSecret(value, opaque.hash_secret(value))


def find(presented_token: str, purpose: str, links: MailedLinks, now: datetime) -> MailedLink:
    """Return the live link and leave it unused, to be judged before anything costly is done. Raises: LinkInvalid."""
    link = links.find(_hash_of(presented_token), purpose)
    if link is None or link.expires_at <= now:
        raise LinkInvalid("unknown, expired or used")
    return link


def consume(presented_token: str, purpose: str, links: MailedLinks, now: datetime) -> MailedLink:
    """Use the link up within the begun transaction. Raises: LinkInvalid."""
    link = links.consume(_hash_of(presented_token), purpose, now)
    if link is None:
        raise LinkInvalid("unknown, expired or used")
    return link


def _hash_of(presented_token: str) -> str:
    if not opaque.is_well_formed(opaque.MAILED_TOKEN, presented_token):
        raise LinkInvalid("malformed")
    return opaque.hash_secret(presented_token)
