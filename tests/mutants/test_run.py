"""The runner tells a killed mutant from one that survives and from tests that did not run."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mutants import run
from tests.mutants.workplace import TIMED_OUT, Workplace

pytestmark = pytest.mark.slow

NAMED = "tests/crypto/test_pkce.py"
SUBJECT = "authsvc/crypto/pkce.py"


def _patch(folder: Path, place: Workplace, added: str) -> Path:
    """A mutant of SUBJECT that has one line more at its end."""
    lines = (place.tree / SUBJECT).read_text().splitlines()
    patch = folder / "invented.patch"
    patch.write_text(
        f"# tests: {NAMED}\ndiff --git a/{SUBJECT} b/{SUBJECT}\n--- a/{SUBJECT}\n+++ b/{SUBJECT}\n"
        f"@@ -{len(lines)},1 +{len(lines)},2 @@\n {lines[-1]}\n+{added}\n"
    )
    return patch


@pytest.mark.parametrize(
    ("added", "verdict"),
    [
        pytest.param("# Nothing is removed.", run.SURVIVED, id="nothing removed"),
        pytest.param("from authsvc import nothing_of_that_name", run.BROKEN, id="not importable"),
        pytest.param("def broken(:", run.BROKEN, id="not a program"),
    ],
)
def test_a_mutant_that_no_test_refused_is_not_killed(place, tmp_path, added, verdict):
    outcome = run.run_mutant(_patch(tmp_path, place, added), place)
    assert outcome.verdict == verdict, outcome.detail


def test_a_patch_that_does_not_apply_is_broken(place, tmp_path):
    patch = _patch(tmp_path, place, "# A line.")
    patch.write_text(patch.read_text().replace("\n ", "\n -"))
    outcome = run.run_mutant(patch, place)
    assert (outcome.verdict, outcome.detail[:24]) == (run.BROKEN, "the patch does not apply")


def test_two_mutants_of_one_file_and_one_size_are_each_seen_and_then_gone(place, tmp_path):
    mutants = ("# Nothing here.", "raise SystemErr", "# Nothing here.", "raise SystemErr")
    verdicts = [run.run_mutant(_patch(tmp_path, place, added), place).verdict for added in mutants]
    assert verdicts == [run.SURVIVED, run.BROKEN, run.SURVIVED, run.BROKEN]
    assert place.pytest([NAMED], run.LIMIT_SECONDS)[0] == run.PASSED


@pytest.fixture
def invented(place) -> Iterator[Path]:
    """A test file in the copied tree, gone before the next mutant looks."""
    file = place.tree / "tests" / "test_invented.py"
    yield file
    file.unlink()


def test_the_tests_and_their_processes_import_the_copied_tree(place, invented):
    invented.write_text(
        "import subprocess, sys\n"
        "import authsvc\n"
        "def test_it():\n"
        "    command = [sys.executable, '-c', 'import authsvc; print(authsvc.__file__)']\n"
        "    theirs = subprocess.run(command, capture_output=True, text=True, check=True, cwd='/').stdout.strip()\n"
        f"    assert authsvc.__file__ == theirs == {str(place.tree / 'authsvc' / '__init__.py')!r}\n",
    )
    code, output = place.pytest([str(invented)], run.LIMIT_SECONDS)
    assert code == run.PASSED, output


def test_what_takes_too_long_is_ended_with_its_processes_and_the_next_runs(place, invented, tmp_path):
    late = tmp_path / "late"
    invented.write_text(
        "import subprocess, time\n"
        "def test_it():\n"
        f"    subprocess.Popen(['sh', '-c', 'sleep 20; touch {late}'])\n"
        "    time.sleep(60)\n",
    )
    assert place.pytest([str(invented)], 2.0)[0] == TIMED_OUT
    invented.write_text("import time\ndef test_it():\n    time.sleep(20)\n")
    assert place.pytest([str(invented)], run.LIMIT_SECONDS)[0] == run.PASSED
    assert not late.exists()
