import threading
from datetime import timedelta
from uuid import UUID

from authsvc.domain.mail.outbox import MailedLink
from authsvc.jobs.purge import purging


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


def test_a_stop_ends_the_work(storage, clock):
    stopping = threading.Event()
    stopping.set()
    assert purging(storage, clock, 86_400)(stopping) is False
