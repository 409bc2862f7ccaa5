"""A flood of logins, long and short: `python -m bench.faults hash-floods`, in short."""

import pytest

from bench.faults import hashing
from bench.faults.finding import broken

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_a_flood_of_logins_costs_refreshes_nothing(a_plan):
    assert broken(hashing.run(a_plan(100, 1.0))) == []
