"""docs/threats.md names tests and mutants that exist."""

import re

import pytest

from tests.mutants.run import PATCHES
from tests.mutants.workplace import ROOT

PAGE = (ROOT / "docs" / "threats.md").read_text()
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and "| Tests |" not in line]


def _named(row: str) -> list[tuple[str, str]]:
    """Each (file below tests/, test or "") of a row; a path written as an ellipsis is the one before."""
    found: list[tuple[str, str]] = []
    for path, test in re.findall(r"`(…|[\w/.]+\.py)(?:::(\w+))?`", row):
        found.append((found[-1][0] if path == "…" else path, test))
    return found


@pytest.mark.parametrize("row", [pytest.param(row, id=row[2:42].strip()) for row in ROWS])
def test_every_test_and_mutant_of_a_row_exists(row: str):
    cells = row.strip("|").split("|")
    assert len(cells) == 3
    for path, test in _named(cells[1]):
        text = (ROOT / "tests" / path).read_text()
        assert not test or f"def {test}(" in text, f"{path}::{test}"
    for mutant in filter(None, (name.strip() for name in cells[2].split(","))):
        assert (PATCHES / f"{mutant}.patch").exists(), mutant


def test_the_page_names_every_part_of_the_table():
    assert len(ROWS) > 40
    assert sum(len(_named(row)) for row in ROWS) > 100
