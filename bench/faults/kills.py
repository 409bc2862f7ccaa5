"""SIGKILL of workers, and now and then of the whole service, under load, against a ledger outside."""

import random
import time

from bench.faults.crowd import Crowd
from bench.faults.finding import Finding, none_of, say
from bench.faults.plan import Plan, on_postgresql, on_sqlite
from bench.faults.service import Service
from bench.faults.site import Site

NAME = "kills"
TIMES, SECONDS = 100, 100.0
WHOLE = 0.1
"""The share of kills that take everything at once."""


def run(plan: Plan) -> list[Finding]:
    """On PostgreSQL, then on SQLite."""
    with on_postgresql(plan) as (site, _):
        found = killed(plan, site, "PostgreSQL")
    return found + killed(plan, on_sqlite(plan), "SQLite")


def killed(plan: Plan, site: Site, database: str) -> list[Finding]:
    """Kill under load, wait until all is well, ask about everything."""
    chance = random.Random(plan.seed)  # noqa: S311 - no secret
    with Service(site, plan.directory / f"{database}.log") as service:
        crowd, kills, restarts = Crowd(site, (service.port,), plan.seed), 0, 0
        with crowd.working(consenting=2):
            deadline = time.monotonic() + plan.seconds
            while kills < plan.times and time.monotonic() < deadline:
                time.sleep(chance.uniform(0.2, 0.7))
                if chance.random() < WHOLE or (kills == 1 and restarts == 0):
                    service.kill_all()
                    service.start()
                    restarts += 1
                else:
                    service.kill_worker(chance)
                kills += 1
            service.await_answer("/health/ready")
            crowd.await_some_of_each()
            time.sleep(1.0)
        say(f"  {database}: {kills} kills, {restarts} of them of everything; {crowd.tally.told}")
        told = f"{database}, {kills} SIGKILLs ({restarts} of the whole service), {crowd.ledger.acknowledged:,} writes"
        unexpected = crowd.tally.unexpected
        findings = [
            *crowd.ledger.check(service.port, site, say),
            none_of("unexpected answers (500, a refusal without reason)", len(unexpected),
                    crowd.tally.statuses.total(), unexpected),
        ]  # fmt: skip
        return [Finding(f"{told}: {each.what}", each.measured, each.must, each.holds) for each in findings]
