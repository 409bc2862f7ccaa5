"""The version before and this one, beside each other and back: `python -m bench.upgrade`, in short."""

import pytest

from bench.faults.finding import broken
from bench.upgrade import rolled, take, version_before
from tests.harness.requirements import require

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_an_upgrade_and_the_way_back_fail_no_request(a_plan):
    """In a clone without history a copy of this version plays the one before, and something is added to its tables."""
    require("postgresql")
    plan = a_plan(1, 1.5)
    assert broken(rolled(plan, take(version_before(), plan.directory))) == []
