"""A thousand logins at once, whose passwords cost a hash each or are a megabyte long, and what refreshes notice."""

import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.faults.caller import Answer, Caller, Tally
from bench.faults.finding import Finding, none_of, say
from bench.faults.plan import Plan, on_sqlite
from bench.faults.service import Service
from bench.faults.site import APP, PASSWORD, SCOPE, Site

NAME = "hash-floods"
TIMES, SECONDS = 1_000, 20.0
"""Times: how many at once."""
STATUSES = {"passwords": {"0", "413"}, "logins": {"401", "429", "503"}}
WORDS = {"passwords": "a password of 1 MB", "logins": "a wrong password of 1,024 bytes"}
SETTLE_SECONDS, PAUSE_SECONDS, PEOPLE = 2.0, 0.02, 4
OK = 200
ROOT = Path(__file__).parents[2]


@dataclass(slots=True)
class _Refreshing:
    """People whose app refreshes all the time, until the block ends."""

    site: Site
    port: int
    seen: list[Answer] = field(default_factory=list)

    @contextmanager
    def working(self) -> Iterator[None]:
        ended = threading.Event()
        threads = [threading.Thread(target=self._refresh, args=(n, ended), daemon=True) for n in range(PEOPLE)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            ended.set()
            for thread in threads:
                thread.join()

    def _refresh(self, number: int, ended: threading.Event) -> None:
        caller = Caller(self.port, Tally())
        fields = {"password": PASSWORD, "client_id": APP, "scope": f"openid {SCOPE}"}
        token = caller.json("/login", username=self.site.person(number), **fields).json["refresh_token"]
        while not ended.wait(PAUSE_SECONDS):
            answer = caller.form("/token", grant_type="refresh_token", client_id=APP, refresh_token=token)
            self.seen.append(answer)
            token = answer.json.get("refresh_token", token)


def run(plan: Plan) -> list[Finding]:
    """Quiet, then each flood; the figure is the ratio of the p99 of refreshes."""
    site, findings = on_sqlite(plan), []
    with Service(site, plan.directory / "hashing.log") as service:
        refreshing = _Refreshing(site, service.port)
        with refreshing.working():
            time.sleep(SETTLE_SECONDS)
            refreshing.seen.clear()
            time.sleep(plan.seconds / 2)
            quiet = list(refreshing.seen)
            for kind in STATUSES:
                findings += _flooded(plan, service, refreshing, kind, quiet)
        errors, lines = service.log_lines("Traceback", '"level":"error"'), len(service.log_lines(""))
    return [*findings, none_of("errors and tracebacks in the log", len(errors), lines, errors)]


def _flooded(plan: Plan, service: Service, refreshing: _Refreshing, kind: str, quiet: list[Answer]) -> list[Finding]:
    command = [sys.executable, "-m", "bench.faults.attacker", kind, str(service.port), str(plan.times)]
    with subprocess.Popen([*command, str(plan.seconds)], stdout=subprocess.PIPE, cwd=ROOT) as attacker:  # noqa: S603
        time.sleep(SETTLE_SECONDS)
        refreshing.seen.clear()
        time.sleep(max(1.0, plan.seconds - SETTLE_SECONDS))
        under = list(refreshing.seen)
        told = json.loads(attacker.communicate(timeout=plan.seconds + 60.0)[0])
    ends = dict(told["ends"])
    strange = {status: number for status, number in ends.items() if status not in STATUSES[kind]}
    what = f"{plan.times:,} logins at once with {WORDS[kind]}"
    before, after = _p99(quiet), _p99(under)
    refused = [f"{answer.status} {answer.body[:80]!r}" for answer in under if answer.status != OK]
    say(f"  {what}: {ends}; refreshes: {len(quiet)} quiet, {len(under)} under it")
    return [
        none_of(f"{what}: answered otherwise than {', '.join(sorted(STATUSES[kind]))} (0: closed)",
                sum(strange.values()), sum(ends.values()), [str(strange)]),
        none_of(f"{what}: refreshes refused", len(refused), len(under), refused),
        Finding(f"{what}: p99 of refreshes, to that without", f"{after / before:.2f} ({after * 1e3:.1f} ms)", "<= 2",
                after <= 2 * before, timed=True),
    ]  # fmt: skip


def _p99(answers: list[Answer]) -> float:
    with suppress(statistics.StatisticsError):
        return statistics.quantiles([answer.seconds for answer in answers], n=100)[98]
    return float("nan")
