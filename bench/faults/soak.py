"""A long run at a steady rate: memory, descriptors and tables must end as they were in its middle."""

import asyncio
import json
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import psycopg

from bench.faults import leaving
from bench.faults.caller import LOST
from bench.faults.errands import PEOPLE, WEIGHTS, Errands
from bench.faults.finding import Finding, none_of, say
from bench.faults.gauges import Database, Sample, look, slope
from bench.faults.lines import Lines
from bench.faults.plan import Plan, on_postgresql
from bench.faults.service import Service
from bench.faults.site import Site
from bench.faults.watch import UNAVAILABLE

NAME = "soak"
TIMES, SECONDS = 305, 3_600.0
"""Times: errands a second."""
EVERY_SECONDS = 10.0
GROWTH, BYTES_GROWTH = 1.1, 1.25
SLOPE_SHARE = 0.05
"""Of its memory, that a worker may grow in an hour."""
DESCRIPTORS = 10
FEW_ROWS = 200
ADDED = {
    "sessions": WEIGHTS["login"], "refresh_families": WEIGHTS["login"] + WEIGHTS["code"],
    "authorization_codes": WEIGHTS["code"],
    "audit_events": WEIGHTS["login"] + WEIGHTS["revoke"] + WEIGHTS["logout"],
}  # fmt: skip
"""Rows that a hundred errands add and that outlive the run."""
SAMPLES = Path(__file__).parent / "figures" / "soak-samples.jsonl"


def run(plan: Plan) -> list[Finding]:
    """Two workers on a durable PostgreSQL, with the lifetimes as they are but for audit rows: a day, the least."""
    settings = {"AUTHSVC_LIFETIMES__AUDIT": "86400"}
    with (
        on_postgresql(plan) as (site, cluster),
        psycopg.connect(cluster.url().replace("+psycopg", ""), autocommit=True) as database,
        Service(site, plan.directory / "soak.log", settings=settings) as service,
    ):
        _prepare(site, service, database, plan)
        errands = Errands(site, Lines(service.port), plan.seed, plan.times)
        samples: list[Sample] = []
        ended, began, pids = threading.Event(), time.monotonic(), service.worker_pids()
        SAMPLES.write_text("")
        looking = threading.Thread(target=_look, args=(pids, database, began, ended, samples, errands), daemon=True)
        looking.start()
        asyncio.run(errands.run(plan.seconds))
        ended.set()
        looking.join()
        errors = service.log_lines("Traceback", '"level":"error"')
        replaced = len(set(pids) - set(service.worker_pids()))
        return [*_offered(plan, errands, errors, replaced), *_taken(samples)]


def _prepare(site: Site, service: Service, database: Database, plan: Plan) -> None:
    """People, one of everything, and what is to leave meanwhile."""
    leaving.crowd(database, PEOPLE)
    first = Errands(site, Lines(service.port), plan.seed, 50.0)
    asyncio.run(first.run(5.0))
    say(f"  before it: {dict(first.done)}")
    hundreds = plan.times * plan.seconds / 100
    leaving.seed(database, plan.seconds, {table: int(rate * hundreds) for table, rate in ADDED.items()})


def _look(  # noqa: PLR0913 - a thread's
    pids: list[int], database: Database, began: float, ended: threading.Event,
    samples: list[Sample], errands: Errands,
) -> None:  # fmt: skip
    while not ended.wait(max(0.0, began + EVERY_SECONDS * (len(samples) + 1) - time.monotonic())):
        samples.append(look(pids, database, began))
        if len(samples) % 6 == 0:
            _tell(samples[-1], errands)
            with SAMPLES.open("a") as kept:  # One of each minute, for whoever wants to see the curve.
                kept.write(json.dumps(asdict(samples[-1])) + "\n")


def _tell(sample: Sample, errands: Errands) -> None:
    resident = " ".join(f"{value:.1f}" for value in sample.proportional)
    rows = {name: count for name, count in sample.rows.items() if count > FEW_ROWS}
    taken = f"{resident} MB, {sample.descriptors} descriptors, {sample.connections} connections"
    say(f"  {sample.at / 60:5.1f} min: {taken}; {errands.tally.told}; left out {errands.left_out}; {rows}")  # fmt: skip


