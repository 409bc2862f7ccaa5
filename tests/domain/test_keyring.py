"""Which key signs and which are published (DESIGN 6.4; THREATS F8), on real stores."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from authsvc.crypto.envelope import MasterKeys, new_master_key_line, parse_master_keys
from authsvc.domain.keyring import OPAQUE, KeyPolicy, Keyring, published_keys
from authsvc.domain.parties.resources import MAX_ACCESS_TOKEN_SECONDS
from authsvc.domain.ports import Keys
from authsvc.storage.sql.engine import Storage, open_storage
from authsvc.storage.sql.unit_of_work import SqlUnitOfWork

NOW = datetime(2026, 3, 4, tzinfo=UTC)
TENANT = uuid4()
POLICY = KeyPolicy(jwks_max_age_seconds=300, skew_seconds=60)


@pytest.fixture
def storage(migrated_url: str) -> Iterator[Storage]:
    opened = open_storage(migrated_url, pool_size=4, cache=None)
    yield opened
    opened.close()


@pytest.fixture
def unit(storage: Storage) -> Iterator[SqlUnitOfWork]:
    opened = storage.unit_of_work(TENANT)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def master_keys() -> MasterKeys:
    return parse_master_keys(new_master_key_line() + "\n")


@pytest.fixture
def keyring(master_keys: MasterKeys) -> Keyring:
    return Keyring(master_keys, POLICY)


def kids(unit: SqlUnitOfWork, now: datetime) -> set[str]:
    return {str(key["kid"]) for key in published_keys(unit.keys.list(), now)}


def test_the_first_key_is_made_when_it_is_needed_and_kept(keyring: Keyring, unit: SqlUnitOfWork):
    first = keyring.signing_key("ES256", unit, NOW)
    unit.commit()
    assert keyring.signing_key("ES256", unit, NOW + timedelta(days=30)).kid == first.kid
    assert kids(unit, NOW) == {first.kid}


def test_another_process_opens_the_same_key(keyring: Keyring, master_keys: MasterKeys, unit: SqlUnitOfWork):
    first = keyring.signing_key("ES256", unit, NOW)
    opaque = keyring.opaque_key(unit, NOW)
    unit.commit()
    second = Keyring(master_keys, POLICY)
    assert second.signing_key("ES256", unit, NOW).kid == first.kid
    assert second.opaque_key(unit, NOW) == opaque


def test_the_key_of_refresh_tokens_is_never_published_nor_verifies(keyring: Keyring, unit: SqlUnitOfWork):
    keyring.opaque_key(unit, NOW)
    (record,) = unit.keys.list()
    assert record.algorithm == OPAQUE
    assert published_keys(unit.keys.list(), NOW) == ()
    assert keyring.verification_key(record.kid, unit, NOW) is None


def test_a_successor_is_published_before_it_signs(keyring: Keyring, unit: SqlUnitOfWork):
    first = keyring.signing_key("ES256", unit, NOW)
    successor = keyring.rotate("ES256", unit, NOW)
    assert kids(unit, NOW) == {first.kid, successor.kid}
    until = timedelta(seconds=POLICY.jwks_max_age_seconds + POLICY.skew_seconds)
    assert keyring.signing_key("ES256", unit, NOW + until - timedelta(seconds=1)).kid == first.kid
    assert keyring.signing_key("ES256", unit, NOW + until).kid == successor.kid


def test_a_predecessor_stays_until_the_last_it_signed_has_expired(keyring: Keyring, unit: SqlUnitOfWork):
    first = keyring.signing_key("ES256", unit, NOW)
    successor = keyring.rotate("ES256", unit, NOW)
    last_signed = NOW + timedelta(seconds=360)
    last_expires = last_signed + timedelta(seconds=MAX_ACCESS_TOKEN_SECONDS)
    assert first.kid in kids(unit, last_expires)
    assert keyring.verification_key(first.kid, unit, last_expires) is not None
    later = last_expires + timedelta(seconds=61)
    assert kids(unit, later) == {successor.kid}
    assert keyring.verification_key(first.kid, unit, later) is None


def test_a_revoked_key_is_replaced_at_once(keyring: Keyring, unit: SqlUnitOfWork):
    first = keyring.signing_key("ES256", unit, NOW)
    assert keyring.revoke(first.kid, unit, NOW)
    assert keyring.verification_key(first.kid, unit, NOW) is None
    second = keyring.signing_key("ES256", unit, NOW)
    assert second.kid != first.kid
    assert kids(unit, NOW) == {second.kid}
    assert not keyring.revoke(first.kid, unit, NOW), "it was revoked already"
    assert not keyring.revoke("nobody", unit, NOW)


def test_tenants_share_no_key(keyring: Keyring, storage: Storage, unit: SqlUnitOfWork):
    ours = keyring.signing_key("ES256", unit, NOW)
    unit.commit()
    other = storage.unit_of_work(uuid4())
    try:
        assert keyring.signing_key("ES256", other, NOW).kid != ours.kid
        assert keyring.verification_key(ours.kid, other, NOW) is None
    finally:
        other.close()


class _Overtaken:
    """A unit of work in which another process is quicker, just before the transaction begins."""

    def __init__(self, unit: SqlUnitOfWork, other: Callable[[], None]) -> None:
        self._unit = unit
        self._other = other

    @property
    def tenant_id(self) -> UUID:
        return self._unit.tenant_id

    @property
    def keys(self) -> Keys:
        return self._unit.keys

    def begin(self) -> None:
        other, self._other = self._other, _nothing
        other()
        self._unit.begin()


def _nothing() -> None:
    pass


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", OPAQUE])
def test_two_processes_that_need_the_first_key_at_once_agree(
    keyring: Keyring, master_keys: MasterKeys, storage: Storage, unit: SqlUnitOfWork, algorithm: str
):
    other = storage.unit_of_work(TENANT)

    def be_quicker() -> None:
        quick = Keyring(master_keys, POLICY)
        quick.opaque_key(other, NOW) if algorithm == OPAQUE else quick.signing_key(algorithm, other, NOW)
        other.commit()

    overtaken = _Overtaken(unit, be_quicker)
    if algorithm == OPAQUE:
        keyring.opaque_key(overtaken, NOW)
    else:
        keyring.signing_key(algorithm, overtaken, NOW)
    unit.commit()
    other.close()
    assert len(unit.keys.list()) == 1
