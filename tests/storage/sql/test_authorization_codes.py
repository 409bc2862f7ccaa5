from dataclasses import replace
from datetime import timedelta

import pytest

from authsvc.domain.sign_in.authorization_codes import CodeState
from authsvc.storage.sql.engine import Storage
from authsvc.storage.sql.unit_of_work import SqlUnitOfWork
from tests.storage.examples import LATER, NOW, a_code, a_session, a_user
from tests.storage.race import race

USER = a_user()
SESSION = a_session(USER)
CODE = a_code(SESSION)
BARE = replace(
    CODE, code_hash="bare-hash", sign_in=replace(CODE.sign_in, family_id=None), redirect_uri=None, code_challenge=None,
    scopes=frozenset(), resources=frozenset(), nonce=None, claims={}, acr=None, offline=False, consumed_at=LATER,
)  # fmt: skip
INSTANT = timedelta(microseconds=1)


@pytest.mark.parametrize("code", [CODE, BARE], ids=["whole", "bare"])
def test_a_code_comes_back_as_it_was_added(unit: SqlUnitOfWork, code):
    unit.codes.add(code)
    assert unit.codes.find(code.code_hash) == CodeState(code, None, None)
    for other in ("code-hasH", "", "nul\0", "\udc80"):
        assert unit.codes.find(other) is None


def test_what_a_code_stands_on_comes_with_it(unit: SqlUnitOfWork):
    unit.users.add(USER)
    unit.codes.add(CODE)
    assert unit.codes.find("code-hash") == CodeState(CODE, None, USER)
    unit.sessions.add(SESSION)
    assert unit.codes.find("code-hash") == CodeState(CODE, SESSION, USER)
    unit.sessions.end(SESSION.id, LATER)
    unit.users.disable(USER.id, LATER)
    ended, disabled = replace(SESSION, ended_at=LATER), replace(USER, disabled_at=LATER, version=USER.version + 1)
    assert unit.codes.find("code-hash") == CodeState(CODE, ended, disabled)


def test_a_code_and_its_use_last_at_once_where_no_transaction_is_begun(storage: Storage, unit: SqlUnitOfWork):
    unit.commit()
    for act in (lambda one: one.codes.add(CODE), lambda one: one.codes.consume("code-hash", NOW)):
        one = storage.unit_of_work(unit.tenant_id)
        act(one)
        one.close()
    assert unit.codes.find("code-hash") == CodeState(replace(CODE, consumed_at=NOW), None, None)


def test_a_code_is_used_once_and_is_known_afterwards(unit: SqlUnitOfWork):
    unit.codes.add(CODE)
    assert [unit.codes.consume("code-hash", NOW), unit.codes.consume("code-hash", NOW)] == [True, False]
    assert unit.codes.find("code-hash") == CodeState(replace(CODE, consumed_at=NOW), None, None)
    assert not unit.codes.consume("code-hasj", NOW)


def test_a_code_is_not_used_when_it_has_expired_to_the_microsecond(unit: SqlUnitOfWork):
    unit.codes.add(CODE)
    assert not unit.codes.consume("code-hash", LATER)
    assert unit.codes.find("code-hash") == CodeState(CODE, None, None)
    assert unit.codes.consume("code-hash", LATER - INSTANT)


def test_of_64_parallel_uses_of_a_code_one_wins(storage: Storage, unit: SqlUnitOfWork):
    unit.codes.add(CODE)
    unit.commit()

    def use(_: int) -> bool:
        own = storage.unit_of_work(unit.tenant_id)
        try:
            own.begin()
            won = own.codes.consume("code-hash", NOW)
            own.commit()
            return won
        finally:
            own.close()

    assert race(use, times=64).count(True) == 1
