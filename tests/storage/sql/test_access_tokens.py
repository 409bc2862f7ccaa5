import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from authsvc.domain.tokens.access_tokens import Standing
from authsvc.storage.sql.access_tokens import _STANDING
from authsvc.storage.sql.connect import open_database
from authsvc.storage.sql.prepared import prepare
from authsvc.storage.sql.unit_of_work import SqlUnitOfWork
from tests.storage.examples import LATER, NOW, a_family, a_session, a_user, an_opaque_token

GOOD = Standing(not_revoked=True, session_alive=True, family_alive=True, user_enabled=True)
OVER = replace(GOOD, session_alive=False)
USER = a_user()
SESSION = a_session(USER)
FAMILY = a_family(SESSION)
INSTANT = timedelta(microseconds=1)


@pytest.fixture
def signed_in(unit: SqlUnitOfWork) -> SqlUnitOfWork:
    unit.users.add(USER)
    unit.sessions.add(SESSION)
    unit.families.add(FAMILY)
    return unit


def test_an_opaque_token_comes_back_as_it_was_added(unit: SqlUnitOfWork):
    unit.access_tokens.add(an_opaque_token())
    assert unit.access_tokens.find("token-hash") == an_opaque_token()
    for other in ("token-hasH", "token-hash\0", "\udc80", ""):
        assert unit.access_tokens.find(other) is None


def test_a_token_that_names_nothing_is_good_until_it_is_revoked(unit: SqlUnitOfWork):
    assert unit.access_tokens.standing(("id", None), None, None, NOW) == GOOD
    unit.access_tokens.revoke("id", LATER)
    unit.access_tokens.revoke("id", LATER)
    assert unit.access_tokens.standing(("id", None), None, None, NOW) == replace(GOOD, not_revoked=False)
    assert unit.access_tokens.standing(("other", None), None, None, NOW) == GOOD


def test_a_token_of_a_live_session_and_family_is_good(signed_in: SqlUnitOfWork):
    assert signed_in.access_tokens.standing(("id", None), SESSION.id, FAMILY.id, NOW) == GOOD
    assert signed_in.access_tokens.standing(("id", None), SESSION.id, None, NOW) == GOOD


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(
            lambda unit: unit.access_tokens.revoke("id", LATER), replace(GOOD, not_revoked=False), id="revoked"
        ),
        pytest.param(
            lambda unit: unit.sessions.end(SESSION.id, NOW), replace(OVER, family_alive=False), id="session ended"
        ),
        pytest.param(
            lambda unit: unit.families.end(FAMILY.id, NOW), replace(GOOD, family_alive=False), id="family ended"
        ),
        pytest.param(
            lambda unit: unit.users.disable(USER.id, NOW), replace(GOOD, user_enabled=False), id="user disabled"
        ),
        pytest.param(
            lambda unit: unit.users.delete(USER.id),
            Standing(not_revoked=True, session_alive=False, family_alive=False, user_enabled=False),
            id="user deleted",
        ),
    ],
)
def test_what_ends_a_token_is_said(
    signed_in: SqlUnitOfWork, change: Callable[[SqlUnitOfWork], object], expected: Standing
):
    change(signed_in)
    assert signed_in.access_tokens.standing(("id", None), SESSION.id, FAMILY.id, NOW) == expected
    assert not expected.is_good


def test_a_session_and_a_family_are_alive_until_they_expire_and_no_longer(signed_in: SqlUnitOfWork):
    ask = signed_in.access_tokens.standing
    assert ask(("id", None), SESSION.id, None, SESSION.expires_at - INSTANT) == GOOD
    assert ask(("id", None), SESSION.id, None, SESSION.expires_at) == OVER
    assert ask(("id", None), None, FAMILY.id, FAMILY.idle_expires_at - INSTANT) == GOOD
    assert ask(("id", None), None, FAMILY.id, FAMILY.idle_expires_at) == replace(GOOD, family_alive=False)


def test_a_family_is_over_at_its_absolute_end_however_often_it_was_used(signed_in: SqlUnitOfWork):
    signed_in.families.rotate(
        FAMILY.id, presented_hash="hash-0", successor_hash="x", generation=0, now=NOW,
        idle_expires_at=FAMILY.expires_at + timedelta(days=9),
    )  # fmt: skip
    ask = signed_in.access_tokens.standing
    assert ask(("id", None), None, FAMILY.id, FAMILY.expires_at - INSTANT) == GOOD
    assert ask(("id", None), None, FAMILY.id, FAMILY.expires_at) == replace(GOOD, family_alive=False)


def test_a_session_or_family_that_is_not_there_is_over(signed_in: SqlUnitOfWork):
    found = signed_in.access_tokens.standing(("id", None), uuid4(), uuid4(), NOW)
    assert found == Standing(not_revoked=True, session_alive=False, family_alive=False, user_enabled=False)


def test_an_id_that_cannot_have_been_given_out_is_not_good(unit: SqlUnitOfWork):
    assert not unit.access_tokens.standing(("\udc80", None), None, None, NOW).is_good


def test_the_standing_is_found_by_index_alone(shared_url: str):
    database = open_database(shared_url, 1)
    written = prepare(_STANDING, database.engine.dialect)
    values: dict[str, Any] = {
        "tenant": UUID(int=1), "which_token": "id", "behind_it": "another",
        "which_session": UUID(int=2), "which_family": UUID(int=3), "now": NOW,
    }  # fmt: skip
    with database.engine.connect() as connection:
        cursor = connection.connection.cursor()
        if database.engine.dialect.name == "postgresql":
            cursor.execute("SET enable_seqscan = off")
        explain = "EXPLAIN QUERY PLAN " if database.engine.dialect.name == "sqlite" else "EXPLAIN "
        replace(written, sql=explain + written.sql).run(cursor, values)
        plan = [" ".join(map(str, row)) for row in cursor.fetchall()]
    database.engine.dispose()
    searched = [step for step in plan if "SEARCH" in step or "Index Cond" in step]
    assert len(searched) == 6, plan
    assert all("tenant_id" in step for step in searched), plan
    assert not [step for step in plan if re.search(r"SCAN (?!CONSTANT ROW)|Seq Scan", step)], plan
