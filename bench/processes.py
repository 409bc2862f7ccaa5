"""Start a server process on chosen cores, wait for its first answer, read what it costs, and end it."""

import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORES = {CORES[-1]}
LOAD_CORES = set(CORES[:-1]) or {CORES[0]}
ALL_CORES = set(CORES)
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
START_DEADLINE_SECONDS = 60.0
STOP_DEADLINE_SECONDS = 15.0


class BenchError(Exception):
    """A comparison that cannot be made, with what to do about it."""


@dataclass(frozen=True, slots=True)
class Spawn:
    """What to start: the command, its cores, what its environment adds, and where its output goes."""

    command: Sequence[str]
    log: Path
    cores: frozenset[int] = frozenset(SERVER_CORES)
    environment: tuple[tuple[str, str], ...] = ()
    directory: Path | None = None


@dataclass(frozen=True, slots=True)
class Running:
    """A started process with its children."""

    pid: int
    log: Path

    def tree(self) -> list[int]:
        """This process and all its descendants, parents first."""
        found = [self.pid]
        for pid in found:
            found.extend(_children(pid))
        return found

    def cpu_seconds(self) -> float:
        """Processor time of the whole tree so far, user and system."""
        return sum(_cpu_ticks(pid) for pid in self.tree()) / TICKS_PER_SECOND


@contextmanager
def confined_to(cores: Iterable[int]) -> Iterator[None]:
    """This thread, and what it starts meanwhile, on these cores only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def running(spawn: Spawn, ready_url: str) -> Iterator[Running]:
    """The process, from its first answer at `ready_url` until the block ends."""
    with spawned(spawn) as server:
        wait_for(ready_url, server)
        yield server


@contextmanager
def spawned(spawn: Spawn) -> Iterator[Running]:
    """The process as soon as it runs, which may be before it answers."""
    with spawn.log.open("wb") as log, confined_to(spawn.cores):
        process = subprocess.Popen(  # noqa: S603
            list(spawn.command),
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **dict(spawn.environment)},
            cwd=spawn.directory,
            start_new_session=True,
        )
    try:
        yield Running(process.pid, spawn.log)
    finally:
        process.terminate()
        try:
            process.wait(STOP_DEADLINE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()


def wait_for(url: str, server: Running) -> None:
    """Return at the first answer with a status below 500.

    Raises:
        BenchError: the process ended or nothing answered within 60 s.
    """
    deadline = time.monotonic() + START_DEADLINE_SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310
                return
        except urllib.error.HTTPError as answer:
            if answer.code < 500:  # noqa: PLR2004
                return
        except OSError:
            if not Path(f"/proc/{server.pid}/stat").exists() or _state(server.pid) == "Z":
                break
        time.sleep(0.005)
    tail = server.log.read_text(errors="replace")[-2000:]
    message = f"nothing answers at {url}; the end of its output:\n{tail}"
    raise BenchError(message)


def core_busy_seconds(cores: frozenset[int]) -> float:
    """How long these cores have been busy since boot, whoever used them."""
    names = {f"cpu{core}" for core in cores}
    total = 0
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name in names:
            user, nice, system, _idle, _wait, irq, softirq, steal = map(int, fields[:8])
            total += user + nice + system + irq + softirq + steal
    return total / TICKS_PER_SECOND


def resident_megabytes(pid: int) -> float:
    """The resident set of one process, in MB of 1,000,000 bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1_000_000
    message = f"process {pid} has no resident set"
    raise BenchError(message)


def _children(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []


def _after_name(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _state(pid: int) -> str:
    return _after_name(pid)[0]


def _cpu_ticks(pid: int) -> int:
    try:
        fields = _after_name(pid)
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])
