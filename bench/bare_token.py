"""client_credentials -> ES256 JWT against a bare ASGI app that parses, compares the hash and signs."""

from pathlib import Path

from bench import pair, rounds
from bench.servers import Authsvc, start_authsvc, start_bare

NAME = "bare-token"


def compare(plan: rounds.Plan, directory: Path) -> list[rounds.Figure]:
    """Tokens per second of both under the same server, each on the one server core."""
    with start_authsvc(Authsvc(directory)) as ours, start_bare(directory) as theirs:
        requests = ours.facts.client_credentials(), theirs.facts.client_credentials()
        for request in requests:
            pair.must_be_es256_token(request)
        mine, peers = pair.compare(plan, (ours, requests[0]), (theirs, requests[1]))
    return [
        pair.figure(
            rounds.Judged("client_credentials -> ES256 JWT against a bare ASGI app", "tokens/s", aim=0.75),
            mine,
            peers,
        )
    ]
