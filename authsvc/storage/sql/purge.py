"""Expired rows leave in small batches, found by index, tenant by tenant within one statement."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Column, ColumnElement, Delete, Table, bindparam, delete, exists, or_, select, tuple_

from authsvc.storage.sql.attempts import attempts
from authsvc.storage.sql.audit import audit_events
from authsvc.storage.sql.base import given
from authsvc.storage.sql.changes import announce
from authsvc.storage.sql.keys import signing_keys
from authsvc.storage.sql.links import mailed_links
from authsvc.storage.sql.outbox import letters
from authsvc.storage.sql.sessions import refresh_families, sessions
from authsvc.storage.sql.tenants import tenants
from authsvc.storage.sql.work import Work

SIGN_IN_SECONDS = 7 * 86_400
"""How long a session or a family is kept after it is over, so that its late tokens are still recognised."""
LETTER_SECONDS = 7 * 86_400
"""How long a letter waits that nobody could send."""
KEY_SECONDS = 30 * 86_400
"""How long a key is kept after it was retired or revoked."""
AUDIT_SECONDS = 400 * 86_400
"""How long audit rows are kept unless a setting says otherwise."""


def _batch(table: Table, *conditions: ColumnElement[bool]) -> Delete:
    """Delete at most `most` rows. Through the tenants, because every index begins with one."""
    key: list[Column[object]] = list(table.primary_key.columns)
    old = (
        select(*key)
        .join_from(tenants, table, table.c.tenant_id == tenants.c.id)
        .where(*conditions)
        .limit(bindparam("most"))
    )
    return delete(table).where(tuple_(*key).in_(old))


def _before(column: ColumnElement[datetime]) -> ColumnElement[bool]:
    return column < given("before", column)


_FAMILY_LEFT = exists().where(
    refresh_families.c.tenant_id == sessions.c.tenant_id, refresh_families.c.session_id == sessions.c.id
)
_FAMILIES = _batch(refresh_families, _before(refresh_families.c.over_at))
_SESSIONS = _batch(sessions, _before(sessions.c.over_at), ~_FAMILY_LEFT)
_ATTEMPTS = _batch(attempts, _before(attempts.c.over_at))
_LINKS = _batch(mailed_links, _before(mailed_links.c.expires_at))
_LETTERS = _batch(letters, _before(letters.c.send_after))
_AUDIT = _batch(audit_events, _before(audit_events.c.at))
_KEYS = _batch(signing_keys, or_(_before(signing_keys.c.retires_at), _before(signing_keys.c.revoked_at)))


@dataclass(frozen=True, slots=True)
class _Rule:
    """A batch, and how many seconds a row outlives its use."""

    statement: Delete
    seconds: int


def purge(work: Work, now: datetime, *, limit: int, audit_seconds: int) -> int:
    """Delete at most `limit` expired rows of each table, each batch in a transaction of its own; return how many."""
    rules = (
        _Rule(_FAMILIES, SIGN_IN_SECONDS),
        _Rule(_SESSIONS, SIGN_IN_SECONDS),
        _Rule(_ATTEMPTS, 0),
        _Rule(_LINKS, 0),
        _Rule(_LETTERS, LETTER_SECONDS),
        _Rule(_AUDIT, audit_seconds),
        _Rule(_KEYS, KEY_SECONDS),
    )
    total = 0
    for rule in rules:
        work.begin()
        count = work.write(rule.statement, before=now - timedelta(seconds=rule.seconds), most=limit)
        if count and rule.statement is _KEYS:
            announce(work)
        work.commit()
        total += count
    return total
