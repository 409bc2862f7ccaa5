from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from authsvc.domain.tokens.api_keys import KeyOwner
from authsvc.errors import Conflict
from authsvc.storage.sql.engine import Storage
from authsvc.storage.sql.unit_of_work import SqlUnitOfWork
from tests.storage.examples import LATER, NOW, a_client, a_user, an_api_key
from tests.storage.race import race

USER = a_user()
PERSONAL = an_api_key(USER.id)
SERVICE = an_api_key(client_id="shop", secret_hash="service-hash")
OWNER = KeyOwner(None, None, frozenset(), frozenset())
SECOND = timedelta(seconds=1)


@pytest.fixture
def owned(unit: SqlUnitOfWork) -> SqlUnitOfWork:
    unit.users.add(USER)
    unit.clients.add(a_client())
    unit.api_keys.add(PERSONAL)
    unit.api_keys.add(SERVICE)
    return unit


def test_keys_come_back_as_they_were_added(owned: SqlUnitOfWork):
    forever = replace(
        an_api_key(USER.id, secret_hash="f"), expires_at=None, last_used_at=NOW, revoked_at=LATER, scopes=frozenset(),
        resources=frozenset(),
    )  # fmt: skip
    owned.api_keys.add(forever)
    for key in (PERSONAL, SERVICE, forever):
        assert owned.api_keys.get(key.id) == key
        assert owned.api_keys.find(key.secret_hash) == key
    assert owned.api_keys.get(uuid4()) is None
    for other in ("key-hasH", "", "nul\0", "\udc80"):
        assert owned.api_keys.find(other) is None


def test_an_owner_sees_its_own_live_keys_oldest_first(owned: SqlUnitOfWork):
    older = replace(an_api_key(USER.id, secret_hash="older"), created_at=NOW - SECOND)
    expired = replace(an_api_key(USER.id, secret_hash="expired"), created_at=NOW + SECOND, expires_at=NOW)
    revoked = replace(an_api_key(USER.id, secret_hash="revoked"), revoked_at=NOW)
    for key in (older, expired, revoked):
        owned.api_keys.add(key)
    assert owned.api_keys.list(user_id=USER.id) == (older, PERSONAL, expired)
    assert owned.api_keys.list(client_id="shop") == (SERVICE,)
    assert owned.api_keys.list(user_id=uuid4()) == owned.api_keys.list(client_id="other") == ()


def test_keys_of_nobody_in_particular_are_not_listed(owned: SqlUnitOfWork):
    with pytest.raises(ValueError, match="of a user or of a client"):
        owned.api_keys.list()
    with pytest.raises(ValueError, match="of a user or of a client"):
        owned.api_keys.list(user_id=USER.id, client_id="shop")


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(an_api_key(USER.id), id="secret is another key's"),
        pytest.param(an_api_key(uuid4(), secret_hash="x"), id="no such user"),
        pytest.param(an_api_key(client_id="nobody", secret_hash="x"), id="no such client"),
    ],
)
def test_a_key_needs_an_owner_and_a_secret_of_its_own(owned: SqlUnitOfWork, key):
    with pytest.raises(Conflict):
        owned.api_keys.add(key)


def test_a_key_is_revoked_once(owned: SqlUnitOfWork):
    assert [owned.api_keys.revoke(PERSONAL.id, NOW), owned.api_keys.revoke(PERSONAL.id, LATER)] == [True, False]
    assert owned.api_keys.find("key-hash") == replace(PERSONAL, revoked_at=NOW)
    assert owned.api_keys.list(user_id=USER.id) == ()
    assert not owned.api_keys.revoke(uuid4(), NOW)


def test_all_keys_of_a_person_are_revoked_at_once_and_no_others(owned: SqlUnitOfWork):
    assert [owned.api_keys.revoke_all(USER.id, NOW), owned.api_keys.revoke_all(USER.id, LATER)] == [1, 0]
    assert owned.api_keys.get(PERSONAL.id) == replace(PERSONAL, revoked_at=NOW)
    assert owned.api_keys.get(SERVICE.id) == SERVICE


def test_no_key_is_added_to_those_of_a_person_who_is_out(owned: SqlUnitOfWork):
    """Whoever asked for it was let in before: disabling has revoked all keys by then."""
    theirs, shops = (replace(OWNER, user_id=USER.id), replace(OWNER, client_id="shop"))
    assert owned.api_keys.count_before_adding(theirs, NOW) == 1
    owned.users.disable(USER.id, NOW)
    for owner in (theirs, replace(OWNER, user_id=uuid4())):
        with pytest.raises(Conflict):
            owned.api_keys.count_before_adding(owner, NOW)
    assert owned.api_keys.count_before_adding(shops, NOW) == 1
    owned.users.enable(USER.id)
    assert owned.api_keys.count_before_adding(theirs, NOW) == 1


def test_the_last_use_is_written_once_a_minute_and_never_goes_back(owned: SqlUnitOfWork):
    for second, written in [(0, 0), (59, 0), (60, 0), (61, 61), (30, 61), (-99, 61), (121, 61), (122, 122)]:
        owned.api_keys.record_use(PERSONAL.id, NOW + second * SECOND)
        found = owned.api_keys.get(PERSONAL.id)
        assert found == replace(PERSONAL, last_used_at=NOW + written * SECOND)
    assert owned.api_keys.get(SERVICE.id) == SERVICE


def test_the_last_use_stays_the_latest_however_many_record_it(storage: Storage, owned: SqlUnitOfWork):
    owned.commit()

    def record(number: int) -> None:
        unit = storage.unit_of_work(owned.tenant_id)
        unit.begin()
        unit.api_keys.record_use(PERSONAL.id, NOW + number * 61 * SECOND)
        unit.commit()
        unit.close()

    race(record, times=20)
    assert owned.api_keys.get(PERSONAL.id) == replace(PERSONAL, last_used_at=NOW + 19 * 61 * SECOND)


def test_an_owners_end_is_its_keys_end(owned: SqlUnitOfWork):
    owned.users.delete(USER.id)
    assert (owned.api_keys.get(PERSONAL.id), owned.api_keys.get(SERVICE.id)) == (None, SERVICE)
    owned.clients.delete("shop")
    assert owned.api_keys.get(SERVICE.id) is None
