"""Expired rows leave in small batches, found by index (which begins with the tenant, as every key does)."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import (
    Column,
    ColumnElement,
    Delete,
    Integer,
    Select,
    Table,
    TextClause,
    bindparam,
    delete,
    func,
    literal_column,
    or_,
    select,
    tuple_,
)

from authsvc.domain.people.user_imports import UPLOADING
from authsvc.domain.sign_in.authorization_codes import KEPT_SECONDS
from authsvc.storage.sql.access_tokens import access_tokens, revoked_tokens
from authsvc.storage.sql.api_keys import api_keys
from authsvc.storage.sql.attempts import attempts
from authsvc.storage.sql.audit import audit_events
from authsvc.storage.sql.authorization_codes import authorization_codes
from authsvc.storage.sql.base import given, owned, some
from authsvc.storage.sql.changes import announce
from authsvc.storage.sql.clients import NEVER_USED, clients
from authsvc.storage.sql.consents import consents
from authsvc.storage.sql.continuations import continuations
from authsvc.storage.sql.idempotent_answers import idempotent_answers
from authsvc.storage.sql.keys import signing_keys
from authsvc.storage.sql.links import mailed_links
from authsvc.storage.sql.logout_deliveries import logout_deliveries
from authsvc.storage.sql.outbox import letters
from authsvc.storage.sql.registration_tokens import registration_tokens
from authsvc.storage.sql.replays import used_assertions
from authsvc.storage.sql.sessions import refresh_families, sessions
from authsvc.storage.sql.tenants import tenants
from authsvc.storage.sql.user_imports import NO_CHUNKS, user_import_chunks, user_imports
from authsvc.storage.sql.work import Work

SIGN_IN_SECONDS = 7 * 86_400
"""How long a session or a family is kept after it is over, so that its late tokens are still recognised."""
LETTER_SECONDS = 7 * 86_400
"""How long a letter waits that nobody could send."""
IMPORT_SECONDS = 30 * 86_400
"""How long it is on record what became of an import of users."""
KEY_SECONDS = 30 * 86_400
"""How long a key is kept after it was retired or revoked."""
API_KEY_SECONDS = 30 * 86_400
"""How long an API key is kept after it expired or was revoked."""
LOGOUT_SECONDS = 7 * 86_400
"""How long it is on record whether a client was told of a logout."""
TOKEN_SECONDS = 600
"""How long what is known of a token outlives it: a node's clock may be behind, and still take it."""
AUDIT_SECONDS = 400 * 86_400
"""How long audit rows are kept unless a setting says otherwise."""
UNUSED_SECONDS = 90 * 86_400
"""How long a client that a stranger registered waits for its first person, unless a setting says otherwise."""
TENANTS_AT_ONCE = 500
"""Of how many tenants sessions are looked at in one batch."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """What of one table is over, and how many seconds a row outlives that."""

    tenants: Select[tuple[UUID]]
    batch: Delete
    seconds: int


def _rule(table: Table, seconds: int, *over: ColumnElement[bool] | TextClause) -> _Rule:
    """Look by index for the tenants that have something to purge, then delete at most `most` rows of each."""
    key: list[Column[object]] = list(table.primary_key.columns)
    return _Rule(
        tenants=select(tenants.c.id).where(some(table, table.c.tenant_id == tenants.c.id, *over).is_not(None)),
        batch=delete(table).where(tuple_(*key).in_(select(*key).where(owned(table), *over).limit(bindparam("most")))),
        seconds=seconds,
    )


def _before(column: ColumnElement[datetime]) -> ColumnElement[bool]:
    return column < given("before", column)


_FAMILY_LEFT = some(
    refresh_families,
    refresh_families.c.tenant_id == sessions.c.tenant_id,
    refresh_families.c.session_id == sessions.c.id,
)
_IMPORT_OVER = some(
    user_imports,
    user_imports.c.tenant_id == user_import_chunks.c.tenant_id,
    user_imports.c.id == user_import_chunks.c.import_id,
    _before(user_imports.c.over_at),
).is_not(None)
_AUDIT = _rule(audit_events, AUDIT_SECONDS, _before(audit_events.c.at))
_KEYS = _rule(signing_keys, KEY_SECONDS, or_(_before(signing_keys.c.retires_at), _before(signing_keys.c.revoked_at)))
_SESSIONS = _rule(sessions, SIGN_IN_SECONDS, _before(sessions.c.over_at), _FAMILY_LEFT.is_(None))
# A million sessions may be over whose families are not: so it is asked of a tenant's when it is its turn, not of all at
# once; and by chance, that tenants whose sessions must all stay are not always the first ones.
_SOME_SESSIONS = replace(
    _SESSIONS,
    tenants=select(tenants.c.id)
    .where(some(sessions, sessions.c.tenant_id == tenants.c.id, _before(sessions.c.over_at)).is_not(None))
    .order_by(func.random())
    .limit(literal_column(str(TENANTS_AT_ONCE), Integer)),
)
_UNUSED = _rule(
    clients, UNUSED_SECONDS, NEVER_USED, _before(clients.c.created_at),
    # Given by a version that did not write down the first use.
    some(consents, consents.c.tenant_id == clients.c.tenant_id, consents.c.client_id == clients.c.id).is_(None),
)  # fmt: skip
# Asked for once more of the row itself: whoever held it meanwhile may have used or changed it.
_UNUSED_CLIENTS = replace(_UNUSED, batch=_UNUSED.batch.where(NEVER_USED))
RULES = (
    _rule(refresh_families, SIGN_IN_SECONDS, _before(refresh_families.c.over_at)),
    _SOME_SESSIONS,
    _rule(attempts, 0, _before(attempts.c.over_at)),
    _rule(mailed_links, 0, _before(mailed_links.c.expires_at)),
    _rule(letters, LETTER_SECONDS, _before(letters.c.send_after)),
    _rule(used_assertions, TOKEN_SECONDS, _before(used_assertions.c.expires_at)),
    _rule(access_tokens, TOKEN_SECONDS, _before(access_tokens.c.expires_at)),
    _rule(revoked_tokens, TOKEN_SECONDS, _before(revoked_tokens.c.expires_at)),
    _rule(api_keys, API_KEY_SECONDS, _before(api_keys.c.over_at)),
    _rule(authorization_codes, KEPT_SECONDS, _before(authorization_codes.c.expires_at)),
    _rule(continuations, 0, _before(continuations.c.expires_at)),
    _rule(logout_deliveries, LOGOUT_SECONDS, _before(logout_deliveries.c.created_at)),
    _rule(idempotent_answers, 0, _before(idempotent_answers.c.expires_at)),
    _rule(registration_tokens, API_KEY_SECONDS, _before(registration_tokens.c.expires_at)),
    _rule(user_import_chunks, 0, _IMPORT_OVER),
    _rule(user_imports, 0, _before(user_imports.c.over_at), user_imports.c.state == UPLOADING, NO_CHUNKS),
    _rule(user_imports, IMPORT_SECONDS, _before(user_imports.c.over_at), NO_CHUNKS),
    _AUDIT,
    _UNUSED_CLIENTS,
    _KEYS,
)


def purge(work: Work, now: datetime, *, limit: int, audit_seconds: int, unused_seconds: int) -> int:
    """Delete at most `limit` expired rows of each table, each batch in a transaction of its own; return how many."""
    total, changed = 0, {_AUDIT: audit_seconds, _UNUSED_CLIENTS: unused_seconds}
    for rule in RULES:
        before = now - timedelta(seconds=changed.get(rule, rule.seconds))
        left = limit
        for (tenant_id,) in work.rows(rule.tenants, before=before):
            if left > 0:
                left -= _delete(work, rule, tenant_id, before, left)
        total += limit - left
    return total


def _delete(work: Work, rule: _Rule, tenant_id: UUID, before: datetime, most: int) -> int:
    work.begin()
    if rule is _KEYS or rule is _UNUSED_CLIENTS:
        announce(work)
    count = work.write(rule.batch, tenant=tenant_id, before=before, most=most)
    work.commit()
    return count
