"""A database that does not answer: a lock that somebody holds, processes that stand still, a disk that is full."""

import os
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg

from bench.faults.caller import LOST
from bench.faults.crowd import Crowd
from bench.faults.finding import Finding, none_of, say, within
from bench.faults.plan import Plan, on_postgresql, on_sqlite
from bench.faults.service import Service
from bench.faults.site import Site, make_site
from bench.faults.watch import UNAVAILABLE, Watch, refused, slowest

NAME = "slow-database"
TIMES, SECONDS = 1, 5.0
"""Seconds: how long each trouble lasts."""
ROOM_BYTES = 16_000_000
SQLITE_SECONDS = 6.0
"""Whoever is at work waits five seconds for SQLite's one lock; whoever waits behind them is refused within one."""


def run(plan: Plan) -> list[Finding]:
    """One trouble after the other, each on servers of its own."""
    with on_postgresql(plan) as (site, cluster):
        found = troubled(plan, site, "a table locked", lambda: locked(site))
        found += troubled(plan, site, "the database stands still", cluster.standing_still)
    site = on_sqlite(plan)
    found += troubled(plan, site, "SQLite written by another process", lambda: busy(site), SQLITE_SECONDS)
    return found + full(plan) + read_only(plan)


def troubled(
    plan: Plan, site: Site, what: str, trouble: Callable[[], AbstractContextManager[None]], limit: float = 1.0
) -> list[Finding]:
    """Load before, in and after the trouble; then everything acknowledged is asked about."""
    with Service(site, plan.directory / f"{what.replace(' ', '-')}.log") as service:
        crowd, watch = Crowd(site, (service.port,), plan.seed), Watch(site, service.port)
        with crowd.working(registering=1, signing_in=16, redeeming=16, consenting=2), watch.watching():
            time.sleep(3.0)
            watch.seen.clear()
            with trouble():
                time.sleep(plan.seconds)
            time.sleep(3.0)
        tally, errors = crowd.tally, service.log_lines("Traceback", '"level":"error"')
        say(f"  {what}: {tally.told}; the watch: {watch.tally.told}")
        return [Finding(f"{what}: {each.what}", each.measured, each.must, each.holds, each.timed) for each in (
            *crowd.ledger.check(service.port, site, say),
            none_of("unexpected answers (500, a refusal without reason)", len(tally.unexpected),
                    tally.statuses.total(), tally.unexpected),
            none_of("connections lost", tally.statuses[LOST], tally.statuses.total()),
            Finding("answers of 503 while nothing else could be answered", f"{tally.statuses[UNAVAILABLE]:,}", ">= 1",
                    tally.statuses[UNAVAILABLE] > 0),
            none_of("/jwks and cached client_credentials refused", len(refused(watch.seen)), len(watch.seen),
                    refused(watch.seen)),
            none_of("errors and tracebacks in the log", len(errors), len(service.log_lines("")), errors),
            within("the slowest 503 of a request without a password", tally.slowest_503, limit),
            within("the slowest 503 of a request with a password", tally.slowest_hashing_503, 11.0),
            within("the slowest answer of /jwks and client_credentials", slowest(watch.seen), 1.0),
        )]  # fmt: skip


@contextmanager
def locked(site: Site) -> Iterator[None]:
    """Somebody holds every refresh family."""
    with psycopg.connect(site.database_url.replace("+psycopg", "", 1)) as connection:
        connection.execute("LOCK TABLE refresh_families, authorization_codes IN ACCESS EXCLUSIVE MODE")
        yield
        connection.rollback()


@contextmanager
def busy(site: Site) -> Iterator[None]:
    """Another process holds the write lock."""
    connection = sqlite3.connect(_file(site), isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


def full(plan: Plan) -> list[Finding]:
    """A small file system of its own, where that may be mounted, and something that fills it."""
    directory = plan.directory / "small"
    directory.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOM_BYTES}", "tmpfs", str(directory)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:  # noqa: S603
        return [Finding("disk full: not run, for that takes the right to mount", "-", "-", holds=True)]
    try:
        site = make_site(f"sqlite:///{directory / 'authsvc.db'}", directory)
        found = troubled(plan, site, "disk full", lambda: filled(directory))
        with sqlite3.connect(_file(site)) as connection:
            told = str(connection.execute("PRAGMA integrity_check").fetchone()[0])
        return [*found, Finding("disk full: integrity_check afterwards", told, "ok", told == "ok")]
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=False)  # noqa: S603, S607


@contextmanager
def filled(directory: Path) -> Iterator[None]:
    """Not a byte is left."""
    filler = directory / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4_096)
        except OSError:
            pass
    try:
        yield
    finally:
        filler.unlink()


def read_only(plan: Plan) -> list[Finding]:
    """The database and its log become immutable files, where that may be said (`chattr +i`)."""
    directory = plan.directory / "immutable"
    directory.mkdir()
    site = make_site(f"sqlite:///{directory / 'authsvc.db'}", directory)
    if not _chattr("+i", site.master_key_file) or not _chattr("-i", site.master_key_file):
        return [Finding("read-only files: not run, for that takes root and a file system with attributes", "-", "-",
                        holds=True)]  # fmt: skip

    @contextmanager
    def immutable() -> Iterator[None]:
        files = [Path(_file(site)), Path(f"{_file(site)}-wal")]
        _chattr("+i", *files)
        try:
            yield
        finally:
            _chattr("-i", *files)

    found = troubled(plan, site, "read-only files", immutable)
    with sqlite3.connect(_file(site)) as connection:
        told = str(connection.execute("PRAGMA integrity_check").fetchone()[0])
    return [*found, Finding("read-only files: integrity_check afterwards", told, "ok", told == "ok")]


def _chattr(how: str, *files: Path) -> bool:
    command = ["chattr", how, *map(str, files)]
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0  # noqa: S603
    except FileNotFoundError:
        return False


def _file(site: Site) -> str:
    return site.database_url.removeprefix("sqlite:///")
