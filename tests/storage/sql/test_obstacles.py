import secrets
import shutil
import sqlite3
from collections import namedtuple

import psycopg

from authsvc.storage.sql import obstacles as module
from authsvc.storage.sql.migrate import ADVISORY_LOCK, migrate
from authsvc.storage.sql.obstacles import obstacles
from tests.harness.postgres import fresh_database


def test_nothing_is_in_the_way_of_an_idle_database(database_url: str):
    assert obstacles(database_url) == ()
    migrate(database_url)
    assert obstacles(database_url) == ()


def test_a_long_transaction_a_second_migration_and_foreign_tables_are_named(fresh_postgres_url: str, monkeypatch):
    monkeypatch.setattr(module, "_LONG_SECONDS", 0)
    migrate(fresh_postgres_url)
    url = fresh_postgres_url.replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (ADVISORY_LOCK,))
        (told,) = obstacles(fresh_postgres_url)
        assert told.startswith("another migration is running")
        other.execute("SELECT pg_advisory_unlock_all()")
        other.execute("BEGIN")
        (told,) = obstacles(fresh_postgres_url)
        assert told.startswith("a transaction of ")
        other.execute("COMMIT")


def test_another_users_tables_are_named(postgres_url: str):
    with fresh_database(postgres_url) as url:
        migrate(url)
        role = f"upgrader_{secrets.token_hex(4)}"  # Of all databases of the server.
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as owner:
            owner.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'x'".encode())
            try:
                name = url.rpartition("/")[2].partition("?")[0]
                scheme, _, rest = url.partition("://")
                foreign = f"{scheme}://{role}:x@{rest.rpartition('@')[2]}"
                assert name in foreign
                told = obstacles(foreign)
            finally:
                owner.execute(f"DROP ROLE {role}".encode())
    assert [line.split(" may ")[-1].split(" does ")[-1] for line in told] == [
        "create no table in the schema", "not own the table access_tokens",
    ]  # fmt: skip


def test_a_full_disk_and_a_busy_file_are_named(tmp_path, monkeypatch):
    path = tmp_path / "authsvc.db"
    url = f"sqlite:///{path}"
    migrate(url)
    monkeypatch.setattr(module, "_BUSY_SECONDS", 0.05)
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    (told,) = obstacles(url)
    assert "another process has been writing" in told
    writer.close()
    usage = namedtuple("usage", "total used free")  # noqa: PYI024
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1, 1, 1))
    (told,) = obstacles(url)
    assert "has 0 MiB left" in told
