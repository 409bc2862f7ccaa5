"""Clients that strangers registered in vain leave; one that anybody used or changed never does."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from threading import Thread
from uuid import uuid4

import pytest
from sqlalchemy import update

from authsvc.domain.parties.relying_parties import NO_RELYING_PARTY, OPENLY, RelyingParty
from authsvc.domain.sign_in.consents import Consent
from authsvc.storage.cache import Cache
from authsvc.storage.sql.clients import clients
from authsvc.storage.sql.engine import Storage, open_storage
from authsvc.storage.sql.unit_of_work import SqlUnitOfWork
from tests.storage.examples import NOW, a_client, a_family, a_session, a_tenant, a_user

TENANT = replace(a_tenant(), id=uuid4())
USER = a_user()
SESSION = a_session(USER)
FAMILY = a_family(SESSION)
DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)


@pytest.fixture
def unit(own_storage: Storage) -> Iterator[SqlUnitOfWork]:
    opened = own_storage.unit_of_work(TENANT.id)
    opened.begin()
    opened.tenants.add(TENANT)
    opened.users.add(USER)
    yield opened
    opened.close()


STRANGER = replace(a_client("dc-1"), created_at=NOW, relying_party=RelyingParty(registered_with=OPENLY))
CONSENT = Consent(USER.id, STRANGER.id, frozenset({"openid"}), frozenset(), frozenset(), NOW, NOW)


def _strangers_client(unit: SqlUnitOfWork) -> Callable[[], object]:
    unit.clients.add(STRANGER)
    return lambda: unit.clients.get(STRANGER.id)


def _allowed(unit: SqlUnitOfWork) -> Callable[[], object]:
    find = _strangers_client(unit)
    unit.consents.give(CONSENT)
    return find


def _allowed_once(unit: SqlUnitOfWork) -> Callable[[], object]:
    find = _allowed(unit)
    assert unit.consents.withdraw(USER.id, STRANGER.id, NOW)
    return find


def _last_person_gone(unit: SqlUnitOfWork) -> Callable[[], object]:
    find = _allowed(unit)
    assert unit.users.delete(USER.id)
    return find


def _allowed_by_the_version_before(unit: SqlUnitOfWork) -> Callable[[], object]:
    find = _allowed(unit)
    unit._work.write(update(clients).values(first_used_at=None))
    return find


def _made_our_own(unit: SqlUnitOfWork) -> Callable[[], object]:
    """It needs no consent now: only its sessions tell that it is used."""
    find = _strangers_client(unit)
    unit.clients.save(replace(STRANGER, first_party=True))
    unit.sessions.add(replace(SESSION, client_id=STRANGER.id, expires_at=NOW + 900 * DAY))
    unit.families.add(replace(FAMILY, client_id=STRANGER.id, expires_at=NOW + 900 * DAY))
    return find


def _disabled(unit: SqlUnitOfWork) -> Callable[[], object]:
    find = _strangers_client(unit)
    assert unit.clients.disable(STRANGER.id, NOW)
    return find


def _registered_with_leave(unit: SqlUnitOfWork) -> Callable[[], object]:
    unit.clients.add(replace(STRANGER, relying_party=RelyingParty(registered_with=str(uuid4()))))
    return lambda: unit.clients.get(STRANGER.id)


def _operators_client(unit: SqlUnitOfWork) -> Callable[[], object]:
    unit.clients.add(replace(STRANGER, relying_party=NO_RELYING_PARTY))
    return lambda: unit.clients.get(STRANGER.id)


@pytest.mark.parametrize(
    "add",
    [
        _allowed, _allowed_once, _last_person_gone, _allowed_by_the_version_before, _made_our_own, _disabled,
        _registered_with_leave, _operators_client,
    ],
)  # fmt: skip
def test_no_client_is_purged_but_those_that_strangers_registered_in_vain(
    own_storage: Storage, unit: SqlUnitOfWork, add
):
    find = add(unit)
    unit.commit()
    # Not so late that sessions and families are over: they would be purged.
    own_storage.purge(NOW + 91 * DAY)
    assert find()


def test_an_unused_client_is_kept_as_long_as_the_setting_says(own_storage: Storage, unit: SqlUnitOfWork):
    find = _strangers_client(unit)
    unit.commit()
    assert own_storage.purge(NOW + DAY, unused_seconds=86_400) == 0
    assert own_storage.purge(NOW + DAY + INSTANT, unused_seconds=86_400) == 1
    assert not find()


def test_a_purged_client_leaves_every_cache(migrated_url: str, own_storage: Storage, unit: SqlUnitOfWork):
    _strangers_client(unit)
    unit.commit()
    clock = [0.0]
    reader = open_storage(migrated_url, pool_size=1, cache=Cache(monotonic=lambda: clock[0]))
    reading = reader.unit_of_work(TENANT.id)
    assert reading.clients.get(STRANGER.id)
    own_storage.purge(NOW + 91 * DAY)
    clock[0] += 1
    assert reading.clients.get(STRANGER.id) is None
    reading.close()
    reader.close()


def test_a_client_is_not_purged_while_a_person_allows_it_something(own_storage: Storage, unit: SqlUnitOfWork):
    """The purge has chosen it, and waits for its row: then it must ask once more."""
    find = _strangers_client(unit)
    unit.commit()
    unit.begin()
    unit.consents.give(CONSENT)
    purging = Thread(target=own_storage.purge, args=(NOW + 91 * DAY,))
    purging.start()
    purging.join(0.2)
    unit.commit()
    purging.join()
    assert find()
    assert unit.consents.list(USER.id) == (CONSENT,)
