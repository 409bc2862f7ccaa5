"""Remove each security rule in turn and see its tests fail (`make mutants`).

A mutant is a patch `tests/mutants/<row>.patch` that takes one rule out of authsvc/. Its first lines, before
`diff --git`, name the tests that guard the rule: `# tests: tests/path/test_x.py::test_name`. Each mutant gets a
copy of the tree; the tree itself is never touched. A mutant whose tests pass has survived: the rule is unguarded.
"""

import argparse
import atexit
import compileall
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATCHES = Path(__file__).parent
LIMIT_SECONDS = 300.0
# pytest's exit codes: anything but these two means that the named tests did not run.
PASSED, FAILED = 0, 1
KILLED, SURVIVED, BROKEN = "killed", "SURVIVED", "BROKEN"


@dataclass(frozen=True, slots=True)
class Outcome:
    mutant: str
    verdict: str
    detail: str
    seconds: float


def run_mutant(patch: Path) -> Outcome:
    """Apply one patch to a copy of the tree and run the tests that it names; killed is what is hoped for."""
    start = time.monotonic()
    verdict, detail = _judge(patch)
    return Outcome(patch.stem, verdict, detail, time.monotonic() - start)


def tests_of(patch: Path) -> list[str]:
    """The tests named by the `# tests:` lines above the first `diff --git`."""
    header = patch.read_text().partition("diff --git")[0]
    lines = [line.removeprefix("# tests:") for line in header.splitlines() if line.startswith("# tests:")]
    return [name for line in lines for name in shlex.split(line.replace(",", " "))]


def _judge(patch: Path) -> tuple[str, str]:
    tests = tests_of(patch)
    if not tests:
        return BROKEN, "no '# tests:' line"
    with _borrowed_tree() as tree:
        command = ["git", "apply", "--whitespace=nowarn", str(patch)]
        try:
            applied = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
            if applied.returncode != 0:
                return BROKEN, f"the patch does not apply: {applied.stderr.strip()}"
            code, output = _pytest(tree, tests)
        finally:
            for name in _files_of(patch):
                shutil.copy2(ROOT / name, tree / name)
    if code == PASSED:
        return SURVIVED, f"these passed without the rule: {' '.join(tests)}"
    if code == FAILED:
        return KILLED, ""
    return BROKEN, f"the tests did not run (pytest {code}): {output[-1500:]}"


def _files_of(patch: Path) -> list[str]:
    """The files that the patch changes."""
    lines = patch.read_text().splitlines()
    return [line.removeprefix("+++ b/").partition("\t")[0] for line in lines if line.startswith("+++ b/")]


@contextmanager
def _borrowed_tree() -> Iterator[Path]:
    """A copy of the tree that no other mutant has at the moment; whoever borrows it gives it back unchanged.

    It is compiled once, and never again: a changed file has another time than its compiled form, so that it is
    compiled in memory, and its own time when it is put back.
    """
    tree = _free_trees.pop() if _free_trees else _lasting_tree()
    try:
        yield tree
    finally:
        _free_trees.append(tree)


_free_trees: list[Path] = []


def _lasting_tree() -> Path:
    copied = _copied_tree()
    tree = copied.__enter__()
    atexit.register(copied.__exit__, None, None, None)
    compileall.compile_dir(tree / "authsvc", quiet=2)
    compileall.compile_dir(tree / "tests", quiet=2)
    return tree


@contextmanager
def _copied_tree() -> Iterator[Path]:
    """A copy of what is in the repository or about to be, and the npm packages by a link."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    with tempfile.TemporaryDirectory(prefix="authsvc-mutant-") as folder:
        tree = Path(folder)
        for name in names:
            if name and (ROOT / name).is_file():
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, tree / name)
        packages = ROOT / "tests" / "interop" / "node_modules"
        if packages.is_dir():
            (tree / "tests" / "interop" / "node_modules").symlink_to(packages)
        yield tree


def _pytest(tree: Path, tests: list[str]) -> tuple[int, str]:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n0", "-p", "no:cacheprovider", "--tb=native", *tests]
    # PYTHONPATH goes before the editable install, in the tests' own processes too. xdist's variables would
    # make a run inside a worker think that it is one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        ran = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS
        )
    except subprocess.TimeoutExpired:
        return -1, f"not done after {LIMIT_SECONDS:.0f} s"
    return ran.returncode, ran.stdout + ran.stderr


def _passes_unmutated(patches: list[Path]) -> bool:
    """A test that fails anyway would kill every mutant: the named tests must pass on an unchanged copy."""
    named = sorted({name for patch in patches for name in tests_of(patch)})
    with _copied_tree() as tree:
        code, output = _pytest(tree, named)
    if code != PASSED:
        print(f"the tests fail without any mutant:\n{output[-4000:]}")
    return code == PASSED


def main() -> int:
    parser = argparse.ArgumentParser(description="remove each security rule in turn: its tests must fail")
    parser.add_argument("names", nargs="*", help="mutants to run (default: all)")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    patches = sorted(PATCHES.glob("*.patch"))
    if arguments.names:
        patches = [patch for patch in patches if patch.stem in arguments.names]
    if not patches:
        print("no such mutant")
        return 1
    if not _passes_unmutated(patches):
        return 1
    outcomes = []
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for outcome in pool.map(run_mutant, patches):
            outcomes.append(outcome)
            print(
                f"{outcome.verdict:<9} {outcome.mutant} ({outcome.seconds:.1f} s) {outcome.detail}".rstrip(), flush=True
            )
    killed = sum(outcome.verdict == KILLED for outcome in outcomes)
    print(f"{killed} of {len(outcomes)} mutants killed")
    return 0 if killed == len(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
