"""The shared half of the two client_credentials comparisons: one load, two servers, alternating rounds."""

import base64
import json
import time
from dataclasses import replace

from bench import load, rounds
from bench.processes import BenchError, core_busy_seconds
from bench.servers import Server, answer_to

# node reaches its speed after about so many.
WARM_UP_REQUESTS = 30_000


def measure(server: Server, request: load.Load, seconds: float) -> rounds.Sample:
    """One round: rate, latencies, rate per processor second, and what others took of the server's core."""
    cpu, busy = server.process.cpu_seconds(), core_busy_seconds(server.cores)
    measured = load.run(request, seconds)
    cpu, busy = server.process.cpu_seconds() - cpu, core_busy_seconds(server.cores) - busy
    return rounds.Sample(
        value=measured.per_second,
        per_cpu_second=measured.requests / cpu if cpu else None,
        foreign_share=max(0.0, busy - cpu) / (measured.seconds * len(server.cores)),
        p50_ms=measured.p50_ms,
        p99_ms=measured.p99_ms,
    )


def warm_up(request: load.Load, seconds: float) -> None:
    """At least so long and so many requests, at most four times as long: on a busy machine seconds warm little up."""
    began, answered = time.monotonic(), 0
    while (spent := time.monotonic() - began) < seconds or (answered < WARM_UP_REQUESTS and spent < 4 * seconds):
        answered += load.run(request, max(1.0, seconds / 4)).requests


def compare(
    plan: rounds.Plan, ours: tuple[Server, load.Load], theirs: tuple[Server, load.Load]
) -> tuple[list[rounds.Sample], list[rounds.Sample]]:
    """Warm both up, then alternate."""
    for _, request in (ours, theirs):
        warm_up(request, plan.warm_up_seconds)
    return rounds.alternate(plan, lambda: measure(*ours, plan.seconds), lambda: measure(*theirs, plan.seconds))


def must_be_es256_token(request: load.Load) -> None:
    """Refuse to measure a server whose answer is not the token that the comparison is about."""
    token = json.loads(answer_to(request))["access_token"]
    head = token.split(".")[0]
    header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    if header["alg"] != "ES256" or header["typ"] != "at+jwt" or token.count(".") != 2:  # noqa: PLR2004
        message = f"{request.url} answers a token with {header}, not an ES256 at+jwt"
        raise BenchError(message)


def figure(judged: rounds.Judged, mine: list[rounds.Sample], peers: list[rounds.Sample]) -> rounds.Figure:
    """The ratio with its notes."""
    return replace(rounds.ratio(judged, mine, peers), notes=rounds.ratio_notes(mine, peers))
