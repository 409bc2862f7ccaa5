"""A throwaway PostgreSQL cluster with its default, durable settings, from the binaries that are found."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.processes import LOAD_CORES, BenchError, confined_to
from tests.harness.postgres import free_port

START_DEADLINE_SECONDS = 30.0


@contextmanager
def cluster() -> Iterator[str]:
    """A database on the cores of the load; yields its address as libpq reads it (postgresql://...).

    Raises:
        BenchError: no binaries, or the server does not start.
    """
    binaries = _binaries()
    owner = _owner()
    directory = Path(tempfile.mkdtemp(prefix="authsvc-bench-pg-"))
    try:
        if owner is not None:
            shutil.chown(directory, owner)
        data, port = directory / "data", free_port()
        initialise = [
            str(binaries / "initdb"),
            "--username=bench",
            "--auth=trust",
            "--encoding=UTF8",
            f"--pgdata={data}",
        ]
        subprocess.run(initialise, check=True, user=owner, capture_output=True, cwd=directory)  # noqa: S603
        command = [
            str(binaries / "postgres"),
            "-D",
            str(data),
            "-p",
            str(port),
            "-c",
            "listen_addresses=127.0.0.1",
            "-k",
            str(directory),
        ]
        with (directory / "log").open("wb") as log, confined_to(LOAD_CORES):
            server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, user=owner, cwd=directory)  # noqa: S603
        try:
            _wait(binaries, port, server, directory / "log")
            yield f"postgresql://bench@127.0.0.1:{port}/postgres"
        finally:
            # A fast shutdown; SIGTERM would wait for every client.
            server.send_signal(signal.SIGINT)
            server.wait(30)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("postgres")
    if found:
        return found[-1].parent
    if on_path is None:
        message = "the refresh comparison needs PostgreSQL's server binaries: apt-get install postgresql"
        raise BenchError(message)
    return Path(on_path).parent


def _owner() -> str | None:
    """PostgreSQL refuses to run as root; another account then owns the cluster."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _wait(binaries: Path, port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_DEADLINE_SECONDS
    ready = [str(binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    while subprocess.run(ready, check=False).returncode != 0:  # noqa: S603
        if server.poll() is not None or time.monotonic() > deadline:
            message = f"PostgreSQL does not start:\n{log.read_text(errors='replace')[-2000:]}"
            raise BenchError(message)
        time.sleep(0.1)
