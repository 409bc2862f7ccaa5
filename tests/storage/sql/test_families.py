from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from authsvc.domain.sign_in.sessions import FamilyState, RefreshFamily
from authsvc.errors import Conflict
from authsvc.storage.sql.engine import Storage, open_storage
from authsvc.storage.sql.migrate import migrate
from authsvc.storage.sql.unit_of_work import SqlUnitOfWork
from tests.storage.examples import LATER, NOW, a_family, a_session, a_user
from tests.storage.race import race

IDLE = LATER + timedelta(days=30)


@pytest.fixture
def family(unit: SqlUnitOfWork) -> RefreshFamily:
    user = a_user()
    session = a_session(user)
    made = a_family(session)
    unit.users.add(user)
    unit.sessions.add(session)
    unit.families.add(made)
    return made


def _rotate(unit: SqlUnitOfWork, family_id: UUID, **changed) -> bool:
    terms: dict[str, Any] = {
        "presented_hash": "hash-0", "successor_hash": "hash-1", "generation": 0, "now": LATER, "idle_expires_at": IDLE
    } | changed  # fmt: skip
    return unit.families.rotate(family_id, **terms)


def test_a_family_is_found_with_its_session_and_user(unit: SqlUnitOfWork):
    user = a_user()
    session = a_session(user)
    family = a_family(session)
    unit.users.add(user)
    unit.sessions.add(session)
    unit.families.add(family)
    assert unit.families.find(family.id) == FamilyState(family, session, user_disabled=False)
    unit.users.disable(user.id, NOW)
    assert unit.families.find(family.id) == FamilyState(family, session, user_disabled=True)
    assert unit.families.find(uuid4()) is None


def test_a_family_needs_its_session(unit: SqlUnitOfWork):
    with pytest.raises(Conflict):
        unit.families.add(a_family(a_session(a_user())))


def test_rotation_makes_the_successor_current(unit: SqlUnitOfWork, family: RefreshFamily):
    assert _rotate(unit, family.id)
    state = unit.families.find(family.id)
    assert state is not None
    assert state.family == replace(
        family, current_hash="hash-1", previous_hash="hash-0", generation=1, rotated_at=LATER, idle_expires_at=IDLE
    )


@pytest.mark.parametrize(
    "terms",
    [
        pytest.param({"presented_hash": "hash-x"}, id="another hash"),
        pytest.param({"generation": 1}, id="a later generation"),
        pytest.param({"generation": -1}, id="an earlier generation"),
        pytest.param({"now": NOW + timedelta(days=30)}, id="idle too long, to the microsecond"),
        pytest.param({"now": NOW + timedelta(days=181)}, id="expired"),
    ],
)
def test_nothing_is_rotated_by(unit: SqlUnitOfWork, family: RefreshFamily, terms):
    assert not _rotate(unit, family.id, **terms)
    state = unit.families.find(family.id)
    assert state is not None
    assert state.family == family


def test_a_family_that_is_used_daily_still_expires(unit: SqlUnitOfWork, family: RefreshFamily):
    assert _rotate(unit, family.id, idle_expires_at=NOW + timedelta(days=400))
    assert not _rotate(
        unit, family.id, presented_hash="hash-1", generation=1, now=family.expires_at, idle_expires_at=IDLE
    )


def test_an_ended_family_is_not_rotated(unit: SqlUnitOfWork, family: RefreshFamily):
    assert unit.families.end(family.id, NOW)
    assert not unit.families.end(family.id, LATER)
    assert not _rotate(unit, family.id)


def test_an_ended_session_lets_none_of_its_families_rotate(unit: SqlUnitOfWork, family: RefreshFamily):
    assert unit.sessions.end(family.session_id, NOW)
    assert not _rotate(unit, family.id)


def test_the_superseded_token_does_not_rotate_again(unit: SqlUnitOfWork, family: RefreshFamily):
    assert _rotate(unit, family.id)
    assert not _rotate(unit, family.id)
    assert not _rotate(unit, family.id, generation=1)


def test_of_64_parallel_rotations_one_wins(storage: Storage, tenant_id: UUID, unit: SqlUnitOfWork, family):
    unit.commit()

    def rotate(number: int) -> bool:
        own = storage.unit_of_work(tenant_id)
        try:
            own.begin()
            won = _rotate(own, family.id, successor_hash=f"hash-of-{number}")
            own.commit()
            return won
        finally:
            own.close()

    won = race(rotate, times=64)
    assert won.count(True) == 1
    state = unit.families.find(family.id)
    assert state is not None
    assert (state.family.current_hash, state.family.generation) == (f"hash-of-{won.index(True)}", 1)


def test_rotating_a_family_touches_no_index_of_postgresql(fresh_postgres_url: str):
    migrate(fresh_postgres_url)
    storage = open_storage(fresh_postgres_url, pool_size=1, cache=None)
    unit = storage.unit_of_work(uuid4())
    user = a_user()
    session = a_session(user)
    family = a_family(session)
    unit.begin()
    unit.users.add(user)
    unit.sessions.add(session)
    unit.families.add(family)
    unit.commit()
    unit.begin()
    for generation in range(20):
        assert _rotate(
            unit, family.id, presented_hash=f"hash-{generation}", successor_hash=f"hash-{generation + 1}",
            generation=generation, idle_expires_at=NOW + timedelta(days=30, seconds=generation),
        )  # fmt: skip
    cursor = unit._work._take().cursor()
    cursor.execute("SELECT pg_stat_get_xact_tuples_hot_updated('refresh_families'::regclass)")
    assert list(cursor.fetchall()) == [(20,)]
    unit.close()
    storage.close()
