"""A Redis that is stopped, emptied, stands still, is slow or full, under load: limits hold, and nobody notices."""

import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial

from bench.faults.caller import LOST, Answer, Caller, Tally
from bench.faults.crowd import Crowd
from bench.faults.finding import Finding, hardly_any, none_of, say, within
from bench.faults.plan import Plan, on_postgresql, on_sqlite
from bench.faults.races import ASSERTION_TYPE
from bench.faults.service import Service
from bench.faults.site import SCOPE, Site, assertion
from tests.harness.redis_server import RedisServer, running_redis

NAME = "redis"
TIMES, SECONDS = 1, 6.0
"""Seconds: how long each trouble lasts."""
WORKERS, CONNECTIONS = 2, 8
LIMIT, SHORT_LIMIT = 600, 20
OK, TOO_MANY, FAULT, UNAVAILABLE = 200, 429, 500, 503
HEARD_SECONDS = 0.5
"""Processes that share their counts know of each other by then."""
PATIENCE_SECONDS = 60.0
REPLAY_SECONDS = 45.0
"""So long an assertion is presented again; it is good for longer."""


def run(plan: Plan) -> list[Finding]:
    """On PostgreSQL, then on SQLite."""
    with on_postgresql(plan) as (site, _):
        found = troubled(plan, site, "PostgreSQL")
    return found + troubled(plan, on_sqlite(plan), "SQLite")


def troubled(plan: Plan, site: Site, database: str) -> list[Finding]:
    """One trouble after the other; then another node, without Redis, is asked about all that was acknowledged."""
    # Each worker is to reach it in the time that there is; but not before it has heard of the other.
    limit = LIMIT if plan.seconds >= SECONDS else SHORT_LIMIT
    with running_redis() as redis:
        settings = {
            "AUTHSVC_REDIS_URL": redis.url,
            "AUTHSVC_HTTP__REQUESTS_PER_MINUTE": str(limit),
            "AUTHSVC_HTTP__TRUSTED_PROXIES": '["127.0.0.1"]',
        }
        log = plan.directory / f"{database}-redis.log"
        with Service(site, log, workers=WORKERS, settings=settings) as service:
            crowd = Crowd(site, (service.port,), plan.seed, caller=_from_everywhere)
            asserting = _Asserting(service.port, crowd.tally, random.Random(plan.seed))  # noqa: S311 - no secret
            with crowd.working(signing_in=2), asserting.working():
                time.sleep(1.0)
                found = [*_all_troubles(plan, redis, limit, partial(_Greedy, service.port, limit, crowd.tally))]
            errors = service.log_lines("Traceback", '"level":"error"')
            lines = len(service.log_lines(""))
    with Service(site, plan.directory / f"{database}-after.log") as after:
        found += crowd.ledger.check(after.port, site, say)
    tally = crowd.tally
    say(f"  {database}: {tally.told}; {asserting.fresh:,} assertions, {asserting.again:,} of them again")
    faults = sum(count for status, count in tally.statuses.items() if status >= FAULT or status == LOST)
    busy = tally.statuses[UNAVAILABLE]
    found += [
        none_of("answers of 5xx but 503, connections lost", faults - busy, tally.statuses.total()),
        hardly_any("answers of 503", busy, tally.statuses.total()),
        none_of("unexpected answers", len(tally.unexpected), tally.statuses.total(), tally.unexpected),
        none_of("assertions that counted twice", len(asserting.twice), asserting.again, asserting.twice),
        none_of("errors and tracebacks in the log", len(errors), lines, errors),
    ]
    return [Finding(f"{database}: {each.what}", each.measured, each.must, each.holds, each.timed) for each in found]


def _all_troubles(
    plan: Plan, redis: RedisServer, limit: int, greedy_at: "Callable[[str], _Greedy]"
) -> Iterator[Finding]:
    troubles: dict[str, Callable[[], AbstractContextManager[object]]] = {
        "well": nullcontext,
        "stopped": lambda: _stopped(redis),
        "emptied all the time": lambda: _again_and_again(lambda: redis.ask("FLUSHALL"), 0.1),
        "standing still": redis.standing,
        "slow": lambda: _again_and_again(lambda: redis.ask("CLIENT", "PAUSE", "400"), 0.1),
        "full": lambda: _full(redis),
    }
    numbers = itertools.count(1)
    for _ in range(plan.times):
        for what, trouble in troubles.items():
            greedy = greedy_at(f"192.0.2.{next(numbers)}")
            _await_time_enough(plan.seconds)
            with trouble():
                greedy.ask_for(plan.seconds)
            yield from greedy.findings(f"Redis {what}")
    greedy = greedy_at(f"192.0.2.{next(numbers)}")
    _await_time_enough(plan.seconds)
    greedy.ask_for(plan.seconds)
    yield from greedy.findings("Redis well again")
    most = greedy.minutes * limit + HEARD_SECONDS * greedy.per_second
    passed = greedy.statuses[OK]
    yield Finding(
        f"Redis well again: what {WORKERS} workers let pass together", f"{passed}", f"<= {most:.0f}", passed <= most,
        timed=True,
    )  # fmt: skip


