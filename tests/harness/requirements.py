"""What tests need beyond Python, and what happens when it is missing.

On a laptop the test is skipped and named at the end of the run; with CI=true, where everything can be
installed, a missing tool is a failure.
"""

import functools
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from tests.harness import postgres

INTEROP = Path(__file__).parent.parent / "interop"


def require(tool: str) -> Path:
    """The path of a tool of TOOLS; where it is missing, the test is skipped (with CI=true: failed)."""
    find, advice = TOOLS[tool]
    found = find()
    if found is None:
        missing(f"{tool} is missing: {advice}")
    return found


def missing(reason: str) -> NoReturn:
    """Skip the test for want of a tool, or fail it where CI=true."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason} (a skip is a failure when CI=true)", pytrace=False)
    pytest.skip(reason)


@functools.cache
def _go() -> Path | None:
    found = shutil.which("go")
    return Path(found) if found else None


@functools.cache
def _node() -> Path | None:
    found = shutil.which("node")
    return Path(found) if found else None


def _npm_packages() -> Path | None:
    modules = INTEROP / "node_modules"
    return modules if _node() and all((modules / name).is_dir() for name in ("jose", "openid-client")) else None


@functools.cache
def _redis() -> Path | None:
    found = shutil.which("redis-server")
    return Path(found) if found else None


@functools.cache
def _chromium() -> Path | None:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    return Path(found) if found else None


def _axe() -> Path | None:
    script = INTEROP / "node_modules" / "axe-core" / "axe.min.js"
    return script if script.is_file() else None


TOOLS: dict[str, tuple[Callable[[], Path | None], str]] = {
    "postgresql": (
        postgres.find_binaries,
        "install the PostgreSQL server (Debian: apt-get install postgresql)",
    ),
    "redis": (_redis, "install the Redis server (Debian: apt-get install redis-server)"),
    "go": (_go, "install Go 1.25 or newer (Debian: apt-get install golang)"),
    "node": (_node, "install Node.js (Debian: apt-get install nodejs npm)"),
    "npm packages": (
        _npm_packages,
        "install Node.js and npm, then make test (which runs npm ci in tests/interop)",
    ),
    "chromium": (_chromium, "install Chromium (Debian: apt-get install chromium)"),
    "axe-core": (_axe, "install Node.js and npm, then make test (which runs npm ci in tests/interop)"),
}
