"""Keys change under load: `python -m bench.faults rotations`, in short."""

import pytest

from bench.faults import rotation
from bench.faults.finding import broken
from tests.harness.requirements import require

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_no_caching_verifier_refuses_a_token_while_keys_change(a_plan):
    require("postgresql")
    assert broken(rotation.run(a_plan(4, 0.5))) == []
