"""refresh_token on PostgreSQL against the same SQL by psycopg in threads."""

import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlencode

from bench import load, pair, postgres, rounds
from bench.processes import SERVER_CORES, confined_to
from bench.servers import FORM, PEERS, Authsvc, Facts, Server, answer_to, start_authsvc

NAME = "refresh"
# As many families in flight as the peer has threads; authsvc has its own number of threads.
CONNECTIONS = 16


def families(facts: Facts) -> list[str]:
    """One fresh refresh token for each connection."""
    login = facts.login(facts.username, facts.password)
    return [json.loads(answer_to(login))["refresh_token"] for _ in range(CONNECTIONS)]


def refreshing(facts: Facts, tokens: list[str]) -> load.Load:
    """Each request takes a token off the heap; each answer puts its successor there."""
    form = urlencode({"grant_type": "refresh_token", "client_id": facts.app_client_id, "refresh_token": ""})
    script = f"""
local tokens = {{ {", ".join(map(load.lua_text, tokens))} }}
local last = #tokens
local tried = false
function request()
  local token = tokens[last] or "none-left"
  -- wrk makes one request that it never sends, to look at it.
  if tried then last = math.max(0, last - 1) end
  tried = true
  return wrk.format(nil, nil, nil, {load.lua_text(form)} .. token)
end
function response(status, headers, body)
  if status ~= 200 then return end
  last = last + 1
  tokens[last] = body:match('"refresh_token"%s*:%s*"([^"]+)"')
end
"""
    return load.Load(f"{facts.issuer}/token", "POST", FORM, script=script, connections=CONNECTIONS)


def raw_sql(database_url: str, seconds: float) -> rounds.Sample:
    """The same transactions without a server, on the server's core."""
    command = [sys.executable, str(PEERS / "refresh_sql.py"), database_url, str(CONNECTIONS), str(seconds)]
    with confined_to(SERVER_CORES):
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603
    return rounds.Sample(float(printed))


def round_of(server: Server, seconds: float) -> rounds.Sample:
    """One round on families of its own, for the last one ended with requests in flight."""
    return pair.measure(server, refreshing(server.facts, families(server.facts)), seconds)


def compare(plan: rounds.Plan, directory: Path) -> list[rounds.Figure]:
    """Refreshes per second : transactions per second.

    authsvc and the threads run on the server's core, PostgreSQL and the load on the others.
    """
    with (
        postgres.cluster() as database_url,
        start_authsvc(Authsvc(directory, database_url=database_url)) as ours,
    ):
        round_of(ours, plan.warm_up_seconds / 2)
        raw_sql(database_url, plan.warm_up_seconds / 4)
        mine, peers = rounds.alternate(
            plan, lambda: round_of(ours, plan.seconds), lambda: raw_sql(database_url, plan.seconds)
        )
    judged = rounds.Judged(
        f"refresh_token on PostgreSQL against the same SQL by psycopg in {CONNECTIONS} threads",
        "refreshes/s : transactions/s",
        aim=0.6,
    )
    return [pair.figure(judged, mine, peers)]
