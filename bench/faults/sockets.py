"""Thousands of idle, slow and wasteful connections, and what other clients notice of them."""

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench.faults.finding import Finding, none_of, say, within
from bench.faults.plan import Plan, on_sqlite
from bench.faults.service import Service
from bench.faults.watch import Watch, refused

NAME = "sockets"
TIMES, SECONDS = 1, 25.0
COUNTS = {"idle": 10_000, "heads": 1_000, "bodies": 1_000, "headers": 50}
STATUSES = {"idle": {"0"}, "heads": {"0", "400", "408", "431"}, "bodies": {"0", "400", "408"}, "headers": {"0", "431"}}
WORDS = {
    "idle": "nothing", "heads": "heads that come byte by byte", "bodies": "bodies that come byte by byte",
    "headers": "headers of 300,000 bytes",
}  # fmt: skip
SETTLE_SECONDS = 6.0
"""To open them all; what is measured comes after it."""
MEASURED_SECONDS = 10.0
CLOSED_SECONDS = 30.0
ROOT = Path(__file__).parents[2]


def run(plan: Plan) -> list[Finding]:
    """Quiet, then each attack, quiet in between; the figure is the ratio of the p99 of others."""
    site, findings = on_sqlite(plan), []
    with Service(site, plan.directory / "sockets.log") as service:
        time.sleep(2.0)
        quiet = _p99(service, MEASURED_SECONDS)
        for kind, count in COUNTS.items():
            command = [sys.executable, "-m", "bench.faults.attacker", kind, str(service.port), str(count)]
            attacker = subprocess.Popen([*command, str(plan.seconds)], stdout=subprocess.PIPE, cwd=ROOT)  # noqa: S603
            time.sleep(SETTLE_SECONDS)
            under = _p99(service, MEASURED_SECONDS)
            told = json.loads(attacker.communicate(timeout=plan.seconds + 60.0)[0])
            say(f"  {count:,} {kind}: p99 {quiet[0] * 1e3:.1f} -> {under[0] * 1e3:.1f} ms; {told}")
            findings += _judged(kind, quiet, under, told)
            time.sleep(1.0)
    return findings


def _p99(service: Service, seconds: float) -> tuple[float, int, list[str]]:
    watch = Watch(service.site, service.port)
    with watch.watching():
        time.sleep(seconds)
    times = [answer.seconds for _, _, answer in watch.seen]
    return statistics.quantiles(times, n=100)[98], len(times), refused(watch.seen)


def _judged(
    kind: str, quiet: tuple[float, int, list[str]], under: tuple[float, int, list[str]], told: dict[str, object]
) -> list[Finding]:
    ends = dict(told["ends"]) if isinstance(told["ends"], dict) else {}
    strange = {status: number for status, number in ends.items() if status not in STATUSES[kind]}
    ratio = under[0] / quiet[0]
    what = f"{COUNTS[kind]:,} connections with {WORDS[kind]}"
    return [
        Finding(f"{what}: p99 of others, to that without", f"{ratio:.2f} ({under[0] * 1e3:.1f} ms)", "<= 2",
                ratio <= 2.0, timed=True),  # noqa: PLR2004
        none_of(f"{what}: others refused", len(under[2]), under[1], under[2]),
        none_of(f"{what}: ended by another answer than {' or '.join(sorted(STATUSES[kind]))} (0: closed)",
                sum(strange.values()), max(1, sum(ends.values())), [str(strange)]),
        within(f"{what}: the longest that one was borne", float(str(told["longest"])), CLOSED_SECONDS),
    ]  # fmt: skip
