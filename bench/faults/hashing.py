"""A thousand logins at once, whose passwords cost a hash each or are a megabyte long, and what refreshes notice."""

import json
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.faults.caller import Answer, Caller, Tally, sure
from bench.faults.finding import Finding, hardly_any, none_of, say
from bench.faults.plan import Plan, on_sqlite
from bench.faults.service import Service
from bench.faults.site import APP, PASSWORD, SCOPE, Site
from bench.processes import CORES

NAME = "hash-floods"
TIMES, SECONDS = 1_000, 8.0
"""Times: how many at once."""
ROUNDS, MOST = 5, 2.0
STATUSES = {"passwords": {"0", "413"}, "logins": {"401", "429", "503"}}
WORDS = {
    "passwords": "a password of 1 MB", "logins": "a wrong password of 1,024 bytes",
    "hashers": "no request, but a process for each core that hashes all the time at the lowest priority",
}  # fmt: skip
LEAST_SECONDS = 6.0
SETTLE_SECONDS, PAUSE_SECONDS, PEOPLE = 2.0, 0.02, 4
OK, UNAVAILABLE = 200, 503
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
        login = sure(lambda: caller.json("/login", username=self.site.person(number), **fields))
        token = login.json["refresh_token"]
        while not ended.wait(PAUSE_SECONDS):
            answer = caller.form("/token", grant_type="refresh_token", client_id=APP, refresh_token=token)
            self.seen.append(answer)
            token = answer.json.get("refresh_token", token)


@dataclass(frozen=True, slots=True)
class _Round:
    """The refreshes just before a flood and under it, and how the flood's own requests ended."""

    quiet: list[Answer]
    under: list[Answer]
    ends: dict[str, int]

    @property
    def ratio(self) -> float:
        """Of the p99 under the flood to that without."""
        return _p99(self.under) / _p99(self.quiet)


def run(plan: Plan) -> list[Finding]:
    """Each flood some times, quiet before each; the figure is the median of the ratios of the p99 of refreshes."""
    site = on_sqlite(plan)
    with Service(site, plan.directory / "hashing.log") as service:
        refreshing = _Refreshing(site, service.port)
        with refreshing.working():
            time.sleep(SETTLE_SECONDS)
            rounds = {kind: [_round(plan, service, refreshing, kind) for _ in range(ROUNDS)] for kind in WORDS}
        errors, lines = service.log_lines("Traceback", '"level":"error"'), len(service.log_lines(""))
    findings = [finding for kind in STATUSES for finding in _judged(plan, kind, rounds[kind])]
    return [
        *findings, _compared(WORDS["hashers"], rounds["hashers"], None),
        none_of("errors and tracebacks in the log", len(errors), lines, errors),
    ]  # fmt: skip


def _round(plan: Plan, service: Service, refreshing: _Refreshing, kind: str) -> _Round:
    refreshing.seen.clear()
    time.sleep(plan.seconds)
    quiet = list(refreshing.seen)
    # Short ones hardly begin on a slow machine.
    seconds = max(SETTLE_SECONDS + plan.seconds, LEAST_SECONDS)
    command = ["bench.faults.attacker", kind, str(service.port), str(plan.times), str(seconds)]
    if kind == "hashers":
        command = ["bench.faults.hasher", str(seconds)]
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.PIPE, cwd=ROOT)  # noqa: S603
            )
            for _ in range(len(CORES) if kind == "hashers" else 1)
        ]
        time.sleep(SETTLE_SECONDS)
        refreshing.seen.clear()
        time.sleep(plan.seconds)
        under = list(refreshing.seen)
        told = [process.communicate(timeout=seconds + 60.0)[0] for process in processes]
    ended = _Round(quiet, under, {} if kind == "hashers" else json.loads(told[0])["ends"])
    say(f"  {kind}: {ended.ends}; p99 {_p99(quiet) * 1e3:.1f} -> {_p99(under) * 1e3:.1f} ms")
    return ended


def _judged(plan: Plan, kind: str, rounds: list[_Round]) -> list[Finding]:
    what = f"{plan.times:,} logins at once with {WORDS[kind]}"
    ends = Counter[str]()
    for each in rounds:
        ends.update(each.ends)
    strange = {status: number for status, number in ends.items() if status not in STATUSES[kind]}
    answers = [answer for each in rounds for answer in each.under]
    busy = sum(answer.status == UNAVAILABLE for answer in answers)
    refused = [f"{answer.status} {answer.body[:80]!r}" for answer in answers if answer.status not in {OK, UNAVAILABLE}]
    return [
        none_of(f"{what}: answered otherwise than {', '.join(sorted(STATUSES[kind]))} (0: closed)",
                sum(strange.values()), ends.total(), [str(strange)]),
        none_of(f"{what}: refreshes refused", len(refused), len(answers), refused),
        hardly_any(f"{what}: refreshes answered 503", busy, len(answers)),
        _compared(what, rounds, MOST),
    ]  # fmt: skip


def _compared(what: str, rounds: list[_Round], most: float | None) -> Finding:
    middle = sorted(rounds, key=lambda each: each.ratio)[len(rounds) // 2]
    ratios = [each.ratio for each in rounds]
    measured = f"{middle.ratio:.2f} ({_p99(middle.under) * 1e3:.1f} ms; {min(ratios):.2f} to {max(ratios):.2f})"
    return Finding(f"{what}: p99 of refreshes, to that without, median of {len(rounds)}", measured,
                   "-" if most is None else f"<= {most:g}", most is None or middle.ratio <= most,
                   timed=True)  # fmt: skip


def _p99(answers: list[Answer]) -> float:
    with suppress(statistics.StatisticsError):
        return statistics.quantiles([answer.seconds for answer in answers], n=100)[98]
    return float("nan")
