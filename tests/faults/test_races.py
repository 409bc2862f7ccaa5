"""Many at once for what can be used once, over three nodes: `python -m bench.faults races`, in short."""

import pytest

from bench.faults import races
from bench.faults.finding import broken
from bench.faults.plan import on_postgresql
from tests.harness.requirements import require

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_of_64_at_once_over_three_nodes_exactly_one_wins(a_plan):
    require("postgresql")
    plan = a_plan(21, 20.0)
    with on_postgresql(plan) as (site, _):
        assert broken(races.raced(plan, site)) == []
