"""A million users with their hashes, imported into PostgreSQL by the command: how long, and in how much memory.

The import is killed once on its way and run again. `python -m bench.faults user-import` runs it.
"""

import os
import random
import signal
import string
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from authsvc.domain.people.user_import import BATCH
from bench.faults.finding import Finding, say, within
from bench.faults.plan import Plan, on_postgresql

NAME = "user-import"
TIMES = 1_000_000
"""Users."""
SECONDS = 600.0
"""What the import may take."""
MAX_MEGABYTES = 300.0
_HASH_LETTERS = "./" + string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class _Run:
    """One run of the command."""

    code: int
    seconds: float
    megabytes: float
    said: str


def run(plan: Plan) -> list[Finding]:
    """Import `plan.times` users; kill the command when a tenth is there, and let it finish in a second run."""
    file = plan.directory / "users.csv"
    write_users(file, plan)
    with on_postgresql(plan) as (site, cluster):
        command = [str(Path(sys.executable).with_name("authsvc")), "users", "import", str(file)]
        environment = {"PATH": os.environ["PATH"], **site.environment()}
        url = cluster.url().replace("+psycopg", "")
        others = count_users(url)
        first = _timed(command, environment, lambda: count_users(url) >= others + plan.times / 10)
        stored = count_users(url) - others
        say(f"  killed after {first.seconds:.1f} s: {stored:,} users")
        second = _timed(command, environment)
        say(f"  {second.said.strip()}, {second.seconds:.1f} s")
        whole = count_users(url) - others
    seconds = first.seconds + second.seconds
    torn = stored % BATCH
    rate = f"{plan.times / seconds:,.0f} users/s"
    megabytes = max(first.megabytes, second.megabytes)
    return [
        Finding(f"killed with {stored:,} users stored: rows of an unfinished batch", f"{torn}", "0", torn == 0),
        Finding("run again: users stored", f"{whole:,}", f"{plan.times:,}", whole == plan.times and second.code == 0),
        within(f"both runs together, on a durable PostgreSQL ({rate})", seconds, plan.seconds),
        Finding(
            f"memory of the command, for a file of {file.stat().st_size / 1e6:,.0f} MB",
            f"{megabytes:.0f} MB", f"<= {MAX_MEGABYTES:.0f} MB", megabytes <= MAX_MEGABYTES, timed=True,
        ),
    ]  # fmt: skip


def write_users(file: Path, plan: Plan) -> None:
    """Write a file of so many users as the plan says, each with a hash."""
    with file.open("w", encoding="utf-8") as lines:
        lines.writelines(_lines(plan.times, random.Random(plan.seed)))  # noqa: S311 - made-up hashes


def _lines(count: int, chance: random.Random) -> Iterator[str]:
    yield "username,email,email_verified,name,given_name,password_hash\n"
    for number in range(count):
        # The last letter of salt and hash has bits that must be zero.
        salt, digest = ("".join(chance.choices(_HASH_LETTERS, k=length)) for length in (21, 30))
        name = f"person-{number:07}"
        yield f"{name},{name}@example.com,true,Person {number},Pat,$2b$12${salt}u{digest}u\n"


def _timed(command: list[str], environment: dict[str, str], is_enough: Callable[[], bool] = lambda: False) -> _Run:
    began = time.monotonic()
    process = subprocess.Popen(  # noqa: S603
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    ended = threading.Event()
    watch = threading.Thread(target=_kill_when, args=(process, is_enough, ended))
    watch.start()
    assert process.stdout is not None  # noqa: S101 - a pipe
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    ended.set()
    watch.join()
    return _Run(os.waitstatus_to_exitcode(status), time.monotonic() - began, usage.ru_maxrss * 1024 / 1e6, said)


def _kill_when(process: subprocess.Popen[str], is_enough: Callable[[], bool], ended: threading.Event) -> None:
    while not ended.wait(0.2):
        if is_enough():
            os.kill(process.pid, signal.SIGKILL)
            return


def count_users(url: str) -> int:
    """Return how many users there are."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM users").fetchone()
    assert row is not None  # noqa: S101 - an aggregate
    return int(row[0])
