import logging
import threading
from dataclasses import replace
from uuid import uuid4

import pytest

from authsvc.domain.documents import FetchBusy, FetchFailed
from authsvc.domain.keyring import KeyPolicy, Keyring
from authsvc.domain.parties.relying_parties import RelyingParty
from authsvc.domain.sign_in.logout_deliveries import LogoutDelivery
from authsvc.jobs import notify_logout
from authsvc.jobs.notify_logout import Desk, notifying
from authsvc.observe.metrics import create_metrics
from tests.storage.examples import a_client

RUNNING = threading.Event()
PARTY = RelyingParty(("https://shop.example/cb",), backchannel_logout_uri="https://shop.example/back")


class Notifier:
    """The clients as the sender sees them; `failures` are raised first."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.told: list[tuple[str, dict[str, str]]] = []
        self.attempts = 0

    def notify(self, url, fields):
        self.attempts += 1
        if self.failures:
            raise self.failures.pop(0)
        self.told.append((url, dict(fields)))


@pytest.fixture
def desk(storage, tenant_id, clock, master_keys) -> Desk:
    uow = storage.unit_of_work(tenant_id)
    uow.begin()
    uow.clients.add(replace(a_client(), relying_party=PARTY))
    uow.commit()
    uow.close()
    return Desk(storage, Keyring(master_keys, KeyPolicy(0, 0)), Notifier(), create_metrics("1", ()), clock)


@pytest.fixture
def post(storage, tenant_id, clock):
    def add(client_id: str = "shop") -> None:
        uow = storage.unit_of_work(tenant_id)
        uow.begin()
        uow.logout_deliveries.add(LogoutDelivery(uuid4(), client_id, uuid4(), uuid4(), clock(), clock()))
        uow.commit()
        uow.close()

    return add


@pytest.fixture
def stored(storage, tenant_id):
    def deliveries():
        uow = storage.unit_of_work(tenant_id)
        try:
            return uow.logout_deliveries.list(None, 100)
        finally:
            uow.close()

    return deliveries


def counted(desk, outcome):
    return f'authsvc_logouts_told_total{{outcome="{outcome}"}}' in desk.metrics.render().decode()


def test_a_client_is_told_once(desk, post, stored):
    post()
    notifying(desk)(RUNNING)
    notifying(desk)(RUNNING)
    ((url, fields),) = desk.notifier.told
    assert (url, list(fields)) == (PARTY.backchannel_logout_uri, ["logout_token"])
    assert [(found.outcome, found.attempts) for found in stored()] == [("delivered", 1)]
    assert counted(desk, "delivered")


def test_a_client_that_fails_is_tried_later_each_time_and_given_up_after_a_day(desk, post, stored, clock, caplog):
    post()
    failing = replace(desk, notifier=Notifier(*[FetchFailed("answered 500")] * 99))
    waits: list[int] = []
    while stored()[0].outcome is None:
        assert len(waits) < 99
        notifying(failing)(RUNNING)
        (delivery,) = stored()
        notifying(failing)(RUNNING)
        assert failing.notifier.attempts == delivery.attempts == len(waits) + 1, "tried before its time"
        waits.append(round((delivery.send_after - clock()).total_seconds()))
        clock.move(seconds=waits[-1] + 1)
    assert waits[:5] == [10, 20, 40, 80, 160]
    assert waits[:-1] == sorted(waits[:-1])
    assert 80_000 < sum(waits[:-1]) <= notify_logout.OLDEST_SECONDS
    assert (delivery.outcome, delivery.detail) == ("failed", "answered 500")
    assert counted(failing, "dropped")
    notifying(failing)(RUNNING)
    assert failing.notifier.attempts == delivery.attempts


def test_what_is_logged_of_a_failure_is_no_token(desk, post, caplog):
    post()
    with caplog.at_level(logging.INFO, "authsvc"):
        notifying(replace(desk, notifier=Notifier(FetchBusy("no place"))))(RUNNING)
    (told,) = [str(vars(record)) for record in caplog.records if getattr(record, "event", "") == "logout_not_told"]
    assert "no place" in told
    assert "eyJ" not in told


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda uow, now: uow.clients.delete("shop"), id="gone"),
        pytest.param(lambda uow, now: uow.clients.disable("shop", now), id="disabled"),
        pytest.param(lambda uow, now: uow.clients.save(a_client()), id="no longer wants it"),
    ],
)
def test_whoever_is_not_there_any_more_is_not_told(desk, post, stored, storage, tenant_id, clock, change):
    post()
    uow = storage.unit_of_work(tenant_id)
    uow.begin()
    change(uow, clock())
    uow.commit()
    uow.close()
    notifying(desk)(RUNNING)
    assert desk.notifier.attempts == 0
    assert [found.outcome for found in stored()] == ["failed"]


def test_many_are_told_in_rounds_a_few_at_once(desk, post, stored):
    for _ in range(notify_logout.AT_ONCE + 3):
        post()
    job = notifying(desk)
    assert [job(RUNNING), len(desk.notifier.told)] == [True, notify_logout.AT_ONCE]
    assert [job(RUNNING), len(desk.notifier.told)] == [False, notify_logout.AT_ONCE + 3]
    assert {found.outcome for found in stored()} == {"delivered"}


def test_clients_are_told_side_by_side(desk, post, stored):
    barrier = threading.Barrier(3, timeout=60)

    class Slow(Notifier):
        def notify(self, url, fields):
            barrier.wait()

    for _ in range(3):
        post()
    notifying(replace(desk, notifier=Slow()))(RUNNING)
    assert not barrier.broken
    assert {found.outcome for found in stored()} == {"delivered"}


def test_an_ending_process_begins_no_round(desk, post, stored):
    post()
    ending = threading.Event()
    ending.set()
    notifying(desk)(ending)
    assert desk.notifier.attempts == 0


def test_a_fault_of_ours_leaves_the_delivery_to_be_taken_again(desk, post, stored, clock):
    post()
    with pytest.raises(RuntimeError):
        notifying(replace(desk, notifier=Notifier(RuntimeError("a bug"))))(RUNNING)
    clock.move(seconds=61)
    notifying(desk)(RUNNING)
    assert [(found.outcome, found.attempts) for found in stored()] == [("delivered", 2)]
