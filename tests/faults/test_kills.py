"""What was acknowledged outlives SIGKILL: `python -m bench.faults kills`, in short."""

import pytest

from bench.faults import kills
from bench.faults.finding import broken
from bench.faults.plan import on_postgresql, on_sqlite
from tests.harness.requirements import require

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_nothing_acknowledged_is_lost_when_processes_on_postgresql_are_killed(a_plan):
    require("postgresql")
    plan = a_plan(3, 6.0)
    with on_postgresql(plan) as (site, _):
        assert broken(kills.killed(plan, site, "PostgreSQL")) == []


def test_nothing_acknowledged_is_lost_when_processes_on_sqlite_are_killed(a_plan):
    plan = a_plan(3, 6.0)
    assert broken(kills.killed(plan, on_sqlite(plan), "SQLite")) == []
