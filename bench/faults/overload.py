"""Five times what one worker can do, in an open loop: who is accepted is served in time, others are told at once."""

import asyncio
import json
import math
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg

from bench.faults import leaving
from bench.faults.browsing import authorization_query, code_of
from bench.faults.caller import JSON
from bench.faults.finding import Finding, none_of, say, within
from bench.faults.ledger import code_fields, proof
from bench.faults.lines import Lines, form, posted
from bench.faults.plan import Plan, on_postgresql
from bench.faults.pressure import OK, Phase, Task
from bench.faults.service import Service
from bench.faults.site import APP, PASSWORD, SCOPE, SERVICE, WEB, Site
from bench.processes import LOAD_CORES, SERVER_CORES, confined_to

NAME = "overload"
TIMES, SECONDS = 5, 60.0
"""Times: the multiple of the capacity that is offered; seconds: for how long."""
REFUSED = {429, 503}
RATIO, REFUSED_SECONDS, RECOVERY_SECONDS, WINDOW_SECONDS, WELL_SECONDS = 3.0, 0.1, 5.0, 0.5, 2.0
PEOPLE, FAMILIES = 4_000, 1_500
CLOSED, HALF = 16, 0.5
Requests = Callable[[Site, Lines], Coroutine[None, None, list[bytes]]]
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Phased:
    """The answers of one phase: (moment since its begin, status, seconds) of each."""

    offered: int
    held_back: int
    seconds: float
    answers: list[tuple[float, int, float]]

    def times(self, *, ok: bool) -> list[float]:
        """How long the accepted took, or the refused."""
        return [took for _, status, took in self.answers if (status == OK if ok else status in REFUSED)]


def run(plan: Plan) -> list[Finding]:
    """Service tokens from memory, refreshes on the people lane, passwords: each on a worker of its own."""
    found: list[Finding] = []
    with on_postgresql(plan) as (site, cluster):
        with psycopg.connect(cluster.url().replace("+psycopg", ""), autocommit=True) as database:
            leaving.crowd(database, PEOPLE)
        for what, (requests, clients) in REQUESTS.items():
            found += overloaded(plan, site, what, requests, clients)
    return found


def overloaded(plan: Plan, site: Site, what: str, requests: Requests, clients: int) -> list[Finding]:
    """Find the capacity, then half of it, several times of it, and half again without a pause."""
    phases = [
        Phase("warm", 0.0, 3.0, CLOSED), Phase("capacity", 0.0, 4.0, CLOSED), Phase("half", HALF, 6.0, clients),
        Phase("over", float(plan.times), plan.seconds, clients), Phase("after", HALF, 2 * RECOVERY_SECONDS, clients),
    ]  # fmt: skip
    core = ",".join(map(str, SERVER_CORES))
    command = ("taskset", "--cpu-list", core)
    with Service(site, plan.directory / "overload.log", workers=1, command=command) as service:
        prepared = asyncio.run(requests(site, Lines(service.port)))
        seen = _pressed(Task(service.port, [each.decode() for each in prepared], phases, plan.seed))
    return _judged(plan, what, seen)


def _pressed(task: Task) -> dict[str, Phased]:
    """Let the generator do it on the other cores."""
    with confined_to(LOAD_CORES):
        done = subprocess.run(
            [sys.executable, "-m", "bench.faults.pressure"],
            input=json.dumps(asdict(task)), capture_output=True, text=True, check=True, cwd=ROOT,
        )  # fmt: skip
    return {
        told["name"]: Phased(
            told["offered"], told["held_back"], told["seconds"],
            [(at - told["began"], status, took) for at, status, took in told["answers"]],
        )
        for told in json.loads(done.stdout)
    }  # fmt: skip


async def services(site: Site, lines: Lines) -> list[bytes]:
    """The same request again and again."""
    del lines
    fields = {"grant_type": "client_credentials", "scope": SCOPE}
    return [form("/token", **proof(site, SERVICE), **fields)] * PEOPLE


