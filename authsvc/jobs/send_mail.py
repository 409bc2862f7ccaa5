"""Sends the letters of the outbox: each is taken by one sender, deleted on delivery, and tried later when it failed."""

import logging
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from authsvc.clock import Clock
from authsvc.crypto.errors import DecryptionFailed
from authsvc.domain.mail.outbox import Letter, MailFailed
from authsvc.domain.mail.ports import Mailer
from authsvc.domain.mail.postbox import Postbox
from authsvc.domain.ports import Metrics
from authsvc.observe import logging as observe
from authsvc.storage.sql.engine import Storage

NAME = "send mail"
EVERY_SECONDS = 30
MOST_ATTEMPTS = 10
OLDEST_SECONDS = 86_400
"""An older letter speaks of something long over."""
FIRST_RETRY_SECONDS = 30
LONGEST_RETRY_SECONDS = 3_600
_TAKEN_SECONDS = 300
"""Longer than the slowest conversation with a mail server; if the sender is killed, another takes the letter then."""
_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class MailRoom:
    """What sending needs; without a mailer letters stay in the outbox."""

    storage: Storage
    postbox: Postbox
    mailer: Mailer | None
    metrics: Metrics
    clock: Clock


def every_seconds(room: MailRoom) -> float:
    """Return how often to look for letters of other processes, and for those that failed."""
    return math.inf if room.mailer is None else EVERY_SECONDS


def sending_mail(room: MailRoom) -> Callable[[threading.Event], bool]:
    """Return the job."""

    def run(stopping: threading.Event) -> bool:
        tenants = room.storage.tenants_with_letters(room.clock())
        if room.mailer is None:
            if tenants:
                observe.log(
                    logging.WARNING, "mail_waits", "letters wait in the outbox: set mail.smtp_host to send them"
                )
            return False
        for tenant_id in tenants:
            for _ in range(_AT_ONCE):
                if stopping.is_set():
                    return False
                letter = _take(room, tenant_id)
                if letter is None:
                    break
                if not _send(room, room.mailer, tenant_id, letter):
                    return False
            else:
                return True
        return False

    return run


def _take(room: MailRoom, tenant_id: UUID) -> Letter | None:
    now, uow = room.clock(), room.storage.unit_of_work(tenant_id)
    try:
        uow.begin()
        taken = uow.outbox.take(now, now + timedelta(seconds=_TAKEN_SECONDS), 1)
        uow.commit()
    finally:
        uow.close()
    return taken[0] if taken else None


def _send(room: MailRoom, mailer: Mailer, tenant_id: UUID, letter: Letter) -> bool:
    """Send one letter and store what became of it; False if the mail server itself cannot be used now."""
    error = _attempt(room, mailer, tenant_id, letter)
    if error is None:
        _forget(room, tenant_id, letter)
        room.metrics.mail_sent("sent")
        return True
    if error.is_final or letter.attempts >= MOST_ATTEMPTS:
        _forget(room, tenant_id, letter)
        room.metrics.mail_sent("dropped")
        _log(logging.ERROR, "mail_dropped", "a letter could not be delivered", letter, error)
    else:
        _postpone(room, tenant_id, letter)
        room.metrics.mail_sent("failed")
        _log(logging.WARNING, "mail_failed", "a letter was not taken", letter, error)
    return not error.is_server


def _attempt(room: MailRoom, mailer: Mailer, tenant_id: UUID, letter: Letter) -> MailFailed | None:
    if room.clock() - letter.created_at > timedelta(seconds=OLDEST_SECONDS):
        return MailFailed("too old", is_final=True)
    try:
        mailer.send(letter.id, room.postbox.open(letter, tenant_id))
    except MailFailed as error:
        return error
    except DecryptionFailed as error:
        return MailFailed(str(error))
    return None


def _postpone(room: MailRoom, tenant_id: UUID, letter: Letter) -> None:
    seconds = min(FIRST_RETRY_SECONDS * 2 ** (letter.attempts - 1), LONGEST_RETRY_SECONDS)
    uow = room.storage.unit_of_work(tenant_id)
    try:
        uow.begin()
        uow.outbox.postpone(letter.id, room.clock() + timedelta(seconds=seconds))
        uow.commit()
    finally:
        uow.close()


def _forget(room: MailRoom, tenant_id: UUID, letter: Letter) -> None:
    uow = room.storage.unit_of_work(tenant_id)
    try:
        uow.begin()
        uow.outbox.delete(letter.id)
        uow.commit()
    finally:
        uow.close()


def _log(level: int, event: str, message: str, letter: Letter, error: MailFailed) -> None:
    observe.log(level, event, message, letter=str(letter.id), attempts=letter.attempts, detail=error.detail)
