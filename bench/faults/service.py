"""`authsvc serve` with its workers, to be started, killed in part or as a whole, and started again."""

import os
import random
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from bench.faults.site import Site
from bench.processes import BenchError, Running
from tests.harness.postgres import free_port

START_SECONDS = 60.0
STOP_SECONDS = 15.0
SCRIPT = Path(sys.executable).with_name("authsvc")


@dataclass(slots=True)
class Service:
    """One node on a port of its own; a context manager that ends what it has started."""

    site: Site
    log: Path
    workers: int = 2
    settings: dict[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    """What stands before the command, such as faketime with its arguments."""
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill_all()

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The supervisor."""
        if self._process is None:
            message = "the service was not started"
            raise BenchError(message)
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it is ready."""
        command = [*self.command, str(SCRIPT), "serve", "--port", str(self.port), "--workers", str(self.workers)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.log.parent,
                env={**os.environ, **self.site.environment(**self.settings)}, start_new_session=True,
            )  # fmt: skip
        self.await_answer("/health/ready")

    def await_answer(self, path: str) -> None:
        """Return at the first 200. Raises: BenchError."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with (
                suppress(OSError, urllib.error.URLError),
                urllib.request.urlopen(f"{self.address}{path}", timeout=5) as answer,  # noqa: S310
            ):
                if answer.status == 200:  # noqa: PLR2004
                    return
            if self._process is not None and self._process.poll() is not None:
                break
            time.sleep(0.02)
        message = f"{self.address}{path} does not answer:\n{self.log.read_text(errors='replace')[-2000:]}"
        raise BenchError(message)

    def worker_pids(self) -> list[int]:
        """The workers of this moment; those of a wrapper are found below it."""
        tree = Running(self.pid, self.log).tree()
        return tree[-self.workers :] if len(tree) > self.workers else tree[1:]

    def kill_worker(self, chance: random.Random) -> None:
        """SIGKILL one worker; the supervisor replaces it."""
        alive = self.worker_pids()
        if alive:
            _kill(chance.choice(alive))

    def kill_all(self) -> None:
        """SIGKILL the supervisor and every worker, if it was started."""
        process, self._process = self._process, None
        if process is None:
            return
        for pid in Running(process.pid, self.log).tree():
            _kill(pid)
        process.wait(STOP_SECONDS)

    def log_lines(self, *words: str) -> list[str]:
        """Lines of its log that hold one of these words."""
        lines = self.log.read_text(errors="replace").splitlines()
        return [line for line in lines if any(word in line for word in words)]


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
