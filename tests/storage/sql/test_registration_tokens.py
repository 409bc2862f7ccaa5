from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from authsvc.errors import Conflict
from authsvc.storage.sql.engine import Storage
from authsvc.storage.sql.unit_of_work import SqlUnitOfWork
from tests.storage.examples import LATER, NOW, a_registration_token
from tests.storage.race import race

TOKEN = a_registration_token()
ENDLESS = a_registration_token("endless-hash", uses_left=None)
INSTANT = timedelta(microseconds=1)


def test_tokens_come_back_as_they_were_added_oldest_first(unit: SqlUnitOfWork):
    older = replace(ENDLESS, created_at=NOW - INSTANT, revoked_at=LATER)
    for token in (TOKEN, older):
        unit.registration_tokens.add(token)
        assert unit.registration_tokens.find(token.secret_hash) == token
    assert unit.registration_tokens.list() == (older, TOKEN)
    for other in ("registration-hasH", "", "nul\0", "\udc80"):
        assert unit.registration_tokens.find(other) is None


def test_a_token_needs_a_secret_of_its_own(unit: SqlUnitOfWork):
    unit.registration_tokens.add(TOKEN)
    with pytest.raises(Conflict):
        unit.registration_tokens.add(a_registration_token())


def test_a_token_is_used_as_often_as_it_says(unit: SqlUnitOfWork):
    unit.registration_tokens.add(TOKEN)
    assert [unit.registration_tokens.use("registration-hash", NOW) for _ in range(3)] == [True, True, False]
    assert unit.registration_tokens.find("registration-hash") == replace(TOKEN, uses_left=0)


def test_a_token_without_a_number_is_used_until_it_expires(unit: SqlUnitOfWork):
    unit.registration_tokens.add(ENDLESS)
    assert all(unit.registration_tokens.use("endless-hash", LATER - INSTANT) for _ in range(9))
    assert not unit.registration_tokens.use("endless-hash", LATER)
    assert unit.registration_tokens.find("endless-hash") == ENDLESS


def test_a_revoked_token_is_not_used(unit: SqlUnitOfWork):
    unit.registration_tokens.add(ENDLESS)
    assert [unit.registration_tokens.revoke(ENDLESS.id, at) for at in (NOW, LATER)] == [True, False]
    assert not unit.registration_tokens.use("endless-hash", NOW)
    assert not unit.registration_tokens.revoke(uuid4(), NOW)
    assert unit.registration_tokens.find("endless-hash") == replace(ENDLESS, revoked_at=NOW)


def test_of_64_parallel_uses_as_many_win_as_there_are(storage: Storage, unit: SqlUnitOfWork):
    unit.registration_tokens.add(TOKEN)
    unit.commit()

    def use(_: int) -> bool:
        own = storage.unit_of_work(unit.tenant_id)
        try:
            own.begin()
            won = own.registration_tokens.use("registration-hash", NOW)
            own.commit()
            return won
        finally:
            own.close()

    assert race(use, times=64).count(True) == 2
