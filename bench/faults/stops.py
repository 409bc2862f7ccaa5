"""Immediate stops of PostgreSQL under load (`pg_ctl stop -m immediate`), and one outage longer than the caches last."""

import random
import time

from bench.faults.browsing import authorization_query, code_of
from bench.faults.caller import LOST, Caller, Tally
from bench.faults.crowd import Crowd
from bench.faults.finding import Finding, none_of, say, within
from bench.faults.plan import Plan, on_postgresql
from bench.faults.service import Service
from bench.faults.site import Site
from bench.faults.watch import UNAVAILABLE, Watch, refused, slowest
from tests.harness.postgres import Cluster

NAME = "database-stops"
TIMES, SECONDS = 50, 150.0
OUTAGE_SECONDS = 30.0
"""What is cached serves so long without the database."""
MARGIN_SECONDS = 2.0
WARM = 100
"""Answers of /jwks and client_credentials, and each worker has cached what they need."""


def run(plan: Plan) -> list[Finding]:
    """Both, on an installation each."""
    with on_postgresql(plan) as (site, cluster):
        found = stopped(plan, site, cluster)
        return found + away(plan, site, cluster)


def stopped(plan: Plan, site: Site, cluster: Cluster) -> list[Finding]:
    """Stop under load, start again; ask about everything that was acknowledged."""
    chance, recoveries = random.Random(plan.seed), list[float]()  # noqa: S311 - no secret
    with Service(site, plan.directory / "stops.log") as service:
        before = service.worker_pids()
        crowd, watch = Crowd(site, (service.port,), plan.seed), Watch(site, service.port)
        prober, deadline = Caller(service.port, Tally()), time.monotonic() + plan.seconds
        time.sleep(2.0)
        with crowd.working(consenting=2), watch.watching():
            watch.await_answers(WARM)
            while len(recoveries) < plan.times and time.monotonic() < deadline:
                cluster.stop(immediate=True)
                time.sleep(chance.uniform(0.2, 1.5))
                cluster.start()
                recoveries.append(_recovered(prober, site))
                time.sleep(chance.uniform(0.2, 0.8))
            crowd.await_some_of_each()
        tally, errors = crowd.tally, service.log_lines("Traceback", '"level":"error"')
        say(f"  {len(recoveries)} stops; {tally.told}")
        whole = f"{len(recoveries)} immediate stops, {crowd.ledger.acknowledged:,} writes"
        findings = [
            *crowd.ledger.check(service.port, site, say),
            none_of("unexpected answers (500, a refusal without reason)", len(tally.unexpected),
                    tally.statuses.total(), tally.unexpected),
            none_of("connections lost", tally.statuses[LOST], tally.statuses.total()),
            none_of("503 without Retry-After", tally.bare_503, tally.statuses[UNAVAILABLE]),
            none_of("/jwks and cached client_credentials refused", len(refused(watch.seen)), len(watch.seen),
                    refused(watch.seen)),
            none_of("errors and tracebacks in the log", len(errors), len(service.log_lines("")), errors),
            none_of("workers that had to be replaced", len(set(before) - set(service.worker_pids())), len(before)),
            within("the slowest 503 of a request without a password", tally.slowest_503, 1.0),
            within("the slowest 503 of a request with a password", tally.slowest_hashing_503, 1.0),
            within("the slowest answer of /jwks and client_credentials", slowest(watch.seen), 1.0),
            within("from the database's first answer to the first code, at worst", max(recoveries), 5.0),
        ]  # fmt: skip
        return [Finding(f"{whole}: {each.what}", each.measured, each.must, each.holds, each.timed)
                for each in findings]  # fmt: skip


def away(plan: Plan, site: Site, cluster: Cluster) -> list[Finding]:
    """Stay away for longer than the caches serve."""
    with Service(site, plan.directory / "away.log") as service:
        watch, prober = Watch(site, service.port), Caller(service.port, Tally())
        with watch.watching():
            time.sleep(3.0)
            cluster.stop(immediate=True)
            gone = time.monotonic()
            time.sleep(OUTAGE_SECONDS + 3 * MARGIN_SECONDS)
            back = time.monotonic()
            cluster.start()
            recovery = _recovered(prober, site)
            time.sleep(MARGIN_SECONDS)
        served = watch.between(gone, gone + OUTAGE_SECONDS - MARGIN_SECONDS)
        late = watch.between(gone + OUTAGE_SECONDS + MARGIN_SECONDS, back)
        still = [f"{what} {answer.status}" for _, what, answer in late if answer.status != UNAVAILABLE]
        say(f"  an outage: {len(served)} answers from the caches, {len(late)} after them")
        return [
            none_of(f"database away: /jwks and cached client_credentials refused in the first "
                    f"{OUTAGE_SECONDS - MARGIN_SECONDS:g} s", len(refused(served)), len(served), refused(served)),
            none_of(f"database away: answers other than 503 after {OUTAGE_SECONDS + MARGIN_SECONDS:g} s",
                    len(still), len(late), still),
            within("database away: the slowest answer of these", slowest(served + late), 1.0),
            within("database away: from its first answer to the first code", recovery, 5.0),
        ]  # fmt: skip


def _recovered(caller: Caller, site: Site) -> float:
    """Seconds until a code, which is written, can be had again."""
    began = time.monotonic()
    while time.monotonic() < began + 60.0:
        if code_of(caller.get(f"/authorize?{authorization_query()}", Cookie=site.cookies)):
            break
        time.sleep(0.02)
    return time.monotonic() - began
