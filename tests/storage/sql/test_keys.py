from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from authsvc.storage.sql.engine import Storage
from authsvc.storage.sql.unit_of_work import SqlUnitOfWork
from tests.storage.examples import LATER, NOW, a_key
from tests.storage.race import race


def test_keys_come_back_as_they_were_added_oldest_first(unit: SqlUnitOfWork):
    younger = replace(a_key("a", ordinal=2), created_at=NOW + timedelta(microseconds=1), retires_at=LATER)
    older = replace(a_key("z"), revoked_at=LATER)
    assert unit.keys.add(younger)
    assert unit.keys.add(older)
    assert unit.keys.list() == (older, younger)


def test_of_one_algorithm_and_ordinal_there_is_one_key(unit: SqlUnitOfWork):
    assert unit.keys.add(a_key("first"))
    assert not unit.keys.add(a_key("second"))
    assert unit.keys.add(a_key("third", "RS256"))
    assert [key.kid for key in unit.keys.list()] == ["first", "third"]


def test_of_parallel_first_keys_one_is_kept_and_all_see_it(storage: Storage, tenant_id: UUID):
    def create(number: int) -> tuple[bool, list[str]]:
        unit = storage.unit_of_work(tenant_id)
        try:
            unit.begin()
            added = unit.keys.add(a_key(f"kid-{number}"))
            kids = [key.kid for key in unit.keys.list()]
            unit.commit()
            return added, kids
        finally:
            unit.close()

    answers = race(create, times=20)
    assert [added for added, _ in answers].count(True) == 1
    winner = next(number for number, (added, _) in enumerate(answers) if added)
    assert all(kids == [f"kid-{winner}"] for _, kids in answers)


def test_a_key_is_retired_and_revoked_once(unit: SqlUnitOfWork):
    unit.keys.add(a_key())
    assert [unit.keys.retire("kid-1", LATER), unit.keys.retire("kid-1", NOW)] == [True, False]
    assert [unit.keys.revoke("kid-1", NOW), unit.keys.revoke("kid-1", LATER)] == [True, False]
    assert unit.keys.list() == (replace(a_key(), retires_at=LATER, revoked_at=NOW),)
    assert not unit.keys.retire("kid-x", NOW)
    assert not unit.keys.revoke("kid-x", NOW)


def test_a_private_part_is_replaced_only_if_it_is_still_the_old_one(unit: SqlUnitOfWork):
    unit.keys.add(a_key())
    assert not unit.keys.set_private("kid-1", b"new", instead_of=b"other")
    assert unit.keys.set_private("kid-1", b"new\x00", instead_of=a_key().private_encrypted)
    assert unit.keys.list() == (replace(a_key(), private_encrypted=b"new\x00"),)
