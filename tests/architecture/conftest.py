"""The files of the repository, as the rules of this folder read them."""

import ast
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOT_OURS = {
    ".git",
    ".venv",
    "node_modules",
    "__pycache__",
    "var",
    ".hypothesis",
    ".mypy_cache",
    ".ruff_cache",
}


@pytest.fixture(scope="session")
def repository_files() -> list[Path]:
    """What is, or is about to be, in the repository; without git, every file not generated."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in NOT_OURS]
        found += [Path(folder) / name for name in names]
    return found


@pytest.fixture(scope="session")
def modules() -> dict[str, ast.Module]:
    """The modules of authsvc/ by their path in the repository."""
    paths = sorted((ROOT / "authsvc").rglob("*.py"))
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text()) for path in paths}
