"""Remove each security rule in turn and see its tests fail (`make mutants`).

A mutant is a patch `tests/mutants/<row>.patch` that takes one rule out of authsvc/. Its first lines, before
`diff --git`, name the tests that guard the rule: `# tests: tests/path/test_x.py::test_name`. Each mutant is
tried in a copy of the tree; the tree itself is never touched. A mutant whose tests pass has survived: the rule is
unguarded.
"""

import argparse
import os
import queue
import shlex
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.harness import postgres
from tests.mutants.workplace import Workplace, workplace

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


def run_mutant(patch: Path, place: Workplace) -> Outcome:
    """Apply one patch to the copy of the tree and run the tests that it names; killed is what is hoped for."""
    start = time.monotonic()
    verdict, detail = _judge(patch, place)
    return Outcome(patch.stem, verdict, detail, time.monotonic() - start)


def tests_of(patch: Path) -> list[str]:
    """The tests named by the `# tests:` lines above the first `diff --git`."""
    header = patch.read_text().partition("diff --git")[0]
    lines = [line.removeprefix("# tests:") for line in header.splitlines() if line.startswith("# tests:")]
    return [name for line in lines for name in shlex.split(line.replace(",", " "))]


def _judge(patch: Path, place: Workplace) -> tuple[str, str]:
    tests = tests_of(patch)
    if not tests:
        return BROKEN, "no '# tests:' line"
    with place.patched(patch) as complaint:
        if complaint:
            return BROKEN, f"the patch does not apply: {complaint}"
        code, output = place.pytest(tests, LIMIT_SECONDS)
    if code == PASSED:
        return SURVIVED, f"these passed without the rule: {' '.join(tests)}"
    if code == FAILED:
        return KILLED, ""
    return BROKEN, f"the tests did not run (pytest {code}): {output[-1500:]}"


def _passes_unmutated(patches: list[Path], place: Workplace) -> bool:
    """A test that fails anyway would kill every mutant: the named tests must pass on an unchanged copy."""
    named = sorted({name for patch in patches for name in tests_of(patch)})
    code, output = place.pytest(named, LIMIT_SECONDS + len(named))
    if code != PASSED:
        print(f"the tests fail without any mutant:\n{output[-4000:]}")
    return code == PASSED


def _try_all(patches: list[Path], places: list[Workplace]) -> Iterator[Outcome]:
    free = queue.SimpleQueue[Workplace]()
    for place in places:
        free.put(place)

    def try_one(patch: Path) -> Outcome:
        place = free.get()
        try:
            return run_mutant(patch, place)
        finally:
            free.put(place)

    with ThreadPoolExecutor(len(places)) as pool:
        yield from pool.map(try_one, patches)


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
    with ExitStack() as stack:
        # One PostgreSQL for all of them.
        postgres.open_run(os.getpid())
        stack.callback(postgres.close_run, os.getpid())
        places = [stack.enter_context(workplace()) for _ in range(arguments.jobs)]
        if not _passes_unmutated(patches, places[0]):
            return 1
        outcomes = []
        for outcome in _try_all(patches, places):
            outcomes.append(outcome)
            print(
                f"{outcome.verdict:<9} {outcome.mutant} ({outcome.seconds:.1f} s) {outcome.detail}".rstrip(), flush=True
            )
    killed = sum(outcome.verdict == KILLED for outcome in outcomes)
    print(f"{killed} of {len(outcomes)} mutants killed")
    return 0 if killed == len(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
