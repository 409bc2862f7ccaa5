import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

from authsvc.storage.sql.database_copy import TABLES, CopyRefused, Summary, copy_database, is_half_copied
from authsvc.storage.sql.engine import open_storage
from authsvc.storage.sql.migrate import migrate
from tests.storage.everything import store_everything
from tests.storage.examples import NOW, a_tenant, a_user


def nobody(_rows: int, _share: float) -> None:
    pass


@pytest.fixture
def source(tmp_path: Path) -> str:
    """A database with rows in every table."""
    url = f"sqlite:///{tmp_path}/source.db"
    migrate(url)
    storage = open_storage(url, pool_size=2, cache=None)
    tenant_id = store_everything(storage)
    storage.lease("purge", "a server", NOW, 60)
    unit = storage.unit_of_work(tenant_id)
    unit.begin()
    unit.tenants.add(a_tenant("main", is_default=True))
    unit.users.add_many([a_user(f"user-{n}", f"user-{n}@example.com") for n in range(1_200)])
    unit.commit()
    unit.close()
    storage.close()
    return url


def rows_of(url: str) -> dict[str, list[str]]:
    engine = create_engine(url)
    with engine.connect() as connection:
        rows = {table.name: sorted(map(repr, connection.execute(table.select()))) for table in TABLES}
    engine.dispose()
    return rows


def change(url: str, sql: str) -> None:
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute(sql)


def test_every_table_is_copied_but_those_of_running_servers(source: str):
    engine = create_engine(source)
    named = set(inspect(engine).get_table_names())
    engine.dispose()
    assert named == {table.name for table in TABLES} | {"alembic_version", "leases", "change_feed"}


def test_all_rows_are_copied_and_a_second_copy_finds_nothing_to_do(source: str, database_url: str):
    heard: list[tuple[int, float]] = []
    counts = copy_database(source, database_url, lambda rows, share: heard.append((rows, share)))
    assert counts is not None
    assert all(counts.values()), "the source must have a row in every table"
    assert counts["users"] == 1_201
    assert heard[-1] == (3 * sum(counts.values()), 1.0)
    assert rows_of(database_url) == rows_of(source)
    assert not is_half_copied(database_url)
    assert copy_database(source, database_url, nobody) is None


def test_a_database_that_is_migrated_and_empty_is_taken(source: str, database_url: str):
    migrate(database_url)
    assert copy_database(source, database_url, nobody)


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param("UPDATE users SET name = 'x' WHERE username = 'user-7'", id="changed"),
        pytest.param("DELETE FROM users WHERE username = 'user-7'", id="deleted"),
        pytest.param("UPDATE tenants SET look = '{ }'", id="spelled otherwise"),
    ],
)
def test_a_copy_of_what_is_changed_meanwhile_is_undone_and_can_be_made_again(source: str, database_url: str, sql: str):
    has_changed: list[bool] = []

    def disturb(_rows: int, share: float) -> None:
        if share > 0.5 and not has_changed:
            has_changed.append(True)
            change(source, sql)

    with pytest.raises(CopyRefused, match="the source was changed meanwhile"):
        copy_database(source, database_url, disturb)
    assert not any(rows_of(database_url).values())
    assert is_half_copied(database_url)
    assert copy_database(source, database_url, nobody)
    assert rows_of(database_url) == rows_of(source)


def test_what_servers_write_for_themselves_does_not_undo_a_copy(source: str, database_url: str):
    def renew(_rows: int, _share: float) -> None:
        change(source, "UPDATE leases SET holder = 'another server'")

    assert copy_database(source, database_url, renew)


class Interrupted(Exception):
    pass


def test_of_an_interrupted_copy_nothing_is_there_but_its_mark(source: str, database_url: str):
    def interrupt(_rows: int, share: float) -> None:
        if share > 0.3:
            raise Interrupted

    with pytest.raises(Interrupted):
        copy_database(source, database_url, interrupt)
    assert not any(rows_of(database_url).values())
    assert is_half_copied(database_url)
    assert copy_database(source, database_url, nobody)


def test_rows_of_others_are_neither_joined_nor_touched(source: str, database_url: str):
    migrate(database_url)
    storage = open_storage(database_url, pool_size=1, cache=None)
    unit = storage.unit_of_work(a_tenant().id)
    unit.begin()
    unit.tenants.add(a_tenant("other"))
    unit.commit()
    unit.close()
    storage.close()
    before = rows_of(database_url)
    with pytest.raises(CopyRefused, match="holds other rows already"):
        copy_database(source, database_url, nobody)
    assert rows_of(database_url) == before
    assert not is_half_copied(database_url)


def test_a_copy_that_has_served_is_not_written_over(source: str, database_url: str):
    copy_database(source, database_url, nobody)
    change(source, "DELETE FROM users WHERE username = 'user-7'")
    before = rows_of(database_url)
    with pytest.raises(CopyRefused, match=r"holds other rows already \(users\)"):
        copy_database(source, database_url, nobody)
    assert rows_of(database_url) == before


def test_a_database_of_another_version_or_purpose_is_refused(source: str, database_url: str):
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE users (id INTEGER)"))
    with pytest.raises(CopyRefused, match="tables of something else"):
        copy_database(source, database_url, nobody)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE users"))
    migrate(database_url)
    for version in ("0001", "0999"):
        with engine.begin() as connection:
            connection.execute(text(f"UPDATE alembic_version SET version_num = '{version}'"))
        with pytest.raises(CopyRefused, match="target has the schema of another version"):
            copy_database(source, database_url, nobody)
    engine.dispose()


@pytest.mark.parametrize("version", ["0001", "0999", "1000"], ids=["older", "newer", "newer without something"])
def test_what_another_version_has_written_is_not_copied_by_half(source: str, tmp_path: Path, version: str):
    change(source, f"UPDATE alembic_version SET version_num = '{version}'")
    with pytest.raises(CopyRefused, match="the source has the schema of another version"):
        copy_database(source, f"sqlite:///{tmp_path}/new.db", nobody)


def test_a_database_is_not_copied_into_itself(source: str):
    with pytest.raises(CopyRefused, match="same file"):
        copy_database(source, source.replace("source.db", "./source.db"), nobody)


def test_only_sqlite_is_copied(source: str, fresh_postgres_url: str):
    with pytest.raises(CopyRefused, match="pg_dump"):
        copy_database(fresh_postgres_url, source, nobody)


def test_a_row_that_the_new_database_cannot_hold_undoes_the_copy(source: str, fresh_postgres_url: str):
    change(source, "UPDATE users SET name = 'a' || char(0) WHERE username = 'user-7'")
    with pytest.raises(CopyRefused, match=r"cannot hold a row of users \(DataError\)"):
        copy_database(source, fresh_postgres_url, nobody)
    assert not any(rows_of(fresh_postgres_url).values())


def test_a_summary_tells_rows_apart_but_not_their_order():
    def summary(*rows: tuple[object, ...]) -> Summary:
        made = Summary()
        for row in rows:
            made.take(row)
        return made

    assert summary((1, "a"), (2, None)) == summary((2, None), (1, "a"))
    assert summary((1, "a")) != summary((1, "a"), (1, "a"))
    assert summary((1, "a")) != summary((1, b"a"))
    assert summary((1, 2)) != summary((12,))
