"""Where mutants are tried, one after the other: a copy of the tree, and a warm interpreter (warm.py) for its tests."""

import itertools
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
# An exit code that no process has.
TIMED_OUT = 1_000


@dataclass(frozen=True, slots=True)
class Workplace:
    """Made with `workplace`; whoever changes the tree puts it back (`patched` does)."""

    folder: Path
    warm: subprocess.Popen[str]

    @property
    def tree(self) -> Path:
        return self.folder / "tree"

    def pytest(self, tests: list[str], limit_seconds: float) -> tuple[int, str]:
        """Run the named tests on the tree as it is now.

        Returns:
            pytest's exit code (TIMED_OUT when it took too long), and what it printed.
        """
        assert self.warm.stdin is not None
        assert self.warm.stdout is not None
        # A folder of our own saves pytest the search for folders that earlier runs left behind.
        arguments = ["-x", "-q", "-n0", "-p", "no:cacheprovider", "--tb=native", f"--basetemp={self.folder / 'tmp'}"]
        # What is imported already cannot be rewritten, and need not be: no test of ours looks into its assertions.
        arguments += ["-W", "ignore::pytest.PytestAssertRewriteWarning", *tests]
        self.warm.stdin.write(json.dumps(arguments) + "\n")
        self.warm.stdin.flush()
        child = self._answer()
        in_time = bool(select.select([self.warm.stdout], [], [], limit_seconds)[0])
        if not in_time:
            os.killpg(child, signal.SIGKILL)
        code = self._answer()
        output = (self.folder / "output").read_text(errors="replace")
        return (code, output) if in_time else (TIMED_OUT, f"not done after {limit_seconds:.0f} s\n{output}")

    def _answer(self) -> int:
        assert self.warm.stdout is not None
        line = self.warm.stdout.readline()
        if not line:
            raise RuntimeError("the warm interpreter has ended; what it said stands above")
        return int(line)

    @contextmanager
    def patched(self, patch: Path) -> Iterator[str]:
        """Apply a patch to the tree until the end of the block; the text says why it does not apply, if so."""
        names = _files_of(patch)
        command = ["git", "apply", "--whitespace=nowarn", str(patch)]
        try:
            applied = subprocess.run(command, cwd=self.tree, capture_output=True, text=True, check=False)
            if applied.returncode == 0:
                for name in names:
                    # A compiled form is known by second and size, and two mutants of a file may have both in common.
                    age = next(_ages)
                    os.utime(self.tree / name, (age, age))
            yield applied.stderr.strip() if applied.returncode else ""
        finally:
            for name in filter(lambda name: (ROOT / name).exists(), names):
                shutil.copy2(ROOT / name, self.tree / name)


_ages = itertools.count(1)


@contextmanager
def workplace() -> Iterator[Workplace]:
    """A copy of what is in the repository or about to be, and the interpreter; gone afterwards."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    with tempfile.TemporaryDirectory(prefix="authsvc-mutant-") as name:
        folder = Path(name)
        tree = folder / "tree"
        for file in names:
            if file and (ROOT / file).is_file():
                (tree / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / file, tree / file)
        packages = ROOT / "tests" / "interop" / "node_modules"
        if packages.is_dir():
            (tree / "tests" / "interop" / "node_modules").symlink_to(packages)
        with _warm(tree, folder / "output") as warm:
            yield Workplace(folder, warm)


@contextmanager
def _warm(tree: Path, output: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(Path(__file__).parent / "warm.py"), str(output)]
    # PYTHONPATH goes before the editable install, in the tests' own processes too. xdist's variables would
    # make a run inside a worker think that it is one. The tests' files are compiled once for all mutants.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["PYTHONPATH"] = str(tree)
    with subprocess.Popen(
        command, cwd=tree, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as warm:
        # Leaving the block closes its input, which ends it.
        yield warm


def _files_of(patch: Path) -> list[str]:
    """The files that the patch changes."""
    lines = patch.read_text().splitlines()
    return [line.removeprefix("+++ b/").partition("\t")[0] for line in lines if line.startswith("+++ b/")]
