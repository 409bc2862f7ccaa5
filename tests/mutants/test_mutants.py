"""Each mutant in `make test-all`; that its tests pass on the unchanged tree is what `make test` shows."""

from pathlib import Path

import pytest

from tests.mutants import run
from tests.mutants.workplace import ROOT

PATCHES = sorted(Path(__file__).parent.glob("*.patch"))


@pytest.mark.slow
@pytest.mark.timeout(2 * run.LIMIT_SECONDS)
@pytest.mark.parametrize("patch", [pytest.param(patch, id=patch.stem) for patch in PATCHES])
def test_the_tests_of_a_security_rule_fail_without_it(patch, place):
    outcome = run.run_mutant(patch, place)
    assert (outcome.verdict, outcome.detail) == (run.KILLED, "")


@pytest.mark.parametrize("patch", [pytest.param(patch, id=patch.stem) for patch in PATCHES])
def test_every_mutant_names_tests_that_exist(patch):
    names = run.tests_of(patch)
    assert names
    for name in names:
        path, _, test = name.partition("::")
        text = (ROOT / path).read_text()
        # A whole file may be named, where any of its tests is to fail.
        function = test.rpartition("::")[2].partition("[")[0]
        assert not test or f"def {function}(" in text