def _offered(plan: Plan, errands: Errands, errors: list[str], replaced: int) -> list[Finding]:
    tally, done = errands.tally, errands.done
    total = tally.statuses.total()
    told = ", ".join(f"{count:,} {kind}" for kind, count in done.most_common())
    busy = tally.statuses[UNAVAILABLE]
    what = f"{plan.times} errands/s offered for {plan.seconds / 60:.0f} min"
    return [
        Finding(f"{what}: done", told, "-", holds=True),
        none_of(f"{what}: left out, for too many were under way", errands.left_out, total),
        none_of("unexpected answers", len(tally.unexpected), total, tally.unexpected),
        none_of("connections lost", tally.statuses[LOST], total),
        Finding("answers of 503", f"{busy:,} of {total:,}", "<= 0.1 %", busy <= total / 1_000, timed=True),
        none_of("errors and tracebacks in the log", len(errors), total, errors),
        none_of("workers that had to be replaced", replaced, 2),
    ]  # fmt: skip


def _taken(samples: Sequence[Sample]) -> list[Finding]:
    third = len(samples) // 3
    middle, last = samples[third : 2 * third], samples[2 * third :]
    if not middle:
        return [Finding(f"samples, one each {EVERY_SECONDS:g} s", f"{len(samples)}", ">= 3", holds=False)]
    found = [_memory(samples[third:], worker) for worker in range(len(samples[0].resident))]
    found += [
        _flat("descriptors", middle, last, lambda sample: sum(sample.descriptors)),
        _flat("threads", middle, last, lambda sample: sum(sample.threads)),
        _flat("connections to the database", middle, last, lambda sample: sample.connections),
    ]
    found += [_table(name, middle, last) for name in samples[0].rows if _mean(last, name) > FEW_ROWS]
    return found


def _memory(samples: Sequence[Sample], worker: int) -> Finding:
    resident = [(sample.at, sample.resident[worker]) for sample in samples]
    proportional = [(sample.at, sample.proportional[worker]) for sample in samples]
    first, last = samples[0], samples[-1]
    grown = max(slope(resident) / resident[0][1], slope(proportional) / proportional[0][1])
    return Finding(
        f"memory of worker {worker + 1} over the last two thirds",
        f"{first.resident[worker]:.1f} -> {last.resident[worker]:.1f} MB resident ({slope(resident):+.2f} MB/h),"
        f" {first.proportional[worker]:.1f} -> {last.proportional[worker]:.1f} MB proportional"
        f" ({slope(proportional):+.2f} MB/h)",
        f"<= {SLOPE_SHARE:.0%} an hour", grown <= SLOPE_SHARE, timed=True,
    )  # fmt: skip


def _flat(what: str, middle: Sequence[Sample], last: Sequence[Sample], value: Callable[[Sample], int]) -> Finding:
    before, after = ([value(sample) for sample in part] for part in (middle, last))
    risen = statistics.median(after) - statistics.median(before)
    return Finding(
        f"{what}, middle and last third",
        f"{min(before)} to {max(before)} (median {statistics.median(before):g}),"
        f" then {min(after)} to {max(after)} (median {statistics.median(after):g})",
        f"median + {DESCRIPTORS} at most", risen <= DESCRIPTORS, timed=True,
    )  # fmt: skip


def _mean(samples: Sequence[Sample], table: str) -> float:
    return statistics.mean(sample.rows[table] for sample in samples)


def _table(name: str, middle: Sequence[Sample], last: Sequence[Sample]) -> Finding:
    rows = _mean(last, name) / max(1.0, _mean(middle, name))
    before, after = (statistics.mean(sample.octets[name] for sample in part) / 1e6 for part in (middle, last))
    return Finding(
        f"table {name}, last third to middle third",
        f"{_mean(last, name):,.0f} rows ({rows:.2f}), {after:.1f} MB ({after / before:.2f})",
        f"rows {GROWTH:g}, bytes {BYTES_GROWTH:g}", rows <= GROWTH and after / before <= BYTES_GROWTH, timed=True,
    )  # fmt: skip
