"""Tells clients that a session has ended (OpenID Connect Back-Channel Logout 1.0).

Each delivery is taken by one sender; one that failed is tried again after pauses that grow, for a day. A few are sent
at once, each in bounded time, and every client has its share of them: one that is slow takes nobody else's place.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta

from authsvc.clock import Clock
from authsvc.domain.documents import FetchBusy, FetchFailed
from authsvc.domain.keyring import Keyring
from authsvc.domain.parties.clients import Client
from authsvc.domain.ports import Metrics, Notifier, UnitOfWork
from authsvc.domain.sign_in.logout_deliveries import DELIVERED, FAILED, LogoutDelivery
from authsvc.domain.tenants import Tenant
from authsvc.observe import logging as observe
from authsvc.protocol.subjects import session_for, subject_for
from authsvc.protocol.tokens.logout_token import sign_logout_token
from authsvc.storage.sql.engine import Storage

NAME = "notify logout"
EVERY_SECONDS = 30
FIRST_RETRY_SECONDS = 10
LONGEST_RETRY_SECONDS = 3_600
OLDEST_SECONDS = 86_400
"""An older end is known by then: what the client holds has expired, or is refused when it asks."""
AT_ONCE = 8
_TAKEN_SECONDS = 60
"""Longer than the slowest client may take; if the sender is killed, another takes the delivery then."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What telling needs."""

    storage: Storage
    keyring: Keyring
    notifier: Notifier
    metrics: Metrics
    clock: Clock


@dataclass(frozen=True, slots=True)
class _Notice:
    """A delivery ready to be sent; without a URL there is nobody any more who wants it."""

    delivery: LogoutDelivery
    url: str | None
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class _Told:
    """What became of an attempt; no problem: the client has taken it."""

    delivery: LogoutDelivery
    problem: str | None = None
    is_final: bool = False


def notifying(desk: Desk) -> Callable[[threading.Event], bool]:
    """Return the job."""

    def run(stopping: threading.Event) -> bool:
        due, has_more = desk.storage.tenants_with_logouts(desk.clock()), False
        if not due:
            return False
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="logout") as senders:
            for tenant in desk.storage.list_tenants():
                if tenant.id in due and tenant.disabled_at is None and not stopping.is_set():
                    notices = _take(desk, tenant)
                    _store(desk, tenant, tuple(senders.map(lambda notice: _send(desk, notice), notices)))
                    has_more |= len(notices) == AT_ONCE
        return has_more

    return run


def _take(desk: Desk, tenant: Tenant) -> tuple[_Notice, ...]:
    now, uow = desk.clock(), desk.storage.unit_of_work(tenant.id)
    try:
        uow.begin()
        taken = uow.logout_deliveries.take(now, now + timedelta(seconds=_TAKEN_SECONDS), AT_ONCE)
        notices = tuple(_notice(delivery, desk, tenant, uow) for delivery in taken)
        uow.commit()
    finally:
        uow.close()
    return notices


def _notice(delivery: LogoutDelivery, desk: Desk, tenant: Tenant, uow: UnitOfWork) -> _Notice:
    client, now = uow.clients.get(delivery.client_id), desk.clock()
    url = _wanted_at(client)
    if client is None or url is None:
        return _Notice(delivery, None)
    subject = subject_for(delivery.user_id, client, desk.keyring, uow, now)
    key = desk.keyring.signing_key(client.id_token_algorithm, uow, now)
    told = replace(delivery, session_id=session_for(delivery.session_id, client, desk.keyring, uow, now))
    return _Notice(delivery, url, sign_logout_token(told, subject, tenant.issuer, key, now))


def _wanted_at(client: Client | None) -> str | None:
    if client is None or client.disabled_at is not None:
        return None
    return client.relying_party.backchannel_logout_uri


def _send(desk: Desk, notice: _Notice) -> _Told:
    if notice.url is None:
        return _Told(notice.delivery, "the client is gone, disabled, or no longer wants to be told", is_final=True)
    try:
        desk.notifier.notify(notice.url, {"logout_token": notice.token})
    except (FetchFailed, FetchBusy) as error:
        return _Told(notice.delivery, error.detail)
    return _Told(notice.delivery)


def _store(desk: Desk, tenant: Tenant, told: tuple[_Told, ...]) -> None:
    uow = desk.storage.unit_of_work(tenant.id)
    try:
        uow.begin()
        for each in told:
            _store_one(desk, each, uow)
        uow.commit()
    finally:
        uow.close()


def _store_one(desk: Desk, told: _Told, uow: UnitOfWork) -> None:
    delivery, now = told.delivery, desk.clock()
    if told.problem is None:
        uow.logout_deliveries.close(delivery.id, DELIVERED, None)
        desk.metrics.logout_told("delivered")
        return
    pause = min(FIRST_RETRY_SECONDS * 2 ** min(delivery.attempts - 1, 16), LONGEST_RETRY_SECONDS)
    next_at = now + timedelta(seconds=pause)
    if told.is_final or next_at > delivery.created_at + timedelta(seconds=OLDEST_SECONDS):
        uow.logout_deliveries.close(delivery.id, FAILED, told.problem)
        desk.metrics.logout_told("dropped")
    else:
        uow.logout_deliveries.postpone(delivery.id, next_at, told.problem)
        desk.metrics.logout_told("failed")
    observe.log(
        logging.WARNING, "logout_not_told", "a client was not told that a session has ended",
        client_id=delivery.client_id, delivery=str(delivery.id), attempts=delivery.attempts, detail=told.problem,
    )  # fmt: skip
