"""What one node changes, all see, and one of them does the jobs: `python -m bench.faults nodes`, in short."""

import pytest

from bench.faults import nodes
from bench.faults.finding import broken
from bench.faults.plan import on_postgresql
from tests.harness.requirements import require

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_what_one_node_changes_is_known_to_every_worker_of_three_nodes(a_plan):
    """A disabled client and user, a revoked key, a new redirect URI."""
    require("postgresql")
    plan = a_plan(1, 20.0)
    with on_postgresql(plan) as (site, _):
        assert broken(nodes.changed(plan, site)) == []


def test_one_process_of_three_nodes_has_the_lease_and_another_takes_it_over(a_plan):
    require("postgresql")
    plan = a_plan(1, 20.0)
    with on_postgresql(plan) as (site, _):
        assert broken(nodes.leased(plan, site)) == []
