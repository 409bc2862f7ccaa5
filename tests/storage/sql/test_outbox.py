from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from authsvc.storage.sql.engine import Storage
from authsvc.storage.sql.unit_of_work import SqlUnitOfWork
from tests.storage.examples import LATER, NOW, a_letter
from tests.storage.race import race

MUCH_LATER = LATER + timedelta(hours=1)


def test_a_letter_that_is_due_is_taken_leased_and_counted(unit: SqlUnitOfWork):
    letter = a_letter()
    unit.outbox.add(letter)
    assert unit.outbox.take(NOW, LATER, 10) == (replace(letter, send_after=LATER, attempts=1),)
    assert unit.outbox.take(NOW, LATER, 10) == ()
    assert unit.outbox.take(LATER, MUCH_LATER, 10) == (replace(letter, send_after=MUCH_LATER, attempts=2),)


def test_a_letter_is_not_taken_before_its_time(unit: SqlUnitOfWork):
    unit.outbox.add(a_letter(send_after=LATER))
    assert unit.outbox.take(LATER - timedelta(microseconds=1), MUCH_LATER, 10) == ()


def test_no_more_letters_are_taken_than_asked_for_the_longest_waiting_first(unit: SqlUnitOfWork):
    letters = [replace(a_letter(NOW + timedelta(seconds=n)), created_at=NOW + timedelta(seconds=n)) for n in range(5)]
    for letter in reversed(letters):
        unit.outbox.add(letter)
    taken = unit.outbox.take(LATER, MUCH_LATER, 3)
    assert [letter.id for letter in taken] == [letter.id for letter in letters[:3]]


def test_a_letter_that_could_not_be_sent_waits_until_then(unit: SqlUnitOfWork):
    letter = a_letter()
    unit.outbox.add(letter)
    unit.outbox.take(NOW, LATER, 10)
    unit.outbox.postpone(letter.id, MUCH_LATER)
    assert unit.outbox.take(LATER, MUCH_LATER, 10) == ()
    assert unit.outbox.take(MUCH_LATER, MUCH_LATER, 10) == (replace(letter, send_after=MUCH_LATER, attempts=2),)


def test_letters_are_listed_in_pages_without_gaps(unit: SqlUnitOfWork):
    letters = [a_letter(send_after=LATER) for _ in range(5)]
    for letter in letters:
        unit.outbox.add(letter)
    first = unit.outbox.list(None, 3)
    assert [*first, *unit.outbox.list(first[-1].id, 3)] == sorted(letters, key=lambda letter: letter.id)


def test_a_letters_content_is_replaced_only_if_it_is_still_the_old_one(unit: SqlUnitOfWork):
    letter = a_letter()
    unit.outbox.add(letter)
    assert not unit.outbox.set_content(letter.id, b"new", instead_of=b"other")
    assert unit.outbox.set_content(letter.id, b"new", instead_of=letter.content_encrypted)
    assert unit.outbox.list(None, 1) == (replace(letter, content_encrypted=b"new"),)


def test_whoever_has_a_letter_due_is_found_in_one_look(storage: Storage, tenant_id: UUID, unit: SqlUnitOfWork):
    unit.outbox.add(a_letter(send_after=LATER))
    unit.commit()
    assert tenant_id not in storage.tenants_with_letters(NOW)
    assert tenant_id in storage.tenants_with_letters(LATER)


def test_a_deleted_letter_is_gone(unit: SqlUnitOfWork):
    letter = a_letter()
    unit.outbox.add(letter)
    unit.outbox.delete(letter.id)
    assert unit.outbox.take(NOW, LATER, 10) == ()


def test_parallel_senders_take_each_letter_once(storage: Storage, tenant_id: UUID, unit: SqlUnitOfWork):
    letters = [a_letter() for _ in range(40)]
    for letter in letters:
        unit.outbox.add(letter)
    unit.commit()

    def take(_: int) -> list[UUID]:
        own = storage.unit_of_work(tenant_id)
        try:
            own.begin()
            taken = [letter.id for letter in own.outbox.take(NOW, LATER, 3)]
            own.commit()
            return taken
        finally:
            own.close()

    taken = [letter_id for part in race(take, times=60) for letter_id in part]
    assert sorted(taken) == sorted(letter.id for letter in letters)
