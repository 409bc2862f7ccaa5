"""The same requests to two PostgreSQL installations in turn: one of 100 users, one of a million in 10,000 tenants.

`AUTHSVC_BENCH_USERS` makes the large one smaller. One connection, one worker each; medians of the answers' times.
Then each kind of request a few times more, with the plans of its statements.
"""

import itertools
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from authsvc.crypto.passwords import hash_password
from authsvc.storage.sql.engine import open_storage
from bench import rounds
from bench.asked import KINDS, Side, add_clients
from bench.explained import Explained, Reader, explaining
from bench.faults.caller import Answer, Caller, Tally
from bench.faults.service import Service
from bench.faults.site import PASSWORD, make_site
from bench.plans import keys_of
from bench.population import Population, populate
from bench.processes import BenchError
from tests.harness.postgres import running_cluster

NAME = "scale"
AIM = 1.2
PAGES_AIM = 3.0
"""The index of a million rows has two levels more than that of a hundred."""
BATCHES, EXPLAINED = 20, 5
USERS, TENANTS = int(os.environ.get("AUTHSVC_BENCH_USERS", "1000000")), 10_000
SIZES = f"PostgreSQL with {USERS:,} users in {TENANTS:,} tenants : with 100 in one"
_FIRST_FAILURE = 400
Sides = tuple[Side, Side]


def compare(plan: rounds.Plan, directory: Path) -> list[rounds.Figure]:  # noqa: ARG001 - as many as KINDS says
    """Milliseconds of each kind of request, large : small; then its statements, and what a batch of the purge takes."""
    with ExitStack() as stack:
        small = stack.enter_context(_side(directory / "small", 100, 1))
        large = stack.enter_context(_side(directory / "large", USERS, TENANTS))
        sides = small, large
        for side in sides:
            side.begin()
        figures = [_figure(kind, ask, count, sides) for kind, ask, count in KINDS]
        return [*figures, _statements(sides, directory), _purge(large)]


def _figure(kind: str, ask: Callable[[Side], Answer], count: int, sides: Sides) -> rounds.Figure:
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(min(count, 20)):
        for side in sides:  # in turn, or the other one's connection would be idle for too long
            ask(side)
    for _ in range(count):
        for side, seconds in zip(sides, taken, strict=True):
            seconds.append(_answered(kind, ask, side).seconds * 1_000)
    small, large = map(statistics.median, taken)
    parts = [_ratio_of_part(taken, part) for part in range(5)]
    rounds.say(f"  {kind}: {large:.2f} : {small:.2f} ms")
    return rounds.Figure(
        f"{kind}, {SIZES}", f"{large:.2f} ms", f"{small:.2f} ms", large / small, AIM, at_most=True,
        per_round=tuple(parts), notes=(f"{count} requests in turn on one connection each; a fifth of them is a round",),
    )  # fmt: skip


def _answered(kind: str, ask: Callable[[Side], Answer], side: Side) -> Answer:
    answer = ask(side)
    if not 0 < answer.status < _FIRST_FAILURE:
        message = f"{kind}: {answer.status} {answer.body[:200]!r}"
        raise BenchError(message)
    return answer


def _ratio_of_part(taken: tuple[list[float], list[float]], part: int) -> float:
    small, large = (statistics.median(seconds[part * len(seconds) // 5 : (part + 1) * len(seconds) // 5])
                    for seconds in taken)  # fmt: skip
    return large / small


def _statements(sides: Sides, directory: Path) -> rounds.Figure:
    """What each statement of these requests touches, asked of new nodes."""
    small, large = (_explained(side, directory / f"node{number}") for number, side in enumerate(sides))
    keys = keys_of(sides[1].connection)
    both = [(large[text], small[text]) for text in large if text in small]
    pages = [sum(one.pages for one in side) for side in zip(*both, strict=True)]
    of_kinds = {
        kind: tuple(sum(one.pages_of(kind) for one in side) / EXPLAINED for side in zip(*both, strict=True))
        for kind, _, _ in KINDS
    }
    each = ", ".join(f"{kind} {one:.0f} : {other:.0f}" for kind, (one, other) in of_kinds.items())
    alone = len(large.keys() ^ small.keys())
    lines = sorted({f"{one.told(keys)}: {one.pages:.0f} : {other.pages:.0f}" for one, other in both})
    return rounds.Figure(
        f"pages touched by the {len(both)} statements of these requests, {SIZES}",
        f"{pages[0]:,.0f}", f"{pages[1]:,.0f}", pages[0] / pages[1], PAGES_AIM, at_most=True,
        per_round=tuple(one / other for one, other in of_kinds.values() if other),
        notes=(f"each kind of request is a round: {each}", f"statements of one side alone: {alone}",
               "the statements, as the large one runs them:", *lines),
    )  # fmt: skip


def _explained(side: Side, directory: Path) -> dict[str, Explained]:
    directory.mkdir()
    reader = Reader(side.log)
    with explaining(side.connection), Service(side.site, directory / "log", workers=1) as node:
        side.caller = Caller(node.port, Tally())
        side.begin()
        for kind, ask, _ in KINDS:
            _answered(kind, ask, side)
            reader.skip()
            for _ in range(EXPLAINED):
                _answered(kind, ask, side)
            reader.read(kind, EXPLAINED)
    return reader.found


def _purge(large: Side) -> rounds.Figure:
    """Batches when everything is over; the last of them against the first."""
    storage, long_after = open_storage(large.site.database_url, pool_size=1, cache=None), timedelta(days=10_000)
    seconds, counts = [], []
    try:
        for _ in range(BATCHES):
            began = time.monotonic()
            counts.append(storage.purge(datetime.now(UTC) + long_after, limit=500))
            seconds.append(time.monotonic() - began)
    finally:
        storage.close()
    first, last = statistics.median(seconds[: BATCHES // 2]), statistics.median(seconds[BATCHES // 2 :])
    return rounds.Figure(
        "purge with everything over: the later batches : the first ones", f"{last:.2f} s", f"{first:.2f} s",
        last / first, AIM, at_most=True, per_round=tuple(b / a for a, b in itertools.pairwise(seconds)),
        notes=(f"{statistics.median(counts):,.0f} rows a batch, of all tables together",),
    )  # fmt: skip


@contextmanager
def _side(directory: Path, users: int, tenants: int) -> Iterator[Side]:
    directory.mkdir()
    with running_cluster(durable=False) as cluster:
        site = make_site(cluster.url(), directory)
        add_clients(site)
        with psycopg.connect(cluster.url().replace("+psycopg", "", 1), autocommit=True) as connection:
            began = time.monotonic()
            connection.execute("SET maintenance_work_mem = '512MB'")
            first = users if tenants == 1 else users // 10
            populate(connection, Population(site.tenant.id, tenants, users, first, 100, hash_password(PASSWORD)))
            rounds.say(f"  {users:,} users: made in {time.monotonic() - began:.0f} s")
            connection.execute("CHECKPOINT")
            with Service(site, directory / "log", workers=1) as node:
                yield Side(site, Caller(node.port, Tally()), connection, cluster.directory / "log", first)
