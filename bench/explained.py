"""How PostgreSQL carries out the statements of a server's requests: the plan of each, and the pages that it touches.

auto_explain writes both into the database's log, as EXPLAIN (ANALYZE, BUFFERS) would tell them: so the statements
are those of the requests, and their values are, too.
"""

import json
import re
import statistics
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from bench.plans import Keys, Node, buffers, faults, indexes

_TOLD = re.compile(r" ms  plan:\n((?:\t.*\n)+)")
# Nested ones are those by which foreign keys are checked.
_SETTINGS = {
    "session_preload_libraries": "auto_explain", "auto_explain.log_min_duration": "0", "auto_explain.log_analyze": "on",
    "auto_explain.log_timing": "off", "auto_explain.log_buffers": "on", "auto_explain.log_format": "json",
    "auto_explain.log_nested_statements": "on",
}  # fmt: skip


@contextmanager
def explaining(connection: psycopg.Connection[object]) -> Iterator[None]:
    """Meanwhile, every connection that is opened explains its statements."""
    # On a connection of its own, that this one explains nothing: only where it is loaded are its settings known.
    told = connection.info
    with psycopg.connect(told.dsn, password=told.password, autocommit=True) as setting:
        setting.execute("LOAD 'auto_explain'")
        for name, value in _SETTINGS.items():
            setting.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())
    connection.execute("SELECT pg_reload_conf()")
    yield
    connection.execute("ALTER SYSTEM RESET ALL")
    connection.execute("SELECT pg_reload_conf()")


@dataclass(slots=True)
class Explained:
    """The plans of one statement, a list for each kind of request that asked it."""

    plans: defaultdict[str, list[Node]] = field(default_factory=lambda: defaultdict(list))

    @property
    def pages(self) -> float:
        """How many it touches; the median."""
        return statistics.median(buffers(plan) for found in self.plans.values() for plan in found)

    def pages_of(self, kind: str) -> int:
        """How many it touched for all requests of a kind."""
        return sum(buffers(plan) for plan in self.plans.get(kind, ()))

    def told(self, keys: Keys) -> str:
        """What it does to which tables, by which indexes, and where it reads more than it is asked for."""
        plans = [plan for found in self.plans.values() for plan in found]
        names = sorted({name for plan in plans for name in indexes(plan)})
        wrong = sorted({fault for plan in plans for fault in faults(plan, keys)})
        how = f" by {', '.join(names)}" if names else ""
        return f"{_what(plans[-1])}{how}" + (f" ({'; '.join(wrong)})" if wrong else "")


@dataclass(slots=True)
class Reader:
    """Reads on in the log of a database."""

    log: Path
    offset: int = 0
    found: defaultdict[str, Explained] = field(default_factory=lambda: defaultdict(Explained))
    """By the texts of the statements."""

    def skip(self) -> None:
        """What was asked so far is no matter."""
        self.offset = self.log.stat().st_size

    def read(self, kind: str, requests: int) -> None:
        """Keep what these requests of a kind have asked: each at least once. Jobs ask less often."""
        with self.log.open("rb") as log:
            log.seek(self.offset)
            written = log.read()
        self.offset += len(written)
        asked: defaultdict[str, list[Node]] = defaultdict(list)
        for told in _TOLD.findall(written.decode(errors="replace")):
            statement = json.loads(told)
            if any(_tables(statement["Plan"])):
                asked[statement["Query Text"]].append(statement["Plan"])
        for statement, found in asked.items():
            if len(found) >= requests:
                self.found[statement].plans[kind] += found


def _what(plan: Node) -> str:
    parts = [plan, *plan.get("Plans", ())]
    verb = next((part["Operation"] for part in parts if "Operation" in part), "Select")
    return f"{verb.lower()} {', '.join(dict.fromkeys(_tables(plan)))}"


def _tables(plan: Node) -> Iterator[str]:
    if "Relation Name" in plan:
        yield plan["Relation Name"]
    for part in plan.get("Plans", ()):
        yield from _tables(part)