def _await_time_enough(seconds: float) -> None:
    """Until a minute of the clock holds so many, for then all counts begin anew."""
    left = 60 - time.time() % 60
    if left < seconds + 1:
        time.sleep(left)


@contextmanager
def _stopped(redis: RedisServer) -> Iterator[None]:
    redis.stop()
    try:
        yield
    finally:
        redis.start()


@contextmanager
def _full(redis: RedisServer) -> Iterator[None]:
    redis.ask("CONFIG", "SET", "maxmemory", "1")
    try:
        yield
    finally:
        redis.ask("CONFIG", "SET", "maxmemory", "0")


@contextmanager
def _again_and_again(act: Callable[[], object], pause_seconds: float) -> Iterator[None]:
    with _threads(1, lambda: act() and time.sleep(pause_seconds)):
        yield


@contextmanager
def _threads(how_many: int, act: Callable[[], object]) -> Iterator[None]:
    """So many do it, until the block ends."""
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            act()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(how_many)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


class _From(Caller):
    """A proxy, of which the server knows that it tells the truth."""

    def __init__(self, port: int, tally: Tally, address: Callable[[], str]) -> None:
        super().__init__(port, tally)
        self._address = address

    def _ask(self, method: str, path: str, body: str | None, headers: Mapping[str, str]) -> Answer:
        return super()._ask(method, path, body, {**headers, "X-Forwarded-For": self._address()})


_NUMBERS = itertools.count(1)


def _somewhere() -> str:
    number = next(_NUMBERS)
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


_from_everywhere = partial(_From, address=_somewhere)


@dataclass(slots=True)
class _Greedy:
    """One address that asks as fast as it is answered."""

    port: int
    limit: int
    tally: Tally
    address: str
    statuses: Counter[int] = field(default_factory=Counter)
    slowest: float = 0.0
    minutes: int = 0
    per_second: float = 0.0

    def ask_for(self, seconds: float) -> None:
        """On several connections, so that every worker is asked."""
        callers = [_From(self.port, self.tally, lambda: self.address) for _ in range(CONNECTIONS)]
        free, lock, began = callers.copy(), threading.Lock(), time.time()

        def once() -> None:
            with lock:
                caller = free.pop()
            answer = caller.get("/jwks")
            with lock:
                free.append(caller)
                self.statuses[answer.status] += 1
                self.slowest = max(self.slowest, answer.seconds)
            # The others are to have their share of the machine.
            time.sleep(0.02)

        with _threads(CONNECTIONS, once):
            time.sleep(seconds)
            # On a slow machine it takes longer until it is refused.
            until = time.monotonic() + PATIENCE_SECONDS
            while not self.statuses[TOO_MANY] and time.monotonic() < until:
                time.sleep(0.05)
        self.minutes = int(time.time() // 60) - int(began // 60) + 1
        self.per_second = self.statuses.total() / (time.time() - began)
        for caller in callers:
            caller.close()

    def findings(self, when: str) -> list[Finding]:
        """It is refused at last, at no time by each worker later than by its own limit."""
        passed, most = self.statuses[OK], self.minutes * self.limit * WORKERS
        strange = self.statuses.total() - passed - self.statuses[TOO_MANY] - self.statuses[UNAVAILABLE]
        return [
            Finding(f"{when}: one address got past its limit, of {self.statuses.total():,} requests", f"{passed}",
                    f"<= {most}", passed <= most and strange == 0 and self.statuses[TOO_MANY] > 0),
            within(f"{when}: its slowest answer", self.slowest, 1.0),
        ]  # fmt: skip


@dataclass(slots=True)
class _Asserting:
    """A client whose assertions somebody else has heard, who presents them as well, at once and later."""

    port: int
    tally: Tally
    chance: random.Random
    fresh: int = 0
    again: int = 0
    twice: list[str] = field(default_factory=list)
    _used: list[tuple[float, str]] = field(default_factory=list)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Until the block ends."""
        client, thief = (_From(self.port, self.tally, _somewhere) for _ in range(2))
        with _threads(1, lambda: self._once(client, thief)):
            yield

    def _once(self, client: Caller, thief: Caller) -> None:
        token, now = assertion(), time.monotonic()
        answer = _present(client, token)
        self.fresh += 1
        if answer.is_unsure:
            return
        if answer.status != OK:
            self.tally.wrong(f"a fresh assertion was refused: {answer.status} {answer.body!r}")
        self._used = [each for each in self._used if each[0] > now - REPLAY_SECONDS] + [(now, token)]
        for used_at, old in (self._used[-1], self.chance.choice(self._used)):
            self.again += 1
            if _present(thief, old).status == OK:
                self.twice.append(f"one of {now - used_at:.1f} s before")
        time.sleep(0.05)


def _present(caller: Caller, token: str) -> Answer:
    return caller.form(
        "/token", grant_type="client_credentials", scope=SCOPE, client_assertion_type=ASSERTION_TYPE,
        client_assertion=token,
    )  # fmt: skip
