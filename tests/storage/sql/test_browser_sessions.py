from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from authsvc.domain.sign_in.sessions import BrowserSession, Visitor
from authsvc.errors import Conflict
from authsvc.storage.sql.engine import Storage
from authsvc.storage.sql.unit_of_work import SqlUnitOfWork
from tests.storage.examples import DETAILS, LATER, NOW, a_browser_session, a_family, a_session, a_user
from tests.storage.race import race

USER = replace(a_user(), details=DETAILS, updated_at=NOW)
BROWSER = a_browser_session(USER)
SESSION = BROWSER.session
MUCH_LATER = LATER + timedelta(hours=1)
RENEWED = BrowserSession(
    replace(SESSION, authenticated_at=LATER, amr=("pwd",), expires_at=MUCH_LATER), "renewed-hash", MUCH_LATER, LATER,
    "192.0.2.2", "another",
)  # fmt: skip


@pytest.fixture
def signed_in(unit: SqlUnitOfWork) -> SqlUnitOfWork:
    unit.users.add(USER)
    unit.browser_sessions.add(BROWSER)
    return unit


def test_a_cookie_says_who_is_here(signed_in: SqlUnitOfWork):
    assert signed_in.browser_sessions.find("cookie-hash") == Visitor(BROWSER, USER)
    assert signed_in.sessions.get(SESSION.id) == SESSION
    for other in ("cookie-hasH", "", "nul\0", "\udc80"):
        assert signed_in.browser_sessions.find(other) is None


def test_a_cookie_is_known_when_its_session_is_over_and_its_person_disabled(signed_in: SqlUnitOfWork):
    signed_in.sessions.end(SESSION.id, LATER)
    signed_in.users.disable(USER.id, LATER)
    found = signed_in.browser_sessions.find("cookie-hash")
    assert found is not None
    assert (found.browser.session.ended_at, found.user.disabled_at) == (LATER, LATER)


@pytest.mark.parametrize(
    "browser",
    [
        pytest.param(a_browser_session(a_user("nobody", None), "x"), id="no such user"),
        pytest.param(a_browser_session(USER), id="cookie of another session"),
    ],
)
def test_a_browser_session_needs_its_user_and_a_cookie_of_its_own(signed_in: SqlUnitOfWork, browser):
    with pytest.raises(Conflict):
        signed_in.browser_sessions.add(browser)


def test_a_visit_moves_the_idle_end_of_that_session_alone(signed_in: SqlUnitOfWork):
    other = a_browser_session(USER, "other-hash")
    signed_in.browser_sessions.add(other)
    signed_in.browser_sessions.touch(SESSION.id, LATER, MUCH_LATER)
    visited = replace(BROWSER, seen_at=LATER, idle_expires_at=MUCH_LATER)
    assert signed_in.browser_sessions.list(USER.id) == (visited, other)


def test_a_renewed_session_has_another_cookie_and_the_old_one_is_worth_nothing(signed_in: SqlUnitOfWork):
    assert signed_in.browser_sessions.renew(RENEWED, instead_of="cookie-hash")
    assert signed_in.browser_sessions.find("cookie-hash") is None
    assert signed_in.browser_sessions.find("renewed-hash") == Visitor(RENEWED, USER)


def test_a_session_is_not_renewed_by_whoever_has_another_cookie_or_after_its_end(signed_in: SqlUnitOfWork):
    assert not signed_in.browser_sessions.renew(RENEWED, instead_of="another-hash")
    assert signed_in.browser_sessions.find("cookie-hash") == Visitor(BROWSER, USER)
    signed_in.sessions.end(SESSION.id, LATER)
    assert not signed_in.browser_sessions.renew(RENEWED, instead_of="cookie-hash")
    assert signed_in.browser_sessions.find("renewed-hash") is None
    unknown = replace(RENEWED, session=replace(SESSION, id=uuid4()))
    assert not signed_in.browser_sessions.renew(unknown, instead_of="cookie-hash")


def test_of_20_parallel_renewals_of_a_cookie_one_wins(storage: Storage, signed_in: SqlUnitOfWork):
    signed_in.commit()

    def renew(number: int) -> bool:
        own = storage.unit_of_work(signed_in.tenant_id)
        try:
            own.begin()
            done = own.browser_sessions.renew(replace(RENEWED, secret_hash=f"hash-{number}"), instead_of="cookie-hash")
            own.commit()
            return done
        finally:
            own.close()

    won = race(renew, times=20)
    assert won.count(True) == 1
    assert signed_in.browser_sessions.find(f"hash-{won.index(True)}") is not None


def test_the_browsers_of_one_person_are_listed_newest_visit_first_without_ended_ones(signed_in: SqlUnitOfWork):
    somebody = a_user("somebody", None)
    signed_in.users.add(somebody)
    later = replace(a_browser_session(USER, "later"), seen_at=LATER)
    ended = a_browser_session(USER, "ended")
    for browser in (later, ended, a_browser_session(somebody, "somebody's")):
        signed_in.browser_sessions.add(browser)
    signed_in.sessions.add(a_session(USER))
    signed_in.sessions.end(ended.session.id, NOW)
    assert signed_in.browser_sessions.list(USER.id) == (later, BROWSER)


def test_a_client_joins_a_session_once_and_leaves_with_it(signed_in: SqlUnitOfWork):
    for client_id in ("shop", "app", "shop"):
        signed_in.browser_sessions.join(SESSION.id, client_id, NOW)
    assert signed_in.browser_sessions.participants(SESSION.id) == ("app", "shop")
    assert signed_in.browser_sessions.participants(uuid4()) == ()
    signed_in.sessions.end(SESSION.id, NOW)
    assert signed_in.browser_sessions.participants(SESSION.id) == ("app", "shop")
    signed_in.users.delete(USER.id)
    assert signed_in.browser_sessions.participants(SESSION.id) == ()
    assert signed_in.browser_sessions.find("cookie-hash") is None


def test_no_client_joins_a_session_that_is_not_there(signed_in: SqlUnitOfWork):
    with pytest.raises(Conflict):
        signed_in.browser_sessions.join(uuid4(), "shop", NOW)


def test_ending_a_browsers_session_ends_the_families_on_it(signed_in: SqlUnitOfWork):
    family = a_family(SESSION)
    signed_in.families.add(family)
    signed_in.sessions.end_all(USER.id, LATER)
    state = signed_in.families.find(family.id)
    assert state is not None
    assert state.family.ended_at == LATER
