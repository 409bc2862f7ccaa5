"""What is over leaves, each kind after its time; everything else stays."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from authsvc.domain.idempotent_answers import IdempotentAnswer
from authsvc.domain.people.user_imports import Chunk, UserImport
from authsvc.storage.cache import Cache
from authsvc.storage.sql.connect import open_database
from authsvc.storage.sql.engine import Storage, open_storage
from authsvc.storage.sql.migrate import migrate
from authsvc.storage.sql.prepared import prepare
from authsvc.storage.sql.purge import RULES
from authsvc.storage.sql.unit_of_work import SqlUnitOfWork
from tests.storage.examples import (
    NOW,
    SCHEDULE,
    a_browser_session,
    a_code,
    a_continuation,
    a_delivery,
    a_family,
    a_key,
    a_letter,
    a_link,
    a_registration_token,
    a_reservation,
    a_session,
    a_tenant,
    a_user,
    an_api_key,
    an_event,
    an_opaque_token,
)
from tests.storage.race import race

TENANT = replace(a_tenant(), id=uuid4())
USER = a_user()
SESSION = a_session(USER)
FAMILY = a_family(SESSION)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
INSTANT = timedelta(microseconds=1)


@pytest.fixture
def unit(own_storage: Storage) -> Any:
    opened = own_storage.unit_of_work(TENANT.id)
    opened.begin()
    opened.tenants.add(TENANT)
    opened.users.add(USER)
    yield opened
    opened.close()


def _session(unit: SqlUnitOfWork) -> Callable[[], object]:
    unit.sessions.add(SESSION)
    return lambda: unit.sessions.get(SESSION.id)


def _ended_session(unit: SqlUnitOfWork) -> Callable[[], object]:
    _session(unit)
    unit.sessions.end(SESSION.id, NOW)
    return lambda: unit.sessions.get(SESSION.id)


def _family(unit: SqlUnitOfWork) -> Callable[[], object]:
    unit.sessions.add(replace(SESSION, expires_at=NOW + 900 * DAY))
    unit.families.add(FAMILY)
    return lambda: unit.families.find(FAMILY.id)


def _ended_family(unit: SqlUnitOfWork) -> Callable[[], object]:
    found = _family(unit)
    unit.families.end(FAMILY.id, NOW)
    return found


def _rotated_family(unit: SqlUnitOfWork) -> Callable[[], object]:
    found = _family(unit)
    unit.families.rotate(
        FAMILY.id, presented_hash="hash-0", successor_hash="x", generation=0, now=NOW, idle_expires_at=NOW + 60 * DAY
    )
    return found


def _link(unit: SqlUnitOfWork) -> Callable[[], object]:
    unit.links.add(replace(a_link(USER.id), expires_at=NOW))
    return lambda: unit.links.consume("link-hash", "reset", NOW - DAY)


def _letter(unit: SqlUnitOfWork) -> Callable[[], object]:
    unit.outbox.add(a_letter())
    return lambda: unit.outbox.list(None, 1)


def _event(unit: SqlUnitOfWork) -> Callable[[], object]:
    unit.audit.add(an_event())
    return lambda: unit.audit.find_request("request-1")


def _retired_key(unit: SqlUnitOfWork) -> Callable[[], object]:
    unit.keys.add(replace(a_key(), retires_at=NOW))
    return unit.keys.list


def _revoked_key(unit: SqlUnitOfWork) -> Callable[[], object]:
    unit.keys.add(replace(a_key(), revoked_at=NOW))
    return unit.keys.list


def _live_key(unit: SqlUnitOfWork) -> Callable[[], object]:
    unit.keys.add(a_key())
    return unit.keys.list


def _used_assertion(unit: SqlUnitOfWork) -> Callable[[], object]:
    unit.replays.consume("robot", "one", NOW)
    return lambda: not unit.replays.consume("robot", "one", NOW)


def _opaque_token(unit: SqlUnitOfWork) -> Callable[[], object]:
    unit.access_tokens.add(replace(an_opaque_token(), expires_at=NOW))
    return lambda: unit.access_tokens.find("token-hash")


def _revoked_token(unit: SqlUnitOfWork) -> Callable[[], object]:
    unit.access_tokens.revoke("id", NOW)
    return lambda: not unit.access_tokens.standing(("id", None), None, None, NOW).is_good


def _expired_api_key(unit: SqlUnitOfWork) -> Callable[[], object]:
    unit.api_keys.add(replace(an_api_key(USER.id), expires_at=NOW))
    return lambda: unit.api_keys.find("key-hash")


def _revoked_api_key(unit: SqlUnitOfWork) -> Callable[[], object]:
    key = replace(an_api_key(USER.id), expires_at=NOW + 900 * DAY)
    unit.api_keys.add(key)
    unit.api_keys.revoke(key.id, NOW)
    return lambda: unit.api_keys.find("key-hash")


def _endless_api_key(unit: SqlUnitOfWork) -> Callable[[], object]:
    unit.api_keys.add(replace(an_api_key(USER.id), expires_at=None))
    return lambda: unit.api_keys.find("key-hash")


def _browser_session(unit: SqlUnitOfWork) -> Callable[[], object]:
    browser = replace(a_browser_session(USER), session=SESSION)
    unit.browser_sessions.add(browser)
    unit.browser_sessions.join(SESSION.id, "shop", NOW)
    return lambda: unit.browser_sessions.find("cookie-hash") or unit.browser_sessions.participants(SESSION.id)


def _code(unit: SqlUnitOfWork) -> Callable[[], object]:
    unit.codes.add(replace(a_code(SESSION), expires_at=NOW))
    return lambda: unit.codes.find("code-hash")


def _continuation(unit: SqlUnitOfWork) -> Callable[[], object]:
    unit.continuations.add(replace(a_continuation(), expires_at=NOW))
    return lambda: unit.continuations.find("handle-hash")


def _delivery(unit: SqlUnitOfWork) -> Callable[[], object]:
    unit.logout_deliveries.add(a_delivery())
    return lambda: unit.logout_deliveries.list(None, 1)


def _registration_token(unit: SqlUnitOfWork) -> Callable[[], object]:
    unit.registration_tokens.add(replace(a_registration_token(), expires_at=NOW))
    return unit.registration_tokens.list


def _idempotent_answer(unit: SqlUnitOfWork) -> Callable[[], object]:
    unit.idempotent_answers.add(IdempotentAnswer("key-hash", b"answer", NOW), NOW - INSTANT)
    return lambda: unit.idempotent_answers.find("key-hash", NOW - INSTANT)


IMPORT = UserImport(uuid4(), "csv", False, "ops", "request", NOW, over_at=NOW)


def _unfinished_upload(unit: SqlUnitOfWork) -> Callable[[], object]:
    unit.user_imports.add(IMPORT)
    return lambda: unit.user_imports.get(IMPORT.id)


def _import(unit: SqlUnitOfWork) -> Callable[[], object]:
    unit.user_imports.add(replace(IMPORT, state="done"))
    return lambda: unit.user_imports.get(IMPORT.id)


def _next_midnight(instant: datetime) -> datetime:
    return instant.replace(hour=0, minute=0, second=0, microsecond=0) + DAY


@pytest.mark.parametrize(
    ("add", "until"),
    [
        pytest.param(_session, SESSION.expires_at + 7 * DAY, id="session"),
        pytest.param(_ended_session, NOW + 7 * DAY, id="ended session"),
        pytest.param(_family, _next_midnight(FAMILY.idle_expires_at) + 7 * DAY, id="family"),
        pytest.param(_rotated_family, _next_midnight(NOW + 60 * DAY) + 7 * DAY, id="rotated family"),
        pytest.param(_ended_family, NOW + 7 * DAY, id="ended family"),
        pytest.param(_link, NOW, id="link"),
        pytest.param(_letter, NOW + 7 * DAY, id="letter"),
        pytest.param(_event, NOW + 400 * DAY, id="audit row"),
        pytest.param(_used_assertion, NOW + 10 * MINUTE, id="used assertion"),
        pytest.param(_opaque_token, NOW + 10 * MINUTE, id="opaque token"),
        pytest.param(_revoked_token, NOW + 10 * MINUTE, id="revoked token"),
        pytest.param(_expired_api_key, NOW + 30 * DAY, id="expired API key"),
        pytest.param(_revoked_api_key, NOW + 30 * DAY, id="revoked API key"),
        pytest.param(_unfinished_upload, NOW, id="unfinished upload"),
        pytest.param(_import, NOW + 30 * DAY, id="import"),
        pytest.param(_browser_session, SESSION.expires_at + 7 * DAY, id="browser session"),
        pytest.param(_code, NOW + 60 * MINUTE, id="authorization code"),
        pytest.param(_continuation, NOW, id="continuation"),
        pytest.param(_delivery, NOW + 7 * DAY, id="logout delivery"),
        pytest.param(_registration_token, NOW + 30 * DAY, id="registration token"),
        pytest.param(_idempotent_answer, NOW, id="idempotent answer"),
        pytest.param(_retired_key, NOW + 30 * DAY, id="retired key"),
        pytest.param(_revoked_key, NOW + 30 * DAY, id="revoked key"),
    ],
)
def test_it_is_kept_until_then_and_no_longer(own_storage: Storage, unit: SqlUnitOfWork, add, until: datetime):
    find = add(unit)
    unit.commit()
    assert own_storage.purge(until) == 0
    assert own_storage.purge(until + INSTANT) == 1
    unit.begin()
    assert not find()


@pytest.mark.parametrize("add", [_live_key, _family, _endless_api_key])
def test_what_lives_is_not_purged(own_storage: Storage, unit: SqlUnitOfWork, add):
    find = add(unit)
    unit.commit()
    assert own_storage.purge(NOW + 29 * DAY) == 0
    assert find()
    assert unit.users.get(USER.id)


def test_a_session_stays_as_long_as_a_family_hangs_on_it(own_storage: Storage, unit: SqlUnitOfWork):
    unit.sessions.add(SESSION)
    unit.families.add(replace(FAMILY, idle_expires_at=FAMILY.expires_at))
    unit.commit()
    assert own_storage.purge(SESSION.expires_at + 30 * DAY) == 0
    assert unit.families.find(FAMILY.id)


def test_a_counter_is_purged_when_it_would_start_anew(own_storage: Storage, unit: SqlUnitOfWork):
    unit.commit()
    for _ in range(SCHEDULE.free):
        unit.attempts.reserve([a_reservation()], NOW)
    over = NOW + timedelta(seconds=SCHEDULE.window_seconds)
    assert own_storage.purge(over) == 0
    assert own_storage.purge(over + INSTANT) == 1


def test_audit_rows_are_kept_as_long_as_the_setting_says(own_storage: Storage, unit: SqlUnitOfWork):
    _event(unit)
    unit.commit()
    assert own_storage.purge(NOW + DAY, audit_seconds=86_400) == 0
    assert own_storage.purge(NOW + DAY + INSTANT, audit_seconds=86_400) == 1


def test_the_pieces_of_a_file_leave_before_it_does(own_storage: Storage, unit: SqlUnitOfWork):
    waiting = replace(IMPORT, id=uuid4())
    for new in (IMPORT, waiting):
        unit.user_imports.add(new)
        for ordinal in range(3):
            assert unit.user_imports.add_chunk(new, Chunk(ordinal, b"x"))
    assert unit.user_imports.submit(waiting.id)
    unit.commit()
    assert [own_storage.purge(NOW + INSTANT, limit=2) for _ in range(4)] == [2, 2, 0, 0]
    assert unit.user_imports.get(IMPORT.id) is None
    assert unit.user_imports.find_chunk(waiting.id, 2) is not None


def test_rows_leave_in_batches_of_every_tenant(own_storage: Storage, unit: SqlUnitOfWork):
    other = replace(a_tenant("other", host="other"), id=uuid4())
    unit.tenants.add(other)
    for number in range(5):
        unit.audit.add(an_event(f"request-{number}"))
    unit.commit()
    theirs = own_storage.unit_of_work(other.id)
    theirs.begin()
    for number in range(5):
        theirs.audit.add(an_event(f"request-{number}"))
    theirs.commit()
    theirs.close()
    later = NOW + 500 * DAY
    assert [own_storage.purge(later, limit=4) for _ in range(4)] == [4, 4, 2, 0]


def test_a_purged_key_leaves_every_cache(migrated_url: str, own_storage: Storage, unit: SqlUnitOfWork):
    _retired_key(unit)
    unit.commit()
    clock = [0.0]
    reader = open_storage(migrated_url, pool_size=1, cache=Cache(monotonic=lambda: clock[0]))
    reading = reader.unit_of_work(TENANT.id)
    assert reading.keys.list()
    own_storage.purge(NOW + 31 * DAY)
    clock[0] += 1
    assert reading.keys.list() == ()
    reading.close()
    reader.close()


@pytest.mark.parametrize("statement", ["tenants", "batch"])
@pytest.mark.parametrize("rule", RULES[:-1], ids=lambda rule: rule.batch.table.name)
def test_sqlite_finds_what_is_over_by_index(tmp_path: Path, rule: Any, statement: str):
    url = f"sqlite:///{tmp_path}/authsvc.db"
    migrate(url)
    table = rule.batch.table.name
    database = open_database(url, 1)
    written = prepare(getattr(rule, statement), database.engine.dialect)
    values = written.constants | {"before": NOW, "tenant": TENANT.id, "most": 1}
    bound = [bind(values[name]) if bind else values[name] for name, bind in written.binders]
    with database.engine.connect() as connection:
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {written.sql}", tuple(bound))]
    database.engine.dispose()
    if table == "user_import_chunks":
        # Few, each found by its key with the import whose end it looks at.
        assert all(not step.startswith("SCAN user_") for step in plan), plan
        return
    assert any(re.fullmatch(rf"SEARCH {table} .*INDEX.* \(tenant_id=\? AND \w+<\?\)", step) for step in plan), plan
    assert f"SCAN {table}" not in plan


def test_purging_twice_at_once_is_harmless(own_storage: Storage, unit: SqlUnitOfWork):
    for number in range(20):
        unit.audit.add(an_event(f"request-{number}"))
    unit.commit()
    assert sum(race(lambda _: own_storage.purge(NOW + 500 * DAY), times=4, threads=4)) == 20
