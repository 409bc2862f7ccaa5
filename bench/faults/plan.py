"""How often and where: the script's own numbers, or a test's."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.faults.site import Site, make_site
from tests.harness.postgres import Cluster, running_cluster


@dataclass(frozen=True, slots=True)
class Plan:
    """`times` faults (or rounds), at most `seconds` of them; every chance comes from `seed`."""

    directory: Path
    times: int
    seconds: float
    seed: int


@contextmanager
def on_postgresql(plan: Plan) -> Iterator[tuple[Site, Cluster]]:
    """An installation on a durable PostgreSQL of its own."""
    with running_cluster(durable=True) as cluster:
        directory = plan.directory / "postgresql"
        directory.mkdir()
        yield make_site(cluster.url(), directory), cluster


def on_sqlite(plan: Plan) -> Site:
    """An installation on SQLite."""
    directory = plan.directory / "sqlite"
    directory.mkdir()
    return make_site(f"sqlite:///{directory / 'authsvc.db'}", directory)
