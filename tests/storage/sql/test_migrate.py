"""Migrations: what they make, that they may be killed and run twice, and that they match the tables of the stores."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, text

from authsvc.errors import StorageUnavailable
from authsvc.storage.sql.base import metadata
from authsvc.storage.sql.connect import database_url as with_driver
from authsvc.storage.sql.engine import open_storage
from authsvc.storage.sql.migrate import added_since, is_ahead, migrate, pending, revisions
from tests.storage.examples import a_client, a_resource, a_tenant, a_user

USERS = {name: a_user(name, None, verified=False) for name in ("before", "since")}
TENANTS = {name: a_tenant(name, host=name) for name in ("before", "since")}
MIGRATE = "import sys; from authsvc.storage.sql.migrate import migrate; migrate(sys.argv[1])"


def _start_migrating(url: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", MIGRATE, url], stderr=subprocess.PIPE)


def _schema(url: str) -> dict[str, set[str]]:
    engine = create_engine(with_driver(url))
    inspector = inspect(engine)
    schema = {
        table: {column["name"] for column in inspector.get_columns(table)} for table in inspector.get_table_names()
    }
    engine.dispose()
    return schema


def test_a_new_database_lacks_everything_and_after_it_nothing(database_url: str):
    assert pending(database_url) == revisions()
    migrate(database_url)
    assert pending(database_url) == ()
    assert not is_ahead(database_url)
    migrate(database_url)
    storage = open_storage(database_url, pool_size=1, cache=None)
    storage.ping()
    storage.close()


def _shape(engine: Engine) -> dict[str, object]:
    """Names of constraints and indexes, keys and obligatory columns of every table."""
    inspector = inspect(engine)
    return {
        name: (
            {constraint["name"] for constraint in inspector.get_unique_constraints(name)},
            {constraint["name"] for constraint in inspector.get_foreign_keys(name)},
            # PostgreSQL lists the index of a unique constraint, too.
            {index["name"] for index in inspector.get_indexes(name) if "duplicates_constraint" not in index},
            inspector.get_pk_constraint(name)["constrained_columns"],
            {column["name"] for column in inspector.get_columns(name) if not column["nullable"]},
        )
        for name in metadata.tables
    }


def test_the_migrations_make_the_tables_that_the_stores_use(database_url: str):
    migrate(database_url)
    engine, wanted = create_engine(with_driver(database_url)), create_engine("sqlite://")
    metadata.create_all(wanted)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    assert _shape(engine) == _shape(wanted)
    engine.dispose()
    wanted.dispose()


def test_revisions_are_one_line_of_files_that_alembic_sees_alike():
    config = Config()
    config.set_main_option("script_location", "authsvc.storage.sql:migrations")
    scripts = ScriptDirectory.from_config(config)
    assert [script.revision for script in reversed(list(scripts.walk_revisions()))] == list(revisions())
    assert len(scripts.get_heads()) == 1


def test_asking_what_is_pending_makes_no_file_and_loads_no_alembic(tmp_path: Path):
    code = (
        "import sys; from authsvc.storage.sql.migrate import pending; assert pending(sys.argv[1]);"
        "from authsvc.storage.sql.engine import open_storage; sys.exit('alembic' in sys.modules)"
    )
    command = [sys.executable, "-c", code, f"sqlite:///{tmp_path}/var/authsvc.db"]
    assert subprocess.run(command, check=False).returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_a_newer_codes_database_is_recognised(database_url: str):
    migrate(database_url)
    engine = create_engine(with_driver(database_url))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    assert is_ahead(database_url)
    assert pending(database_url) == ()


def test_a_newer_version_that_only_added_is_in_nobodys_way(database_url: str):
    migrate(database_url)
    newer = f"{int(revisions()[-1]) + 1:04}"
    engine = create_engine(with_driver(database_url))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :newer"), {"newer": newer})
    assert (is_ahead(database_url), added_since(database_url), pending(database_url)) == (False, True, ())
    migrate(database_url)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == newer
    engine.dispose()


def test_a_change_that_waits_for_a_table_lets_others_pass(fresh_postgres_url: str):
    """PostgreSQL queues them behind it: a long transaction and a migration would together stop everybody."""
    _migrate_to(revisions()[1], fresh_postgres_url)
    url = fresh_postgres_url.replace("+psycopg", "")
    with psycopg.connect(url) as long, psycopg.connect(url, autocommit=True) as other:
        long.execute("SELECT count(*) FROM users")
        process = _start_migrating(fresh_postgres_url)
        while other.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone() == (0,):
            assert process.poll() is None
        other.execute("SET statement_timeout = '20s'")
        other.execute("SELECT count(*) FROM users")
        assert process.poll() is None
        long.rollback()
        assert process.wait(100) == 0
    assert pending(fresh_postgres_url) == ()


def test_a_new_sqlite_file_is_its_owners_alone(tmp_path: Path):
    before = os.umask(0)
    try:
        migrate(f"sqlite:///{tmp_path}/var/authsvc.db")
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "var", *(tmp_path / "var").iterdir())}
    assert modes.pop("var") == 0o700
    assert set(modes.values()) == {0o600}


def test_a_database_that_does_not_answer_is_unavailable(free_port: int):
    url = f"postgresql://nobody:secret-canary@127.0.0.1:{free_port}/nothing"
    for ask in (migrate, pending, is_ahead):
        with pytest.raises(StorageUnavailable) as caught:
            ask(url)
        assert "canary" not in str(caught.value)


@pytest.mark.timeout(300)
def test_processes_that_migrate_at_once_all_end_well(database_url: str):
    processes = [_start_migrating(database_url) for _ in range(4)]
    faults = [process.communicate(timeout=200)[1].decode() for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, faults
    assert pending(database_url) == ()


def _migrate_to(revision: str, url: str) -> None:
    config = Config()
    config.set_main_option("script_location", "authsvc.storage.sql:migrations")
    engine = create_engine(with_driver(url))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.commit()
    engine.dispose()


def test_what_the_previous_version_writes_before_and_after_the_migration_is_read(database_url: str):
    """A revision only adds: while nodes are replaced one by one, the old code runs on the new schema."""
    old, new = revisions()[-2:]
    tenant_id = uuid4()
    _migrate_to(old, database_url)
    columns = _schema(database_url)
    _write_only(columns, database_url, tenant_id, "before")
    _migrate_to(new, database_url)
    _write_only(columns, database_url, tenant_id, "since")
    storage = open_storage(database_url, pool_size=1, cache=None)
    unit = storage.unit_of_work(tenant_id)
    assert unit.clients.list(None, 9) == (a_client("before"), a_client("since"))
    assert unit.resources.list() == (a_resource("https://before.example"), a_resource("https://since.example"))
    assert unit.tenants.list() == tuple(sorted(TENANTS.values(), key=lambda tenant: tenant.id))
    assert unit.users.list(None, 9) == tuple(sorted(USERS.values(), key=lambda user: user.id))
    unit.close()
    storage.close()


def _write_only(columns: dict[str, set[str]], url: str, tenant_id: UUID, name: str) -> None:
    rows: dict[str, tuple[object, dict[str, object]]] = {
        "clients": (a_client(name), {}),
        "resources": (a_resource(f"https://{name}.example"), {}),
        "tenants": (TENANTS[name], {}),
        "users": (USERS[name], {"username_canonical": name, "email_login": None}),
    }
    engine = create_engine(with_driver(url))
    with engine.begin() as connection:
        for table, (example, more) in rows.items():
            known = more | {"tenant_id": tenant_id}
            values = {name: known[name] if name in known else getattr(example, name) for name in columns[table]}
            connection.execute(metadata.tables[table].insert().values(**values))
    engine.dispose()


def test_a_released_migration_names_no_table_of_the_stores():
    folder = Path(__file__).parents[3] / "authsvc/storage/sql/migrations/versions"
    paths = sorted(folder.glob("[0-9]*.py"))
    assert paths
    for path in paths:
        assert not re.search(r"(from|import) authsvc", path.read_text()), path.name
