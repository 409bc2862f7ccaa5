"""A Redis that is stopped, emptied, stands still, is slow or full: `python -m bench.faults redis`, in short."""

import pytest

from bench.faults import redis
from bench.faults.finding import broken
from bench.faults.plan import on_sqlite
from tests.harness.requirements import require

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_whatever_becomes_of_redis_no_request_fails_no_assertion_counts_twice_and_limits_hold(a_plan):
    require("redis")
    plan = a_plan(1, 1.0)
    assert broken(redis.troubled(plan, on_sqlite(plan), "SQLite")) == []
