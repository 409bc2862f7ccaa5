import threading
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from authsvc.domain.mail.outbox import MailedLink
from authsvc.domain.parties.relying_parties import OPENLY, RelyingParty
from authsvc.jobs.purge import purging
from tests.storage.examples import a_client


def test_what_is_over_is_deleted_and_what_lives_stays(storage, clock, tenant_id):
    uow, now = storage.unit_of_work(tenant_id), clock()
    uow.begin()
    for number, seconds in enumerate((-10, -5, 500)):
        email, expires_at = f"{number}@example.org", now + timedelta(seconds=seconds)
        uow.links.add(MailedLink(f"hash{number}", "register", None, email, expires_at, b"x"))
    uow.commit()
    assert purging(storage, clock, 86_400)(threading.Event()) is False
    uow.begin()
    long_ago = now - timedelta(days=1)
    left = [uow.links.consume(f"hash{number}", "register", long_ago) for number in range(3)]
    uow.rollback()
    uow.close()
    assert [link is not None for link in left] == [False, False, True]
    assert left[2] is not None
    assert isinstance(left[2].user_id, UUID | None)


def test_clients_that_nobody_uses_are_kept_as_long_as_the_setting_says(storage, clock, tenant_id):
    uow = storage.unit_of_work(tenant_id)
    uow.begin()
    openly = RelyingParty(registered_with=OPENLY)
    for days in (1, 3):
        made = replace(a_client(f"dc-{days}"), created_at=clock() - timedelta(days=days), relying_party=openly)
        uow.clients.add(made)
    uow.commit()
    assert purging(storage, clock, 86_400, 2 * 86_400)(threading.Event()) is False
    assert [client.id for client in uow.clients.list(None, 9)] == ["dc-1"]
    uow.close()


def test_a_stop_ends_the_work(storage, clock):
    stopping = threading.Event()
    stopping.set()
    assert purging(storage, clock, 86_400)(stopping) is False
