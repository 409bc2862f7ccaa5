from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from authsvc.errors import Conflict
from authsvc.storage.sql.unit_of_work import SqlUnitOfWork
from tests.storage.examples import LATER, NOW, a_family, a_session, a_user


def test_a_session_comes_back_as_it_was_added(unit: SqlUnitOfWork):
    user = a_user()
    unit.users.add(user)
    session = a_session(user)
    unit.sessions.add(session)
    assert unit.sessions.get(session.id) == session
    assert unit.sessions.get(uuid4()) is None


def test_a_session_needs_its_user(unit: SqlUnitOfWork):
    with pytest.raises(Conflict):
        unit.sessions.add(a_session(a_user()))


def test_open_sessions_of_one_person_are_listed_newest_first(unit: SqlUnitOfWork):
    user, somebody = a_user(), a_user("somebody", None)
    for person in (user, somebody):
        unit.users.add(person)
    older = replace(a_session(user), authenticated_at=NOW - timedelta(hours=1))
    newer, ended = a_session(user), a_session(user)
    for session in (older, newer, ended, a_session(somebody)):
        unit.sessions.add(session)
    unit.sessions.end(ended.id, NOW)
    assert unit.sessions.list(user.id) == (newer, older)


def test_ending_a_session_ends_the_families_on_it_alone(unit: SqlUnitOfWork):
    user = a_user()
    unit.users.add(user)
    session, other = a_session(user), a_session(user)
    families = [a_family(session), a_family(session), a_family(other)]
    unit.sessions.add(session)
    unit.sessions.add(other)
    for family in families:
        unit.families.add(family)
    assert unit.sessions.end(session.id, LATER)
    assert not unit.sessions.end(session.id, LATER)
    assert unit.sessions.get(session.id) == replace(session, ended_at=LATER)
    assert unit.sessions.get(other.id) == other
    states = [unit.families.find(family.id) for family in families]
    assert [state.family.ended_at for state in states if state] == [LATER, LATER, None]


def test_ending_all_sessions_spares_the_one_named_and_other_people(unit: SqlUnitOfWork):
    user, somebody = a_user(), a_user("somebody", None)
    sessions = [a_session(user) for _ in range(4)]
    others = a_session(somebody)
    for person in (user, somebody):
        unit.users.add(person)
    for session in (*sessions, others):
        unit.sessions.add(session)
    family = a_family(sessions[0])
    unit.families.add(family)
    unit.sessions.end(sessions[3].id, NOW)
    assert unit.sessions.end_all(user.id, LATER, but=sessions[1].id) == 2
    ended = [found.ended_at for each in (*sessions, others) if (found := unit.sessions.get(each.id))]
    assert ended == [LATER, None, LATER, NOW, None]
    state = unit.families.find(family.id)
    assert state is not None
    assert state.family.ended_at == LATER
    assert unit.sessions.end_all(user.id, LATER) == 1
    assert unit.sessions.end_all(user.id, LATER) == 0
