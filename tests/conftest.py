"""Fixtures that every test may use, and the list of what did not run."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.harness import postgres
from tests.harness.redis_server import RedisServer, running_redis
from tests.harness.requirements import require
from tests.harness.schema import make_schema, postgres_with_schema

_IS_WORKER = "PYTEST_XDIST_WORKER" in os.environ
# How long an example takes is the machine's affair. All else is as it was: with CI set the examples are the same ones.
settings.register_profile("patient", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_configure(config: pytest.Config) -> None:
    if not _IS_WORKER:
        postgres.open_run(os.getpid())


def pytest_unconfigure(config: pytest.Config) -> None:
    if not _IS_WORKER:
        postgres.close_run(os.getpid())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mutants come last: where the clock ends the run, what tells of faults has run."""
    items.sort(key=lambda item: "mutants/" in item.nodeid)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what did not run and why, so that a green line hides nothing."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped)
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"not run: {count} {'test' if count == 1 else 'tests'}: {reason}", yellow=True)


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """The URL of the run's PostgreSQL, on which the test may create databases."""
    require("postgresql")
    return postgres.shared_cluster()


@pytest.fixture
def fresh_postgres_url(postgres_url: str) -> Iterator[str]:
    """The URL of a new empty PostgreSQL database."""
    with postgres.fresh_database(postgres_url) as url:
        yield url


@pytest.fixture
def own_postgres() -> Iterator[postgres.Cluster]:
    """A durable PostgreSQL of this test alone, which it may stop, crash and start."""
    require("postgresql")
    with postgres.running_cluster() as cluster:
        yield cluster


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A Redis of this test alone, which it may stop, flush and start."""
    require("redis")
    with running_redis() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new empty database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/authsvc.db"
    return str(request.getfixturevalue("fresh_postgres_url"))


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> Iterator[str]:
    """The name of a migrated PostgreSQL database."""
    with postgres_with_schema(postgres_url) as name:
        yield name


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a new database with the schema, once of each kind."""
    if request.param == "sqlite":
        make_schema(f"sqlite:///{tmp_path}/authsvc.db")
        yield f"sqlite:///{tmp_path}/authsvc.db"
    else:
        server, template = (request.getfixturevalue(name) for name in ("postgres_url", "postgres_template"))
        with postgres.fresh_database(server, template) as url:
            yield url


@pytest.fixture
def free_port() -> int:
    """A free TCP port of the loopback interface."""
    return postgres.free_port()
