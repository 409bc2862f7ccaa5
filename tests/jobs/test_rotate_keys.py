import threading

import pytest

from authsvc.domain.keyring import OPAQUE, KeyPolicy, Keyring
from authsvc.jobs.rotate_keys import rotating_keys

DAY = 86_400


@pytest.fixture
def keyring(master_keys):
    return Keyring(master_keys, KeyPolicy(jwks_max_age_seconds=300, skew_seconds=60))


@pytest.fixture
def unit(storage, tenant_id):
    uow = storage.unit_of_work(tenant_id)
    yield uow
    uow.close()


def test_an_old_key_gets_a_successor_that_is_published_before_it_signs(storage, clock, tenant_id, keyring, unit):
    first = keyring.signing_key("ES256", unit, clock())
    keyring.opaque_key(unit, clock())
    unit.commit()
    job = rotating_keys(storage, keyring, clock, 90 * DAY)
    clock.move(days=89)
    job(threading.Event())
    assert len([record for record in unit.keys.list() if record.algorithm != OPAQUE]) == 1
    clock.move(days=2)
    job(threading.Event())
    older, newer = [record for record in unit.keys.list() if record.algorithm != OPAQUE]
    assert older.kid == first.kid
    assert newer.is_published(clock())
    assert not newer.may_sign(clock())
    assert keyring.signing_key("ES256", unit, clock()).kid == first.kid
    clock.move(seconds=361)
    assert keyring.signing_key("ES256", unit, clock()).kid == newer.kid
    job(threading.Event())
    assert len([record for record in unit.keys.list() if record.algorithm != OPAQUE]) == 2


def test_the_key_of_opaque_tokens_is_not_rotated(storage, clock, tenant_id, keyring, unit):
    keyring.opaque_key(unit, clock())
    unit.commit()
    clock.move(days=1_000)
    rotating_keys(storage, keyring, clock, 90 * DAY)(threading.Event())
    assert len(unit.keys.list()) == 1
