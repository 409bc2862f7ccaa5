"""The same requests to two PostgreSQL installations in turn: one of 100 users, one of a million in 10,000 tenants.

`AUTHSVC_BENCH_USERS` makes the large one smaller. One connection, one worker each; medians of the answers' times.
"""

import itertools
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from authsvc.crypto.passwords import hash_password
from authsvc.storage.sql.engine import open_storage
from bench import rounds
from bench.faults.browsing import VERIFIER, authorization_query, code_of
from bench.faults.caller import Answer, Caller, Tally
from bench.faults.service import Service
from bench.faults.site import APP, AUDIENCE, PASSWORD, REDIRECT_URI, SCOPE, SERVICE, WEB, Site, make_site
from bench.population import Population, populate
from bench.processes import BenchError
from tests.harness.postgres import running_cluster

NAME = "scale"
AIM = 1.2
SAMPLES, COLD_SAMPLES, BATCHES = 100, 10, 20
USERS, TENANTS = int(os.environ.get("AUTHSVC_BENCH_USERS", "1000000")), 10_000
_FEED_SECONDS = 1.1
_FIRST_FAILURE = 400


@dataclass(slots=True)
class Side:
    """An installation, the node on it, and a person at it."""

    site: Site
    caller: Caller
    connection: psycopg.Connection[object]
    people: int
    chance: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311 - who is asked for
    tokens: list[dict[str, str]] = field(default_factory=list)

    def login(self) -> Answer:
        """Sign in anybody."""
        name = f"person{self.chance.randint(1, self.people)}"
        scope = f"openid {SCOPE}"
        return self.caller.json("/login", username=name, password=PASSWORD, client_id=APP, scope=scope)

    def pages(self) -> int:
        """How many pages were touched so far; told with a second's delay."""
        time.sleep(_FEED_SECONDS)
        row = self.connection.execute(
            "SELECT sum(blks_hit + blks_read) FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
        return int(row[0]) if isinstance(row, tuple) else 0


def refresh(side: Side) -> Answer:
    """Refresh one of the families in turn."""
    tokens = side.tokens.pop(0)
    answer = side.caller.form(
        "/token", grant_type="refresh_token", refresh_token=tokens["refresh_token"], client_id=APP
    )
    side.tokens.append(answer.json)
    return answer


def machine_token(side: Side) -> Answer:
    """A token for a service."""
    return side.caller.form(
        "/token", grant_type="client_credentials", client_id=SERVICE, client_secret=side.site.secrets[SERVICE],
        scope=SCOPE, resource=AUDIENCE,
    )  # fmt: skip


def cold_machine_token(side: Side) -> Answer:
    """The same when something that nodes remember was changed a moment ago: they must read all of it again."""
    side.connection.execute("UPDATE change_feed SET counter = counter + 1")
    time.sleep(_FEED_SECONDS)
    side.caller.get("/health/live")  # The connection may have been closed meanwhile.
    return machine_token(side)


def userinfo(side: Side) -> Answer:
    """Who the person is."""
    token = side.chance.choice(side.tokens)["access_token"]
    return side.caller.get("/userinfo", Authorization=f"Bearer {token}")


def authorize(side: Side) -> Answer:
    """From a browser with a session to a code."""
    return side.caller.get(f"/authorize?{authorization_query()}", Cookie=side.site.cookies)


def redeem(side: Side) -> Answer:
    """A code for tokens; what is timed is the exchange alone."""
    code = code_of(authorize(side)) or ""
    return side.caller.form(
        "/token", grant_type="authorization_code", code=code, redirect_uri=REDIRECT_URI, code_verifier=VERIFIER,
        client_id=WEB, client_secret=side.site.secrets[WEB],
    )  # fmt: skip


def revoke(side: Side) -> Answer:
    """End a family of a moment ago."""
    token = side.login().json["refresh_token"]
    return side.caller.form("/revoke", token=token, client_id=APP)


KINDS: tuple[tuple[str, Callable[[Side], Answer], int], ...] = (
    ("POST /login", Side.login, SAMPLES),
    ("refresh", refresh, 4 * SAMPLES),
    ("client_credentials", machine_token, 4 * SAMPLES),
    ("client_credentials after a change", cold_machine_token, COLD_SAMPLES),
    ("GET /userinfo", userinfo, 4 * SAMPLES),
    ("authorize with a session", authorize, 4 * SAMPLES),
    ("code for tokens", redeem, 2 * SAMPLES),
    ("revoke", revoke, SAMPLES),
)


def compare(plan: rounds.Plan, directory: Path) -> list[rounds.Figure]:  # noqa: ARG001 - as many as KINDS says
    """Milliseconds of each kind of request, large : small; then what a batch of the purge takes."""
    with ExitStack() as stack:
        small = stack.enter_context(_side(directory / "small", 100, 1))
        large = stack.enter_context(_side(directory / "large", USERS, TENANTS))
        for side in (small, large):
            side.tokens += [side.login().json for _ in range(20)]
        figures = [_figure(kind, ask, count, (small, large)) for kind, ask, count in KINDS]
        return [*figures, _purge(large)]


def _figure(kind: str, ask: Callable[[Side], Answer], count: int, sides: tuple[Side, Side]) -> rounds.Figure:
    taken: tuple[list[float], list[float]] = ([], [])
    for side in sides:
        for _ in range(min(count, 20)):
            ask(side)
    before = [side.pages() for side in sides]
    for side in sides:
        side.caller.close()
        side.caller.get("/health/live")
    for _ in range(count):
        for side, seconds in zip(sides, taken, strict=True):
            answer = ask(side)
            if not 0 < answer.status < _FIRST_FAILURE:
                message = f"{kind}: {answer.status} {answer.body[:200]!r}"
                raise BenchError(message)
            seconds.append(answer.seconds * 1_000)
    pages = [(side.pages() - first) / count for side, first in zip(sides, before, strict=True)]
    small, large = map(statistics.median, taken)
    parts = [_ratio_of_part(taken, part) for part in range(5)]
    rounds.say(f"  {kind}: {large:.2f} : {small:.2f} ms")
    return rounds.Figure(
        f"{kind}, PostgreSQL with {USERS:,} users in {TENANTS:,} tenants : with 100 in one", f"{large:.2f} ms",
        f"{small:.2f} ms", large / small, AIM, at_most=True, per_round=tuple(parts),
        notes=(f"pages touched for each request: {pages[1]:.0f} : {pages[0]:.0f}",),
    )  # fmt: skip


def _ratio_of_part(taken: tuple[list[float], list[float]], part: int) -> float:
    small, large = (statistics.median(seconds[part * len(seconds) // 5 : (part + 1) * len(seconds) // 5])
                    for seconds in taken)  # fmt: skip
    return large / small


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
        with psycopg.connect(cluster.url().replace("+psycopg", "", 1), autocommit=True) as connection:
            began = time.monotonic()
            connection.execute("SET maintenance_work_mem = '512MB'")
            first = users if tenants == 1 else users // 10
            populate(connection, Population(site.tenant.id, tenants, users, first, 100, hash_password(PASSWORD)))
            rounds.say(f"  {users:,} users: made in {time.monotonic() - began:.0f} s")
            connection.execute("CHECKPOINT")
            with Service(site, directory / "log", workers=1) as node:
                yield Side(site, Caller(node.port, Tally()), connection, first)
