from datetime import timedelta
from uuid import uuid4

from authsvc.storage.sql.engine import Storage
from tests.storage.examples import NOW
from tests.storage.race import race


def test_a_lease_has_one_holder_until_it_runs_out(storage: Storage):
    job = str(uuid4())
    assert storage.lease(job, "a", NOW, 60)
    assert not storage.lease(job, "b", NOW + timedelta(seconds=59.999999), 60)
    assert storage.lease(job, "b", NOW + timedelta(seconds=60), 60)
    assert not storage.lease(job, "a", NOW + timedelta(seconds=61), 60)


def test_a_holder_prolongs_its_lease(storage: Storage):
    job = str(uuid4())
    for second in (0, 50, 100):
        assert storage.lease(job, "a", NOW + timedelta(seconds=second), 60)
    assert not storage.lease(job, "b", NOW + timedelta(seconds=159), 60)


def test_leases_of_different_jobs_are_apart(storage: Storage):
    assert storage.lease(str(uuid4()), "a", NOW, 60)
    assert storage.lease(str(uuid4()), "b", NOW, 60)


def test_of_parallel_takers_one_gets_the_lease(storage: Storage):
    job = str(uuid4())
    assert race(lambda number: storage.lease(job, f"node-{number}", NOW, 60), times=40).count(True) == 1
