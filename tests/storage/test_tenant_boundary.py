"""No verb of any store of one tenant reads or changes a row of another."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_type_hints
from uuid import UUID, uuid4

import pytest
from sqlalchemy import UniqueConstraint, select

from authsvc.domain import ports
from authsvc.domain.people.user_imports import Chunk
from authsvc.domain.tokens.access_tokens import Standing
from authsvc.domain.tokens.api_keys import KeyOwner
from authsvc.errors import Conflict
from authsvc.storage.sql.base import metadata
from authsvc.storage.sql.engine import Storage
from authsvc.storage.sql.unit_of_work import SqlUnitOfWork
from tests.storage.everything import (
    ANSWER,
    API_KEY,
    BROWSER,
    DELIVERY,
    EVENT,
    FAMILY,
    IMPORT,
    LETTER,
    REGISTRATION,
    SESSION,
    UPLOAD,
    USER,
    store_everything,
)
from tests.storage.examples import (
    IDENTITY,
    LATER,
    NOW,
    a_browser_session,
    a_client,
    a_code,
    a_consent,
    a_continuation,
    a_family,
    a_key,
    a_link,
    a_reservation,
    a_resource,
    a_session,
    an_api_key,
    an_issuer,
    an_opaque_token,
)

ISSUER = an_issuer().issuer
UNKNOWN = Standing(not_revoked=True, session_alive=False, family_alive=False, user_enabled=False)
ROTATION: dict[str, Any] = {
    "presented_hash": "hash-0", "successor_hash": "x", "generation": 0, "now": NOW, "idle_expires_at": LATER
}  # fmt: skip


def _refused(verb: Callable[..., object], *arguments: object) -> str:
    try:
        verb(*arguments)
    except Conflict:
        return "Conflict"
    return "done"


def _reserve(unit: SqlUnitOfWork) -> None:
    unit.rollback()
    unit.attempts.reserve([a_reservation()], NOW)
    unit.begin()


ASKED_BY_A_STRANGER: dict[str, tuple[Callable[[SqlUnitOfWork], Any], Any]] = {
    "users.get": (lambda unit: unit.users.get(USER.id), None),
    "users.find_by_login": (lambda unit: unit.users.find_by_login("änne"), None),
    "users.list_by_logins": (lambda unit: unit.users.list_by_logins(["änne", "anne@example.com"]), ()),
    "users.add_many": (lambda unit: len(unit.users.add_many([replace(USER, id=uuid4())])), 1),
    "users.list": (lambda unit: unit.users.list(None, 10), ()),
    "users.set_password_hash": (
        lambda unit: unit.users.set_password_hash(USER.id, "x", instead_of=USER.password_hash),
        False,
    ),
    "users.verify_email": (lambda unit: unit.users.verify_email(USER.id, "Anne@Example.com"), False),
    "users.disable": (lambda unit: unit.users.disable(USER.id, NOW), False),
    "users.enable": (lambda unit: unit.users.enable(USER.id), False),
    "users.delete": (lambda unit: unit.users.delete(USER.id), False),
    "users.save_profile": (lambda unit: _refused(unit.users.save_profile, USER), "Conflict"),
    "users.add": (lambda unit: unit.users.add(USER), None),
    "sessions.get": (lambda unit: unit.sessions.get(SESSION.id), None),
    "sessions.add": (lambda unit: _refused(unit.sessions.add, a_session(USER)), "Conflict"),
    "sessions.list": (lambda unit: unit.sessions.list(USER.id), ()),
    "sessions.end": (lambda unit: unit.sessions.end(SESSION.id, NOW), False),
    "sessions.end_all": (lambda unit: unit.sessions.end_all(USER.id, NOW), 0),
    "families.find": (lambda unit: unit.families.find(FAMILY.id), None),
    "families.add": (lambda unit: _refused(unit.families.add, a_family(SESSION)), "Conflict"),
    "families.rotate": (lambda unit: unit.families.rotate(FAMILY.id, **ROTATION), False),
    "families.end": (lambda unit: unit.families.end(FAMILY.id, NOW), False),
    "clients.get": (lambda unit: unit.clients.get("shop"), None),
    "clients.read": (lambda unit: unit.clients.read("shop"), None),
    "clients.find_by_identity": (
        lambda unit: unit.clients.find_by_identity(IDENTITY.issuer, IDENTITY.subject),
        None,
    ),
    "clients.list": (lambda unit: unit.clients.list(None, 10), ()),
    "clients.count_open": (lambda unit: unit.clients.count_open(10), 0),
    "clients.add": (lambda unit: unit.clients.add(a_client()), None),
    "clients.save": (lambda unit: _refused(unit.clients.save, a_client()), "Conflict"),
    "clients.disable": (lambda unit: unit.clients.disable("shop", NOW), False),
    "clients.enable": (lambda unit: unit.clients.enable("shop"), False),
    "clients.delete": (lambda unit: unit.clients.delete("shop"), False),
    "clients.allows_origin": (lambda unit: unit.clients.allows_origin("https://shop.example"), False),
    "resources.list": (lambda unit: unit.resources.list(), ()),
    "resources.read_all": (lambda unit: unit.resources.read_all(), ()),
    "resources.add": (lambda unit: unit.resources.add(a_resource()), None),
    "resources.save": (lambda unit: _refused(unit.resources.save, a_resource()), "Conflict"),
    "resources.disable": (lambda unit: unit.resources.disable("https://api.example", NOW), False),
    "resources.enable": (lambda unit: unit.resources.enable("https://api.example"), False),
    "resources.delete": (lambda unit: unit.resources.delete("https://api.example"), False),
    "keys.list": (lambda unit: unit.keys.list(), ()),
    "keys.add": (lambda unit: unit.keys.add(a_key()), True),
    "keys.retire": (lambda unit: unit.keys.retire("kid-1", NOW), False),
    "keys.revoke": (lambda unit: unit.keys.revoke("kid-1", NOW), False),
    "keys.set_private": (
        lambda unit: unit.keys.set_private("kid-1", b"x", instead_of=a_key().private_encrypted),
        False,
    ),
    "attempts.reserve": (_reserve, None),
    "attempts.give_back": (lambda unit: unit.attempts.give_back(["key"]), None),
    "attempts.clear": (lambda unit: unit.attempts.clear(["key"]), None),
    "audit.add": (lambda unit: unit.audit.add(EVENT), None),
    "audit.find_request": (lambda unit: unit.audit.find_request("request-1"), ()),
    "outbox.add": (lambda unit: unit.outbox.add(LETTER), None),
    "outbox.take": (lambda unit: unit.outbox.take(LATER, LATER, 10), ()),
    "outbox.postpone": (lambda unit: unit.outbox.postpone(LETTER.id, LATER), None),
    "outbox.list": (lambda unit: unit.outbox.list(None, 10), ()),
    "outbox.set_content": (
        lambda unit: unit.outbox.set_content(LETTER.id, b"x", instead_of=LETTER.content_encrypted),
        False,
    ),
    "outbox.delete": (lambda unit: unit.outbox.delete(LETTER.id), None),
    "links.add": (lambda unit: _refused(unit.links.add, a_link(USER.id)), "Conflict"),
    "links.find": (lambda unit: unit.links.find("link-hash", "reset"), None),
    "links.discard": (lambda unit: unit.links.discard(USER.id, "reset"), None),
    "links.consume": (lambda unit: unit.links.consume("link-hash", "reset", NOW), None),
    "issuers.get": (lambda unit: unit.issuers.get(ISSUER), None),
    "issuers.list": (lambda unit: unit.issuers.list(), ()),
    "issuers.add": (lambda unit: unit.issuers.add(an_issuer()), None),
    "issuers.save": (lambda unit: _refused(unit.issuers.save, an_issuer()), "Conflict"),
    "issuers.disable": (lambda unit: unit.issuers.disable(ISSUER, NOW), False),
    "issuers.enable": (lambda unit: unit.issuers.enable(ISSUER), False),
    "issuers.delete": (lambda unit: unit.issuers.delete(ISSUER), False),
    "replays.was_used": (lambda unit: unit.replays.was_used("robot", "assertion"), False),
    "replays.consume": (lambda unit: unit.replays.consume("robot", "assertion", LATER), True),
    "access_tokens.add": (lambda unit: unit.access_tokens.add(an_opaque_token()), None),
    "access_tokens.find": (lambda unit: unit.access_tokens.find("token-hash"), None),
    "access_tokens.standing": (
        lambda unit: unit.access_tokens.standing(("revoked-id", None), SESSION.id, FAMILY.id, NOW),
        UNKNOWN,
    ),
    "access_tokens.revoke": (lambda unit: unit.access_tokens.revoke("revoked-id", LATER), None),
    "api_keys.get": (lambda unit: unit.api_keys.get(API_KEY.id), None),
    "api_keys.find": (lambda unit: unit.api_keys.find("key-hash"), None),
    "api_keys.list": (lambda unit: unit.api_keys.list(user_id=USER.id), ()),
    "api_keys.count_before_adding": (
        lambda unit: _refused(
            unit.api_keys.count_before_adding, KeyOwner(USER.id, None, frozenset(), frozenset()), NOW
        ),
        "Conflict",
    ),
    "api_keys.add": (lambda unit: _refused(unit.api_keys.add, an_api_key(USER.id)), "Conflict"),
    "api_keys.record_use": (lambda unit: unit.api_keys.record_use(API_KEY.id, LATER), None),
    "api_keys.revoke_all": (lambda unit: unit.api_keys.revoke_all(USER.id, NOW), 0),
    "api_keys.revoke": (lambda unit: unit.api_keys.revoke(API_KEY.id, NOW), False),
    "browser_sessions.find": (lambda unit: unit.browser_sessions.find("cookie-hash"), None),
    "browser_sessions.add": (
        lambda unit: _refused(unit.browser_sessions.add, a_browser_session(USER)),
        "Conflict",
    ),
    "browser_sessions.touch": (lambda unit: unit.browser_sessions.touch(BROWSER.session.id, LATER, LATER), None),
    "browser_sessions.renew": (
        lambda unit: unit.browser_sessions.renew(replace(BROWSER, secret_hash="x"), instead_of="cookie-hash"),
        False,
    ),
    "browser_sessions.list": (lambda unit: unit.browser_sessions.list(USER.id), ()),
    "browser_sessions.join": (
        lambda unit: _refused(lambda now: unit.browser_sessions.join(BROWSER.session.id, "shop", now), NOW),
        "Conflict",
    ),
    "browser_sessions.participants": (lambda unit: unit.browser_sessions.participants(BROWSER.session.id), ()),
    "codes.add": (lambda unit: unit.codes.add(a_code(SESSION)), None),
    "codes.find": (lambda unit: unit.codes.find("code-hash"), None),
    "codes.consume": (lambda unit: unit.codes.consume("code-hash", NOW), False),
    "continuations.add": (lambda unit: unit.continuations.add(a_continuation()), None),
    "continuations.find": (lambda unit: unit.continuations.find("handle-hash"), None),
    "continuations.save": (lambda unit: _refused(unit.continuations.save, a_continuation()), "Conflict"),
    "continuations.finish": (lambda unit: unit.continuations.finish("handle-hash"), False),
    "consents.get": (lambda unit: unit.consents.get(USER.id, "shop"), None),
    "consents.give": (lambda unit: _refused(unit.consents.give, a_consent(USER)), "Conflict"),
    "consents.withdraw": (lambda unit: unit.consents.withdraw(USER.id, "shop", NOW), False),
    "consents.list": (lambda unit: unit.consents.list(USER.id), ()),
    "logout_deliveries.add": (lambda unit: unit.logout_deliveries.add(DELIVERY), None),
    "logout_deliveries.take": (lambda unit: unit.logout_deliveries.take(LATER, LATER, 10), ()),
    "logout_deliveries.postpone": (lambda unit: unit.logout_deliveries.postpone(DELIVERY.id, LATER, "x"), None),
    "logout_deliveries.close": (lambda unit: unit.logout_deliveries.close(DELIVERY.id, "failed", "x"), None),
    "logout_deliveries.list": (lambda unit: unit.logout_deliveries.list(None, 10), ()),
    "idempotent_answers.find": (lambda unit: unit.idempotent_answers.find("key-hash", NOW), None),
    "idempotent_answers.add": (lambda unit: unit.idempotent_answers.add(ANSWER, NOW), True),
    "user_imports.get": (lambda unit: unit.user_imports.get(IMPORT.id), None),
    "user_imports.next": (lambda unit: unit.user_imports.next(), None),
    "user_imports.count_open": (lambda unit: unit.user_imports.count_open(), 0),
    "user_imports.add": (lambda unit: unit.user_imports.add(IMPORT), None),
    "user_imports.add_chunk": (lambda unit: unit.user_imports.add_chunk(UPLOAD, Chunk(0, b"x")), False),
    "user_imports.find_chunk": (lambda unit: unit.user_imports.find_chunk(IMPORT.id, 0), None),
    "user_imports.submit": (lambda unit: unit.user_imports.submit(UPLOAD.id), False),
    "user_imports.advance": (lambda unit: unit.user_imports.advance(IMPORT, IMPORT, []), False),
    "user_imports.end": (lambda unit: unit.user_imports.end(IMPORT, "done", NOW), False),
    "user_imports.cancel": (lambda unit: unit.user_imports.cancel(IMPORT.id, NOW), False),
    "user_imports.list_refused": (lambda unit: unit.user_imports.list_refused(IMPORT.id, 0, 10), ()),
    "user_imports.discard": (lambda unit: unit.user_imports.discard(UPLOAD.id, NOW), False),
    "registration_tokens.find": (lambda unit: unit.registration_tokens.find("registration-hash"), None),
    "registration_tokens.list": (lambda unit: unit.registration_tokens.list(), ()),
    "registration_tokens.add": (lambda unit: unit.registration_tokens.add(REGISTRATION), None),
    "registration_tokens.use": (lambda unit: unit.registration_tokens.use("registration-hash", NOW), False),
    "registration_tokens.revoke": (lambda unit: unit.registration_tokens.revoke(REGISTRATION.id, NOW), False),
}


@pytest.fixture(scope="module")
def owner(storage: Storage) -> UUID:
    """A tenant that has one of everything."""
    return store_everything(storage)


def _rows(unit: SqlUnitOfWork, tenant_id: UUID) -> dict[str, list[Any]]:
    return {
        table.name: sorted(unit._work.rows(select(table).where(table.c.tenant_id == tenant_id)), key=str)
        for table in metadata.sorted_tables
        if "tenant_id" in table.c
    }


@pytest.mark.parametrize("verb", ASKED_BY_A_STRANGER)
def test_a_stranger_sees_and_changes_nothing_with(storage: Storage, owner: UUID, verb: str):
    ask, expected = ASKED_BY_A_STRANGER[verb]
    unit = storage.unit_of_work(uuid4())
    unit.begin()
    before = _rows(unit, owner)
    assert all(before.values()), "the owner must have a row in every table"
    answer = ask(unit)
    if expected == "Conflict":
        unit.rollback()
    else:
        unit.commit()
    after = _rows(unit, owner)
    unit.close()
    assert answer == expected
    assert after == before


def test_every_verb_of_every_port_is_asked():
    stores = {
        name: get_type_hints(store.fget)["return"]
        for name, store in vars(ports.UnitOfWork).items()
        if isinstance(store, property) and name not in {"tenant_id", "tenants"}
    }
    verbs = {f"{name}.{verb}" for name, port in stores.items() for verb in vars(port) if not verb.startswith("_")}
    assert verbs == set(ASKED_BY_A_STRANGER)


def test_every_key_and_index_begins_with_the_tenant():
    for table in metadata.sorted_tables:
        if "tenant_id" in table.c:
            uniques = [each for each in table.constraints if isinstance(each, UniqueConstraint)]
            keys = [key.columns for key in (table.primary_key, *uniques)] + [index.columns for index in table.indexes]
            assert {next(iter(columns)).name for columns in keys} == {"tenant_id"}, table.name
        else:
            assert table.name in {"tenants", "change_feed", "leases"}
