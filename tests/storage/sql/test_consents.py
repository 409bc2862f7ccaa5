from dataclasses import replace

import pytest

from authsvc.errors import Conflict
from authsvc.storage.sql.engine import Storage
from authsvc.storage.sql.unit_of_work import SqlUnitOfWork
from tests.storage.examples import (
    LATER,
    NOW,
    a_browser_session,
    a_client,
    a_code,
    a_consent,
    a_family,
    a_session,
    a_user,
)
from tests.storage.race import race

USER, SOMEBODY = a_user(), a_user("somebody", None)
CONSENT = a_consent(USER)


@pytest.fixture
def asked(unit: SqlUnitOfWork) -> SqlUnitOfWork:
    for user in (USER, SOMEBODY):
        unit.users.add(user)
    for name in ("shop", "app"):
        unit.clients.add(a_client(name))
    return unit


def test_consents_come_back_as_they_were_given(asked: SqlUnitOfWork):
    nothing = replace(a_consent(USER, "app"), scopes=frozenset(), resources=frozenset(), claims=frozenset())
    for consent in (CONSENT, nothing, a_consent(SOMEBODY)):
        asked.consents.give(consent)
    assert asked.consents.get(USER.id, "shop") == CONSENT
    assert asked.consents.list(USER.id) == (nothing, CONSENT)
    assert asked.consents.get(SOMEBODY.id, "app") is None


def test_what_is_given_later_is_added_to_what_was_given_before(asked: SqlUnitOfWork):
    asked.consents.give(CONSENT)
    later = replace(
        CONSENT, scopes=frozenset({"write"}), resources=frozenset({"https://b.example"}), claims=frozenset({"phone"}),
        given_at=LATER, changed_at=LATER,
    )  # fmt: skip
    asked.consents.give(later)
    both = replace(
        CONSENT, scopes=CONSENT.scopes | {"write"}, resources=CONSENT.resources | {"https://b.example"},
        claims=CONSENT.claims | {"phone"}, changed_at=LATER,
    )  # fmt: skip
    assert asked.consents.list(USER.id) == (both,)


@pytest.mark.parametrize(
    "consent",
    [
        pytest.param(a_consent(a_user()), id="no such user"),
        pytest.param(a_consent(USER, "nobody"), id="no such client"),
    ],
)
def test_a_consent_needs_its_user_and_client(asked: SqlUnitOfWork, consent):
    with pytest.raises(Conflict):
        asked.consents.give(consent)


def test_a_withdrawn_consent_is_gone(asked: SqlUnitOfWork):
    for consent in (CONSENT, a_consent(USER, "app"), a_consent(SOMEBODY)):
        asked.consents.give(consent)
    assert [asked.consents.withdraw(USER.id, "shop", NOW), asked.consents.withdraw(USER.id, "shop", NOW)] == [
        True, False,
    ]  # fmt: skip
    assert asked.consents.list(USER.id) == (a_consent(USER, "app"),)
    assert asked.consents.list(SOMEBODY.id) == (a_consent(SOMEBODY),)


def test_withdrawing_ends_what_that_client_holds_of_that_person_alone(asked: SqlUnitOfWork):
    browser, own, others = a_browser_session(USER), a_session(USER), replace(a_session(USER), client_id="app")
    strangers = a_session(SOMEBODY)
    asked.browser_sessions.add(browser)
    for session in (own, others, strangers):
        asked.sessions.add(session)
    ended = [replace(a_family(browser.session), client_id="shop"), a_family(own)]
    kept = [replace(a_family(browser.session), client_id="app"), replace(a_family(others), client_id="app")]
    for family in (*ended, *kept, strangers_family := a_family(strangers)):
        asked.families.add(family)
    codes = [a_code(own), replace(a_code(own, "app's"), client_id="app"), a_code(strangers, "stranger's")]
    used = replace(a_code(own, "used"), consumed_at=NOW, token_id="theirs")
    used_by_others = [
        replace(a_code(own, "app used"), client_id="app", consumed_at=NOW, token_id="of another client"),
        replace(a_code(strangers, "stranger used"), consumed_at=NOW, token_id="of another person"),
    ]
    for code in (*codes, used, *used_by_others):
        asked.codes.add(code)
    asked.consents.give(CONSENT)

    assert asked.consents.withdraw(USER.id, "shop", NOW)

    states = [asked.families.find(family.id) for family in (*ended, *kept, strangers_family)]
    assert [state.family.ended_at for state in states if state] == [NOW, NOW, None, None, None]
    sessions = [asked.sessions.get(session.id) for session in (browser.session, own, others, strangers)]
    assert [session.ended_at for session in sessions if session] == [None, NOW, None, None]
    found = [asked.codes.find(code.code_hash) for code in (*codes, used)]
    assert [state and state.code for state in found] == [None, *codes[1:], used]
    tokens = [(jti, None) for jti in ("theirs", "of another client", "of another person")]
    assert [asked.access_tokens.standing(each, None, None, NOW).not_revoked for each in tokens] == [False, True, True]


def test_a_consent_goes_with_its_user_and_with_its_client(asked: SqlUnitOfWork):
    for consent in (CONSENT, a_consent(USER, "app"), a_consent(SOMEBODY)):
        asked.consents.give(consent)
    asked.clients.delete("app")
    assert asked.consents.list(USER.id) == (CONSENT,)
    asked.users.delete(USER.id)
    assert asked.consents.list(USER.id) == ()
    assert asked.consents.list(SOMEBODY.id) == (a_consent(SOMEBODY),)


def test_nothing_that_was_given_at_once_is_lost(storage: Storage, asked: SqlUnitOfWork):
    asked.commit()

    def give(number: int) -> None:
        own = storage.unit_of_work(asked.tenant_id)
        try:
            own.begin()
            own.consents.give(replace(CONSENT, scopes=frozenset({f"scope-{number}"})))
            own.commit()
        finally:
            own.close()

    race(give, times=40)
    found = asked.consents.get(USER.id, "shop")
    assert found is not None
    assert found.scopes == {f"scope-{number}" for number in range(40)}
