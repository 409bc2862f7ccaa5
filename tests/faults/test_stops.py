"""PostgreSQL ends at once under load and comes back: `python -m bench.faults database-stops`, in short."""

import pytest

from bench.faults import stops
from bench.faults.finding import broken
from bench.faults.plan import on_postgresql
from tests.harness.requirements import require

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_a_database_that_ends_at_once_costs_nothing_but_503_until_it_is_back(a_plan):
    require("postgresql")
    plan = a_plan(2, 10.0)
    with on_postgresql(plan) as (site, cluster):
        assert broken(stops.stopped(plan, site, cluster)) == []
