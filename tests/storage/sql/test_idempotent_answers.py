from dataclasses import replace
from datetime import timedelta

from authsvc.domain.idempotent_answers import IdempotentAnswer
from authsvc.storage.sql.engine import Storage
from authsvc.storage.sql.unit_of_work import SqlUnitOfWork
from tests.storage.examples import NOW

ANSWER = IdempotentAnswer("key-hash", b"\x00answer", NOW + timedelta(days=1))


def test_an_answer_is_kept_once_and_found_until_it_expires(unit: SqlUnitOfWork):
    assert unit.idempotent_answers.add(ANSWER, NOW)
    assert not unit.idempotent_answers.add(replace(ANSWER, answer_encrypted=b"other"), NOW)
    assert unit.idempotent_answers.find("key-hash", NOW) == ANSWER
    assert unit.idempotent_answers.find("other-hash", NOW) is None
    assert unit.idempotent_answers.find("key-hash", ANSWER.expires_at) is None


def test_one_that_has_expired_makes_room(storage: Storage, unit: SqlUnitOfWork):
    assert unit.idempotent_answers.add(ANSWER, NOW)
    later = replace(ANSWER, answer_encrypted=b"later", expires_at=ANSWER.expires_at + timedelta(days=1))
    assert unit.idempotent_answers.add(later, ANSWER.expires_at)
    assert unit.idempotent_answers.find("key-hash", ANSWER.expires_at) == later
