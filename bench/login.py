"""POST /login on every core against nothing but the Argon2id verifications that it must do."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from bench import load, pair, rounds
from bench.processes import ALL_CORES
from bench.servers import PEERS, Authsvc, answer_to, start_authsvc

NAME = "login"
CORES = len(ALL_CORES)


def raw_verifications(seconds: float) -> rounds.Sample:
    """Argon2id verifications per second in as many threads as there are cores."""
    command = [sys.executable, str(PEERS / "argon2_threads.py"), str(CORES), str(seconds)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603
    return rounds.Sample(float(printed))


def compare(plan: rounds.Plan, directory: Path) -> list[rounds.Figure]:
    """Logins per second : verifications per second, nothing pinned (some dozens of requests are little load)."""
    with start_authsvc(Authsvc(directory, workers=CORES, all_cores=True)) as ours:
        request = replace(ours.facts.login(ours.facts.username, ours.facts.password), connections=4 * CORES)
        answer_to(request)
        load.run(request, plan.warm_up_seconds / 4)
        mine, peers = rounds.alternate(
            plan, lambda: pair.measure(ours, request, plan.seconds), lambda: raw_verifications(plan.seconds)
        )
    judged = rounds.Judged(
        f"POST /login on {CORES} cores against raw Argon2id (m=19456, t=2, p=1) in {CORES} threads",
        "logins/s : hashes/s",
        aim=0.95,
    )
    return [pair.figure(judged, mine, peers)]
