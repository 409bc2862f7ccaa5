"""POST /login on every core against nothing but the Argon2id verifications that it must do."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from bench import load, pair, rounds
from bench.processes import ALL_CORES
from bench.servers import JSON, PEERS, Authsvc, Facts, answer_to, start_authsvc

NAME = "login"
CORES = len(ALL_CORES)
CONNECTIONS = 8 * CORES
# Many people sign in, each now and then: simultaneous attempts at one account would be throttled as guesses.
PEOPLE = 8 * CONNECTIONS
PASSWORD = "correct horse battery staple"
# All of the people sign up from one address.
_SETTINGS = (("AUTHSVC_REGISTRATION__PER_ADDRESS__FREE", "1000000"),)


def register_people(facts: Facts) -> list[str]:
    """New accounts, and the body of a login for each."""
    names = [f"bench-{number}" for number in range(PEOPLE)]
    for name in names:
        body = json.dumps({"username": name, "password": PASSWORD})
        answer_to(load.Load(f"{facts.issuer}/register", "POST", JSON, body))
    return [facts.login(name, PASSWORD).body for name in names]


def logins(facts: Facts, bodies: list[str]) -> load.Load:
    """One login after another, each of the next person."""
    script = f"""
local bodies = {{ {", ".join(map(load.lua_text, bodies))} }}
local number = 0
function request()
  number = number % #bodies + 1
  return wrk.format(nil, nil, nil, bodies[number])
end
"""
    return replace(facts.login("", ""), script=script, connections=CONNECTIONS)


def raw_verifications(seconds: float) -> rounds.Sample:
    """Argon2id verifications per second in as many threads as there are cores."""
    command = [sys.executable, str(PEERS / "argon2_threads.py"), str(CORES), str(seconds)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603
    return rounds.Sample(float(printed))


def compare(plan: rounds.Plan, directory: Path) -> list[rounds.Figure]:
    """Logins per second : verifications per second, nothing pinned (some dozens of requests are little load)."""
    with start_authsvc(Authsvc(directory, workers=CORES, all_cores=True, settings=_SETTINGS)) as ours:
        request = logins(ours.facts, register_people(ours.facts))
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
