"""Every statement of every store finds its rows by an index, and by more of it than the tenant.

Asked of PostgreSQL's planner, for plans that must suit any tenant: most have a few rows of a table, one thousands.
"""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from sqlalchemy import Delete, Insert, Select, UniqueConstraint, Update

from authsvc.domain.tokens.api_keys import KeyOwner
from authsvc.errors import AuthsvcError
from authsvc.storage import sql
from authsvc.storage.sql.base import metadata
from authsvc.storage.sql.engine import Storage, open_storage
from authsvc.storage.sql.migrate import migrate
from authsvc.storage.sql.prepared import Prepared, Statement
from bench import plans
from bench.population import Population, populate
from tests.harness import postgres
from tests.storage.everything import DELIVERY, LETTER, USER, store_everything
from tests.storage.examples import LATER, NOW, a_tenant
from tests.storage.test_tenant_boundary import ASKED_BY_A_STRANGER

# What the table of strangers asks in one way only.
ASKED_BESIDES = (
    lambda unit: unit.users.find_by_login("anne@example.com"),
    lambda unit: unit.users.list(USER.id, 10),
    lambda unit: unit.clients.list("shop", 10),
    lambda unit: unit.outbox.list(LETTER.id, 10),
    lambda unit: unit.logout_deliveries.list(DELIVERY.id, 10),
    lambda unit: unit.api_keys.list(client_id="shop"),
    lambda unit: unit.api_keys.count_before_adding(KeyOwner(None, "shop", frozenset(), frozenset()), NOW),
    lambda unit: unit.codes.consume("code-hash", NOW, kept_until=LATER),
    lambda unit: unit.tenants.list(),
    lambda unit: unit.tenants.at_host("shop.example"),
    lambda unit: unit.tenants.at_path("/t/shop"),
    lambda unit: unit.tenants.default(),
    lambda unit: unit.tenants.find("shop"),
    lambda unit: unit.tenants.list_by_names(None, 10),
    lambda unit: unit.tenants.list_by_names("shop", 10),
    lambda unit: unit.tenants.add(a_tenant()),
    lambda unit: unit.tenants.hold(unit.tenant_id),
    lambda unit: unit.tenants.disable(unit.tenant_id, NOW),
    lambda unit: unit.tenants.enable(unit.tenant_id),
    lambda unit: unit.tenants.set_look(unit.tenant_id, a_tenant().look),
    lambda unit: unit.tenants.set_client_registration(unit.tenant_id, "nobody"),
    lambda unit: unit.tenants.delete_unused(unit.tenant_id),
)
# What some statements may do: the fault, and how their texts are known.
ALLOWED = {
    # For the jobs that look at every tenant.
    "pk_tenants: from its beginning": r"SELECT tenants.id \nFROM",
    "Seq Scan on tenants": r"SELECT tenants.id \nFROM|ORDER BY tenants.created_at",
    # Pieces of files, of which few are under way.
    "pk_user_import_chunks: all rows of a tenant": r"SELECT tenants.id \nFROM",
    # What waits to be sent is little.
    "ix_letters_tenant_id_send_after: from its beginning": "SELECT DISTINCT",
    "ix_logout_deliveries_open: from its beginning": "SELECT DISTINCT",
    "ix_user_imports_open: from its beginning": "SELECT DISTINCT",
    # It has one row.
    "ix_tenants_one_default: from its beginning": "WHERE tenants.is_default",
    # A person has few sessions, a session few families; the codes of an hour, when a consent is withdrawn.
    "ix_sessions_tenant_id_user_id: without client_id": "FOR UPDATE",
    "ix_refresh_families_tenant_id_session_id: without client_id": "UPDATE refresh_families SET ended_at",
    "ix_authorization_codes_tenant_id_expires_at: without user_id, client_id": "DELETE|INSERT",
}
# Keys that nothing is asked by, and what foreign keys find by.
UNNEEDED = {
    "pk_audit_events", "pk_change_feed", "uq_tenants_issuer", "ix_mailed_links_tenant_id_user_id",
    "ix_consents_tenant_id_client_id",
}  # fmt: skip
# Parts of statements, which nobody asks by themselves.
PARTS = {
    "api_keys._END", "api_keys._KEY", "api_keys._LIVE", "authorization_codes._USE", "clients._CLIENT",
    "issuers._ISSUER", "leases._WRITTEN", "links._WRITTEN", "registration_tokens._TOKEN", "users._USER",
}  # fmt: skip


