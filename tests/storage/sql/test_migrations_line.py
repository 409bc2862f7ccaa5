"""Migrations stand in one line: each file's number is its own, is its revision, and follows the number before it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

VERSIONS = Path(__file__).parents[3] / "authsvc/storage/sql/migrations/versions"


def faults(sources: dict[str, str]) -> Iterator[str]:
    """What is wrong with the line of these files, by name; two that were begun at once often share a number."""
    before: str | None = None
    for place, name in enumerate(sorted(sources), start=1):
        number = f"{place:04}"
        if name.partition("_")[0] != number:
            yield f"{name}: the number is taken or skipped; {number} is the next"
        said = dict(_assigned(sources[name]))
        if (said.get("revision"), said.get("down_revision")) != (number, before):
            yield f"{name}: says {said}, and should be {number} after {before}"
        before = number


def _assigned(source: str) -> Iterator[tuple[str, object]]:
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, ast.literal_eval(node.value)


def test_the_migrations_stand_in_one_line():
    sources = {path.name: path.read_text() for path in VERSIONS.glob("*.py") if path.name != "__init__.py"}
    assert len(sources) >= 7
    assert list(faults(sources)) == []


FIRST = "revision = '0001'\ndown_revision = None"
SECOND = "revision = '0002'\ndown_revision = '0001'"


@pytest.mark.parametrize(
    "second",
    [
        pytest.param({"0001_twin.py": FIRST}, id="both first"),
        pytest.param({"0002_one.py": SECOND, "0002_two.py": SECOND}, id="two of one number and revision"),
        pytest.param(
            {"0002_one.py": SECOND, "0003_two.py": "revision = '0003'\ndown_revision = '0001'"}, id="two of one parent"
        ),
        pytest.param({"0002_one.py": SECOND, "0003_two.py": SECOND}, id="one revision twice"),
        pytest.param({"0003_late.py": "revision = '0003'\ndown_revision = '0001'"}, id="number skipped"),
    ],
)
def test_a_line_with_a_fork_or_a_gap_is_refused(second):
    assert list(faults({"0001_first.py": FIRST, "0002_one.py": SECOND})) == []
    assert list(faults({"0001_first.py": FIRST} | second)) != []
