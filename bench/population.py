"""Rows of a large installation, made by the database itself: every user has one of everything, and may sign in.

The first tenant has as many users as is said, the others share the rest. Ids are the MD5 of a number, so that they lie
as far apart as random ones, and anybody can name the n-th.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import psycopg
from psycopg import sql
from sqlalchemy import Column, Table, Text, Uuid

from authsvc.storage.sql.base import Instant, JsonMap, metadata, micros

YEAR_MICROS = 365 * 86_400 * 1_000_000
OF_CLIENTS = {"clients", "client_origins", "client_identities"}
OF_IMPORTS = {"user_imports", "user_import_chunks", "user_import_refusals"}
OF_TENANTS = {*OF_CLIENTS, *OF_IMPORTS, "resources", "signing_keys", "trusted_issuers", "registration_tokens"}
"""Tables with a row for each tenant; all others with a tenant have one for each user."""
# SQL of the number n. A user's session and family have the user's number.
_VALUES = {
    "users.username": "'person' || n",
    "users.username_canonical": "'person' || n",
    "users.email": "'person' || n || '@example.com'",
    "users.email_verified": "true",
    "users.email_login": "'person' || n || '@example.com'",
    "users.name": "'Person ' || n",
    "clients.profile": "'oauth2.1'",
    "clients.auth_method": "'none'",
    "clients.id_token_algorithm": "'RS256'",
    "client_origins.client_id": "'id' || n",
    "client_identities.client_id": "'id' || n",
    "consents.client_id": "CASE WHEN n <= {most} THEN 'id{tenants}' ELSE 'id' || (n % {others} + 1) END",
    "resources.algorithm": "'ES256'",
    "resources.token_format": "'jwt'",
    "logout_deliveries.outcome": "CASE WHEN n % 4 > 0 THEN 'delivered' END",
    "mailed_links.purpose": "'reset'",
    "api_keys.client_id": "NULL",
    "api_keys.scopes": "'[]'",
    "attempts.blocked_until": "0",
}
_IDS = {
    "import_id": "user_imports",
    "user_id": "users",
    "session_id": "sessions",
    "family_id": "refresh_families",
    "told_session_id": "sessions",
}
_PAST = {"created_at", "updated_at", "authenticated_at", "rotated_at", "given_at", "changed_at", "joined_at", "seen_at",
         "at", "activates_at", "consumed_at"}  # fmt: skip
_ABSENT = {"ended_at", "disabled_at", "revoked_at", "retires_at", "last_used_at"}


@dataclass(frozen=True, slots=True)
class Population:
    """How many there are; `first` is a tenant that exists, with what else it has."""

    first: UUID
    tenants: int
    users: int
    of_the_first: int
    clients_of_the_first: int
    password_hash: str
    address: str = "http://localhost"

    @property
    def others(self) -> int:
        """How many tenants share the rest of the users."""
        return max(self.tenants - 1, 1)


def populate(connection: psycopg.Connection[object], population: Population) -> None:
    """Fill the migrated database's tables: without their keys and indexes, which are made again afterwards."""
    tables = [table for table in metadata.sorted_tables if "tenant_id" in table.c]
    names = [table.name for table in tables]
    with connection.transaction():
        made_again = _drop_keys(connection, names)
        _add_tenants(connection, population)
        for table in tables:
            _add_rows(connection, table, population)
        for each in made_again:
            connection.execute(each)
    for name in (*names, "tenants"):
        # As tables are that have been there for a while: who reads a row first need not note that it is committed.
        connection.execute(sql.SQL("VACUUM ANALYZE {}").format(sql.Identifier(name)))


def _drop_keys(connection: psycopg.Connection[object], tables: list[str]) -> list[sql.SQL]:
    """Drop every key and index; return what makes them again, those that others refer to first."""
    constraints = connection.execute(
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid::regclass::text = ANY(%s) AND contype IN ('p', 'u', 'f') ORDER BY contype = 'f', conname",
        [tables],
    ).fetchall()
    for table, name, _ in reversed(constraints):
        connection.execute(_sql(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"'))
    indexes = connection.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s)", [tables]
    ).fetchall()
    for name, _ in indexes:
        connection.execute(_sql(f'DROP INDEX "{name}"'))
    keys = [_sql(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {text}') for table, name, text in constraints]
    return [*keys, *(_sql(text) for _, text in indexes)]


def _add_tenants(connection: psycopg.Connection[object], population: Population) -> None:
    connection.execute(
        "INSERT INTO tenants (id, name, issuer, host, path, is_default, created_at)"
        " SELECT md5('tenants' || n)::uuid, 't' || n, %(address)s || '/t/t' || n, '', '/t/t' || n, false, %(now)s"
        " FROM generate_series(1, %(count)s - 1) AS n",
        {"address": population.address, "now": micros(datetime.now(UTC)), "count": population.tenants},
    )


def _add_rows(connection: psycopg.Connection[object], table: Table, population: Population) -> None:
    """The rows of number 0 of a tenant's tables are there already."""
    columns = [column for column in table.c if column.name != "tenant_id"]
    if table.name in OF_TENANTS:
        first, last = 1, population.tenants - 1 + (population.clients_of_the_first if table.name in OF_CLIENTS else 0)
        tenant = f"CASE WHEN n < {population.tenants} THEN md5('tenants' || n)::uuid ELSE '{population.first}' END"
    else:
        first, last = 1, population.users
        tenant = (
            f"CASE WHEN n <= {population.of_the_first} THEN '{population.first}'"
            f" ELSE md5('tenants' || (n % {population.others} + 1))::uuid END"
        )
    values = ", ".join(_value(table, column, population) for column in columns)
    names = ", ".join(f'"{column.name}"' for column in columns)
    connection.execute(
        _sql(
            f"INSERT INTO {table.name} (tenant_id, {names}) SELECT {tenant}, {values}"  # noqa: S608 - of our own
            f" FROM generate_series({first}, {last}) AS n"
        )
    )


def _value(table: Table, column: Column[object], population: Population) -> str:
    told = _VALUES.get(f"{table.name}.{column.name}")
    if told is not None:
        return told.format(most=population.of_the_first, others=population.others, tenants=population.tenants)
    if column.name == "password_hash":
        return f"'{population.password_hash}'"
    if column.name in _ABSENT:
        return "NULL"
    return _of_type(table, column)


def _of_type(table: Table, column: Column[object]) -> str:
    if isinstance(column.type, Uuid):
        return f"md5('{_IDS.get(column.name, table.name)}' || n)::uuid"
    if isinstance(column.type, Instant):
        now = micros(datetime.now(UTC))
        return f"{now - YEAR_MICROS // 365} - n" if column.name in _PAST else f"{now + YEAR_MICROS} + n"
    if isinstance(column.type, JsonMap):
        return "'{}'"
    if isinstance(column.type, Text):
        return f"'{column.name}' || n"
    return _other(column)


def _other(column: Column[object]) -> str:
    found = {"BOOLEAN": "false", "INTEGER": "1", "BIGINT": "1", "BLOB": r"'\x00'"}
    # What is left is a set or a list, written as JSON.
    return found.get(str(column.type), "'{}'" if column.name == "relying_party" else "'[]'")


def _sql(text: str) -> sql.SQL:
    return sql.SQL(text)  # type: ignore[arg-type]
