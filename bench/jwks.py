"""GET /jwks against a bare app that serves the same bytes."""

from pathlib import Path

from bench import pair, rounds
from bench.load import Load
from bench.processes import BenchError
from bench.servers import Authsvc, answer_to, start_authsvc, start_bare

NAME = "jwks"


def compare(plan: rounds.Plan, directory: Path) -> list[rounds.Figure]:
    """Key sets per second of both under the same server, each on the one server core."""
    with start_authsvc(Authsvc(directory)) as ours:
        request = Load(f"{ours.facts.issuer}/jwks")
        served = answer_to(request).decode()
        with start_bare(directory, served) as theirs:
            same = Load(f"{theirs.facts.issuer}/jwks")
            if answer_to(same).decode() != served:
                message = "the bare app does not serve the same key set"
                raise BenchError(message)
            mine, peers = pair.compare(plan, (ours, request), (theirs, same))
    return [
        pair.figure(
            rounds.Judged("GET /jwks against a bare app that serves the same bytes", "answers/s", aim=0.7),
            mine,
            peers,
        )
    ]
