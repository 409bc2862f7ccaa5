from collections.abc import Callable
from pathlib import Path

import pytest

from bench.faults.plan import Plan


@pytest.fixture
def a_plan(tmp_path: Path) -> Callable[[int, float], Plan]:
    """Few faults, in few seconds, always the same ones."""
    return lambda times, seconds: Plan(tmp_path, times, seconds, seed=20_261_128)
