"""The services of examples/ accept the tokens that are for them, and nothing else is passed on."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.harness.requirements import require

STORY = Path(__file__).parents[2] / "examples" / "story.py"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_person_order_passes_through_three_services_with_a_token_for_each():
    require("node")
    require("go")
    done = subprocess.run([sys.executable, STORY], capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    orders, billing, stock = _tokens(done.stdout)
    assert orders["aud"] == "https://orders.example"
    assert orders["client_id"] == "dev-app"
    assert billing["aud"] == "https://billing.example"
    assert (billing["sub"], billing["sid"]) == (orders["sub"], orders["sid"])
    assert billing["client_id"] == "dev-service"
    assert billing["scope"] == "billing:read"
    assert billing["exp"] <= orders["exp"]
    assert stock["aud"] == "https://stock.example"
    assert stock["sub"] == stock["client_id"] == "billing"
    assert "sid" not in stock


def _tokens(printed: str) -> list[dict[str, Any]]:
    decoder, found, at = json.JSONDecoder(), [], printed.find("{")
    while at >= 0:
        claims, end = decoder.raw_decode(printed, at)
        found.append(claims)
        at = printed.find("{", end)
    return found