def ask_everything(storage: Storage) -> Any:
    """Ask every verb, as who has one of everything; return the tenant's id."""
    tenant_id = store_everything(storage)
    for ask in (*(ask for ask, _ in ASKED_BY_A_STRANGER.values()), *ASKED_BESIDES):
        unit = storage.unit_of_work(tenant_id)
        with suppress(AuthsvcError):
            unit.begin()
            ask(unit)
        unit.close()
    storage.purge(NOW)
    storage.ping()
    storage.lease("purge", "node", NOW, 1.0)
    storage.tenants_with_old_keys(NOW)
    storage.tenants_with_letters(NOW)
    storage.tenants_with_logouts(NOW)
    storage.tenants_with_imports()
    return tenant_id


@dataclass(slots=True)
class Planner:
    """The statements that were asked, prepared on one connection."""

    connection: psycopg.Connection[Any]
    keys: plans.Keys
    statements: dict[Statement, tuple[str, str]] = field(default_factory=dict)
    """How each is executed, and its text."""

    def prepare(self, statement: Statement, prepared: Prepared) -> None:
        names: list[str] = []

        def numbered(found: re.Match[str]) -> str:
            if found[1] not in names:
                names.append(found[1])
            return f"${names.index(found[1]) + 1}"

        text = re.sub(r"%\((\w+)\)s", numbered, prepared.sql).replace("%%", "%")
        name = f"statement_{len(self.statements)}"
        self.connection.execute(f"PREPARE {name} AS {text}".encode())
        values = f"({', '.join(['NULL'] * len(names))})" if names else ""
        self.statements[statement] = f"EXPLAIN (FORMAT JSON) EXECUTE {name}{values}", text

    def plan(self, statement: Statement) -> Any:
        row = self.connection.execute(self.statements[statement][0].encode()).fetchone()
        assert row is not None
        return row[0][0]["Plan"]

    def faults(self, statement: Statement) -> list[str]:
        try:
            found = plans.faults(self.plan(statement), self.keys)
        except psycopg.errors.InvalidColumnReference:
            return ["ON CONFLICT has lost its index"]
        text = self.text(statement)
        return [each for each in found if not (each in ALLOWED and re.search(ALLOWED[each], text))]

    def text(self, statement: Statement) -> str:
        return self.statements[statement][1]


@pytest.fixture(scope="module")
def planner(postgres_url: str) -> Iterator[Planner]:
    with postgres.fresh_database(postgres_url) as url:
        migrate(url)
        storage = open_storage(url, pool_size=1, cache=None)
        tenant_id = ask_everything(storage)
        asked = storage._database.written
        storage.close()
        with psycopg.connect(url.replace("+psycopg", "", 1), autocommit=True) as connection:
            populate(connection, Population(tenant_id, 100, 4_000, 2_000, 1_000, "hash"))
            connection.execute("SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off")
            found = Planner(connection, plans.keys_of(connection))
            for statement, prepared in asked.items():
                found.prepare(statement, prepared)
            yield found


def test_no_statement_reads_more_than_it_is_asked_for(planner: Planner):
    faults = {planner.text(statement): planner.faults(statement) for statement in planner.statements}
    assert faults
    assert {text: found for text, found in faults.items() if found} == {}


def test_every_statement_of_every_store_is_asked(planner: Planner):
    written = {
        f"{module.name}.{name}": value
        for module in pkgutil.iter_modules(sql.__path__)
        for name, value in vars(importlib.import_module(f"{sql.__name__}.{module.name}")).items()
        if isinstance(value, Select | Insert | Update | Delete)
    }
    unasked = {name for name, statement in written.items() if statement not in planner.statements}
    assert unasked == PARTS


def test_without_an_index_some_statement_reads_more(planner: Planner):
    using = {statement: plans.indexes(planner.plan(statement)) for statement in planner.statements}
    unneeded = set()
    for name, drop in _indexes():
        with planner.connection.transaction(force_rollback=True):
            planner.connection.execute(drop.encode())
            if not any(planner.faults(statement) for statement, names in using.items() if name in names):
                unneeded.add(name)
    assert unneeded == UNNEEDED


def _indexes() -> Iterator[tuple[str, str]]:
    """Every index and how to drop it; of a few rows PostgreSQL may use any."""
    for table in (table for table in metadata.sorted_tables if table.name not in plans.SHORT):
        for index in table.indexes:
            yield str(index.name), f'DROP INDEX "{index.name}"'
        for key in table.constraints:
            if isinstance(key, UniqueConstraint) or key is table.primary_key:
                yield str(key.name), f'ALTER TABLE {table.name} DROP CONSTRAINT "{key.name}" CASCADE'


def test_every_foreign_key_has_an_index_by_which_those_are_found_that_go_along():
    for table in metadata.sorted_tables:
        primary = [column.name for column in table.primary_key.columns]
        listed = [primary, *([column.name for column in index.columns] for index in table.indexes)]
        for key in table.foreign_key_constraints:
            names = list(key.column_keys)
            assert any(each[: len(names)] == names for each in listed), key.name