async def logins(site: Site, lines: Lines) -> list[bytes]:
    """Each person once at a time."""
    del site, lines
    fields = {"password": PASSWORD, "client_id": APP, "scope": f"openid {SCOPE}"}
    return [posted("/login", json.dumps({"username": f"many{number + 1}", **fields}).encode(), JSON)
            for number in range(PEOPLE)]  # fmt: skip


async def refreshes(site: Site, lines: Lines) -> list[bytes]:
    """Families of a browser, each of which is rotated again and again."""
    asked = f"GET /authorize?{authorization_query()} HTTP/1.1\r\nHost: localhost\r\nCookie: {site.cookies}\r\n\r\n"
    made = []
    for _ in range(FAMILIES):
        code = code_of(await lines.ask(asked.encode())) or ""
        answer = await lines.ask(form("/token", **proof(site, WEB), **code_fields(code)))
        made.append(form("/token", **proof(site, WEB), grant_type="refresh_token",
                         refresh_token=str(answer.json["refresh_token"])))  # fmt: skip
    lines.close()
    return made


REQUESTS: dict[str, tuple[Requests, int]] = {
    "logins": (logins, 400),
    "refreshes": (refreshes, 1_200),
    "service tokens": (services, 2_000),
}
"""What is asked, over how many connections."""


def _judged(plan: Plan, what: str, seen: dict[str, Phased]) -> list[Finding]:
    closed, half, over, after = (seen[name] for name in ("capacity", "half", "over", "after"))
    # As the generator has counted: what was answered within the phase.
    capacity = sum(status == OK and at <= closed.seconds for at, status, _ in closed.answers) / closed.seconds
    usual = _p99(half.times(ok=True))
    accepted, refused = (over.times(ok=ok) for ok in (True, False))
    strange = Counter(str(status) for _, status, _ in over.answers if status != OK and status not in REFUSED)
    served, ratio, back = len(accepted) / over.seconds, _p99(accepted) / usual, recovered(after, RATIO * usual)
    told = f"{over.offered / over.seconds:,.0f}/s of {plan.times} x {capacity:,.0f}/s left the generator"
    say(f"  {what}: {told}; half {usual * 1e3:.1f} ms")
    offered = over.offered / over.seconds / capacity
    return [
        Finding(f"{what}: offered, as a multiple of the capacity", f"{offered:.1f} ({told})",
                f">= {0.9 * plan.times:g}", offered >= 0.9 * plan.times, timed=True),
        Finding(f"{what}: accepted meanwhile, to the capacity", f"{served:,.0f}/s ({served / capacity:.0%})", "-",
                holds=True),
        Finding(f"{what}: p99 of the accepted, to that at half of the capacity",
                f"{ratio:.2f} ({_p99(accepted) * 1e3:.1f} : {usual * 1e3:.1f} ms)", f"<= {RATIO:g}", ratio <= RATIO,
                timed=True),
        within(f"{what}: p99 of {len(refused):,} refusals (503 or 429); the slowest "
               f"took {max(refused, default=0.0):.2f} s", _p99(refused), REFUSED_SECONDS),
        none_of(f"{what}: other answers, and none", strange.total(), len(over.answers), [str(dict(strange))]),
        within(f"{what}: until answers are as before", back, RECOVERY_SECONDS),
    ]  # fmt: skip


def recovered(after: Phased, limit: float) -> float:
    """From when on two seconds were well: the p99 within the limit, and at most one in a hundred refused."""
    begin = 0.0
    while begin < after.seconds:
        times = [took if status == OK else math.inf for at, status, took in after.answers
                 if begin <= at - took < begin + WELL_SECONDS]  # fmt: skip
        if times and _p99(times) <= limit:
            return begin
        begin += WINDOW_SECONDS
    return math.inf


def _p99(times: Sequence[float]) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * 0.99))] if times else math.nan
