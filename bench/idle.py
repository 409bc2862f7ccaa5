"""What a worker weighs after one request of each kind, and how long a start takes to its first answer."""

import statistics
import time
from pathlib import Path

from bench import rounds
from bench.load import Load
from bench.processes import resident_megabytes
from bench.servers import Authsvc, Server, answer_to, start_authsvc

NAME = "idle"


def worker_megabytes(server: Server) -> float:
    """The heaviest process below the supervisor; the supervisor itself when it serves alone."""
    below = [pid for pid in server.process.tree() if pid != server.process.pid]
    return max(resident_megabytes(pid) for pid in below or [server.process.pid])


def one_of_each(server: Server) -> None:
    """One login, one token, one key set, one discovery document."""
    facts = server.facts
    answer_to(facts.login(facts.username, facts.password))
    answer_to(facts.client_credentials())
    for path in (
        "/jwks",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
        "/health/ready",
    ):
        answer_to(Load(f"{facts.issuer}{path}"))


def compare(plan: rounds.Plan, directory: Path) -> list[rounds.Figure]:
    """Medians over the rounds, each with a fresh start on the data of the first."""
    with start_authsvc(Authsvc(directory, all_cores=True)):
        pass  # creates the data, so that what is timed is a start and not a birth
    weights: list[float] = []
    starts: list[float] = []
    for number in range(1, plan.rounds + 1):
        began = time.monotonic()
        with start_authsvc(Authsvc(directory, all_cores=True)) as server:
            starts.append(time.monotonic() - began)
            one_of_each(server)
            time.sleep(1.0)
            weights.append(worker_megabytes(server))
        rounds.say(f"  round {number}: {weights[-1]:.1f} MB, {starts[-1]:.2f} s")
    return [
        rounds.Figure(
            "resident memory of an idle worker after one request of each kind",
            f"{statistics.median(weights):.0f} MB",
            "-",
            statistics.median(weights),
            110.0,
            "MB",
            at_most=True,
            per_round=tuple(weights),
        ),
        rounds.Figure(
            "from the start of the process to its first answer",
            f"{statistics.median(starts):.2f} s",
            "-",
            statistics.median(starts),
            1.5,
            "s",
            at_most=True,
            per_round=tuple(starts),
        ),
    ]
