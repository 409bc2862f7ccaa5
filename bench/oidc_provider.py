"""client_credentials -> ES256 JWT against npm oidc-provider with its in-memory adapter, one process each."""

from pathlib import Path

from bench import pair, rounds
from bench.servers import Authsvc, start_authsvc, start_oidc_provider

NAME = "oidc-provider"


def compare(plan: rounds.Plan, directory: Path) -> list[rounds.Figure]:
    """Tokens per second of both, each on the one server core."""
    with start_authsvc(Authsvc(directory)) as ours, start_oidc_provider(directory) as theirs:
        requests = ours.facts.client_credentials(), theirs.facts.client_credentials()
        for request in requests:
            pair.must_be_es256_token(request)
        mine, peers = pair.compare(plan, (ours, requests[0]), (theirs, requests[1]))
    return [
        pair.figure(
            rounds.Judged(
                "client_credentials -> ES256 JWT against npm oidc-provider 9 (in-memory adapter, one process)",
                "tokens/s",
                must=1.3,
                aim=1.6,
            ),
            mine,
            peers,
        )
    ]
