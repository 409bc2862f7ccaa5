import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.harness import postgres
from tests.harness.requirements import require


def _ask(url: str, sql: str) -> object:
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        row = connection.execute(sql.encode()).fetchone()
        return row[0] if row else None


def test_a_fresh_database_is_empty(fresh_postgres_url):
    assert _ask(fresh_postgres_url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0


def test_the_server_refuses_a_stranger_without_the_password(postgres_url):
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(postgres_url.replace("+psycopg", ""), password="wrong")


def test_a_server_of_ones_own_survives_a_crash(own_postgres):
    with psycopg.connect(own_postgres.url().replace("+psycopg", "")) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
    own_postgres.stop(immediate=True)
    own_postgres.start()
    assert _ask(own_postgres.url(), "SELECT n FROM kept") == 1


def test_the_server_ends_with_a_run_that_was_killed(tmp_path):
    require("postgresql")
    run = "import os; from tests.harness import postgres; postgres.open_run(os.getpid()); "
    run += "print(os.environ[postgres.RUN_DIRECTORY]); postgres.shared_cluster(); os.kill(os.getpid(), 9)"
    environment = {name: value for name, value in os.environ.items() if name != postgres.RUN_DIRECTORY}
    killed = subprocess.run(
        [sys.executable, "-c", run], env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    directory = Path(killed.stdout.strip())
    keeper = json.loads((directory / "postgres.json").read_text())["keeper"]
    postgres._await_end(keeper)
    assert killed.returncode == -9
    assert not postgres._lives(keeper)
    shutil.rmtree(directory)


def test_a_missing_tool_is_skipped_on_a_laptop_and_a_failure_in_ci(monkeypatch):
    monkeypatch.setattr("tests.harness.requirements.TOOLS", {"anvil": (lambda: None, "buy one")})
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="anvil is missing: buy one"):
        require("anvil")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="anvil is missing"):
        require("anvil")


def test_each_kind_of_database_answers(database_url):
    assert database_url.startswith(("sqlite:///", "postgresql+psycopg://"))
