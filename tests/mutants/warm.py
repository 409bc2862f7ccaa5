"""An interpreter that has imported what no mutant changes; for each run of tests it forks a child for the rest.

Started by workplace.py as a script in the copied tree. A line of standard input is a JSON list of arguments for
pytest; the answer is two lines: the child's process id, which is its group's too, and its exit code. What the child
prints goes to the file named by the only argument.
"""

import ast
import gc
import importlib
import json
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import _pytest.config
import pytest

# Imported only when used: pytest's parts, its plugins, the databases' drivers, the hashes of passwords.
LATE = (
    *(f"_pytest.{name}" for name in _pytest.config.default_plugins),
    "_hypothesis_pytestplugin",
    "anyio.pytest_plugin",
    "passlib.handlers.argon2",
    "passlib.handlers.bcrypt",
    "passlib.handlers.django",
    "passlib.handlers.pbkdf2",
    "passlib.handlers.scrypt",
    "passlib.handlers.sha2_crypt",
    "pytest_timeout",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "xdist.looponfail",
    "xdist.plugin",
)


def imported_by(tree: Path) -> set[str]:
    """The modules that files of the tree import when they are imported themselves, without the tree's own."""
    own = {folder.name for folder in tree.iterdir() if folder.is_dir()}
    files = [*(tree / "authsvc").rglob("*.py"), *(tree / "tests").rglob("*.py")]
    names = {name for file in files for node in ast.parse(file.read_text()).body for name in _named(node)}
    return {name for name in names if name.partition(".")[0] not in own}


def _named(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield node.module


def warm(tree: Path) -> None:
    """Import all that, and nothing of the tree; a child must begin with one thread.

    Raises:
        RuntimeError: a module of the tree came along, or a module started a thread.
    """
    with warnings.catch_warnings(record=True):
        for name in sorted(imported_by(tree) | {*LATE}):
            # What only another environment has (tests/fuzz) is not for these tests either.
            with suppress(ModuleNotFoundError):
                importlib.import_module(name)
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file and module.__name__ != "__main__" and Path(file).is_relative_to(tree):
            raise RuntimeError(f"{module.__name__} of the tree is imported before the mutant is there")
    # Python does not know those that a library of another language started; where the system lists them, count them.
    threads = Path("/proc/self/task")
    if threading.active_count() > 1 or (threads.is_dir() and len(list(threads.iterdir())) > 1):
        raise RuntimeError(f"an import started threads: {threading.enumerate()}")
    gc.collect()
    gc.freeze()


def serve(output: Path) -> int:
    """Fork for each line; returns in the children too, with their exit code."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            return _run(json.loads(line), output)
        print(child, flush=True)
        status = os.waitpid(child, 0)[1]
        # What the tests started and forgot.
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        print(os.waitstatus_to_exitcode(status), flush=True)
    return 0


def _run(arguments: list[str], output: Path) -> int:
    os.setsid()
    nothing, written = os.open(os.devnull, os.O_RDONLY), os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(nothing, 0)
    os.dup2(written, 1)
    os.dup2(written, 2)
    return int(pytest.main(arguments))


if __name__ == "__main__":
    # As `python -m pytest` in the tree would have it; this file's folder is nobody's business.
    sys.path[0] = str(Path.cwd())
    warm(Path.cwd())
    sys.exit(serve(Path(sys.argv[1])))
