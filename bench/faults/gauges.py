"""What a service takes while it runs: memory, descriptors and threads of its workers, rows and bytes of its tables."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

Database = psycopg.Connection[tuple[Any, ...]]
KIB = 1024
MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Sample:
    """One look. Of each worker: resident and proportional memory (MB), descriptors, threads; of tables: rows, bytes."""

    at: float
    resident: tuple[float, ...]
    proportional: tuple[float, ...]
    descriptors: tuple[int, ...]
    threads: tuple[int, ...]
    connections: int
    rows: dict[str, int]
    octets: dict[str, int]


def look(pids: list[int], database: Database, began: float) -> Sample:
    """Read all of it. Raises: OSError when a worker is gone."""
    rows, octets = {}, {}
    for name, size in database.execute(
        "SELECT c.relname, pg_total_relation_size(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind = 'r' AND n.nspname = 'public' ORDER BY 1"
    ).fetchall():  # fmt: skip
        table = str(name)
        octets[table] = int(size)
        rows[table] = _one(database, f'SELECT count(*) FROM "{table}"')  # noqa: S608 - a name of the catalogue
    return Sample(
        at=time.monotonic() - began,
        resident=tuple(_kibibytes(pid, "smaps_rollup", "Rss:") for pid in pids),
        proportional=tuple(_kibibytes(pid, "smaps_rollup", "Pss:") for pid in pids),
        descriptors=tuple(_count(pid, "fd") for pid in pids),
        threads=tuple(_count(pid, "task") for pid in pids),
        connections=_one(database, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"),
        rows=rows,
        octets=octets,
    )


def _one(database: Database, statement: str) -> int:
    row = database.execute(statement.encode()).fetchone()
    return 0 if row is None else int(row[0])


def _count(pid: int, directory: str) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/{directory}").iterdir())


def _kibibytes(pid: int, file: str, name: str) -> float:
    for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * KIB / MEGABYTE
    return 0.0


def slope(points: list[tuple[float, float]]) -> float:
    """The least-squares slope of values over seconds, in units per hour; 0 of fewer than two."""
    mean_at = sum(at for at, _ in points) / max(1, len(points))
    mean = sum(value for _, value in points) / max(1, len(points))
    spread = sum((at - mean_at) ** 2 for at, _ in points)
    return 3_600 * sum((at - mean_at) * (value - mean) for at, value in points) / spread if spread else 0.0
