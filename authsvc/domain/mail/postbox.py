"""Outgoing mail: the outbox in which letters wait encrypted, and how many one address may get.

What each letter says stands in letters.py.
"""

import hashlib
import json
from datetime import datetime
from uuid import UUID, uuid4

from authsvc.crypto import envelope
from authsvc.crypto.envelope import MasterKeys, Place
from authsvc.domain.mail.outbox import Letter, Mail
from authsvc.domain.people.lockout import Reservation, Schedule
from authsvc.domain.people.users import canonical_login
from authsvc.domain.ports import UnitOfWork

_PER_ADDRESS = Schedule(free=5, first_delay_seconds=60, longest_delay_seconds=3_600, window_seconds=3_600)
"""Letters that strangers can cause to one address."""


class Postbox:
    """Puts letters into the outbox, and opens them for the sender."""

    def __init__(self, master_keys: MasterKeys) -> None:
        self._master_keys = master_keys

    def post(self, mail: Mail, uow: UnitOfWork, now: datetime) -> UUID:
        """Add a letter within the begun transaction: it leaves only if what it speaks of was stored. Returns its id."""
        letter_id = uuid4()
        content = json.dumps([mail.recipient, mail.subject, mail.text, mail.html]).encode()
        sealed = envelope.encrypt(content, letter_place(uow.tenant_id, letter_id), self._master_keys)
        uow.outbox.add(Letter(letter_id, sealed, created_at=now, send_after=now))
        return letter_id

    def open(self, letter: Letter, tenant_id: UUID) -> Mail:
        """Return what the letter says. Raises: DecryptionFailed."""
        place = letter_place(tenant_id, letter.id)
        return Mail(*json.loads(envelope.decrypt(letter.content_encrypted, place, self._master_keys)))


def reservation(email: str) -> Reservation:
    """Return the counter of letters to this address: reserved before one is written, or it becomes a mail bomb."""
    return _counter("mail", canonical_login(email))


def requests(canonical: str) -> Reservation:
    """Return the counter of requests for a letter to whoever has this name or address."""
    return _counter("request", canonical)


def _counter(kind: str, whose: str) -> Reservation:
    return Reservation(hashlib.sha256(f"{kind}\x1f{whose}".encode()).hexdigest(), _PER_ADDRESS)


def letter_place(tenant_id: UUID, letter_id: UUID) -> Place:
    """Return where a letter lies: bound into its encryption, so that rows cannot be swapped."""
    return Place(tenant=str(tenant_id), table="letters", row=str(letter_id), column="content_encrypted")
