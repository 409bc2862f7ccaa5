"""What one node changes, all see: `python -m bench.faults nodes`, in short."""

import pytest

from bench.faults import nodes
from bench.faults.finding import broken
from bench.faults.plan import on_postgresql
from tests.harness.requirements import require

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_a_new_redirect_uri_is_known_to_every_worker_of_three_nodes(a_plan):
    require("postgresql")
    plan = a_plan(1, 20.0)
    with on_postgresql(plan) as (site, _):
        assert broken(nodes.changed(plan, site, few=1)) == []
