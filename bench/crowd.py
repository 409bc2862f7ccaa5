"""The p99 latency of client_credentials, alone and while 50 clients post wrong passwords."""

import statistics
from dataclasses import replace
from pathlib import Path

from bench import load, rounds
from bench.processes import ALL_CORES
from bench.servers import Authsvc, Facts, start_authsvc

NAME = "crowd"
TOKEN_CLIENTS = 16
TOKEN_PAUSE_MILLISECONDS = 20
GUESSING_CLIENTS = 50
# Replaced by a number in each request.
MARK = "XXXXXXXX"


def paced_tokens(facts: Facts) -> load.Load:
    """Services that ask for a token, pause and ask again: latency is not just their own queue."""
    pause = f"function delay() return {TOKEN_PAUSE_MILLISECONDS} end"
    return replace(facts.client_credentials(), connections=TOKEN_CLIENTS, script=pause)


def guesses(facts: Facts) -> load.Load:
    """Clients that post wrong passwords without a pause, in turn for the user that exists and for nobody."""
    known, unknown = (
        load.lua_text(facts.login(name, f"wrong-{MARK}").body) for name in (facts.username, f"nobody-{MARK}")
    )
    script = f"""
math.randomseed(os.time())
local number = 0
function request()
  number = number + 1
  local body = number % 2 == 0 and {known} or {unknown}
  return wrk.format(nil, nil, nil, (body:gsub("{MARK}", tostring(math.random(1, 1e9)))))
end
"""
    return replace(facts.login("nobody", "wrong"), connections=GUESSING_CLIENTS, script=script, refusals_expected=True)


def compare(plan: rounds.Plan, directory: Path) -> list[rounds.Figure]:
    """The ratio of the two p99s, on every core with one worker per core, as in production."""
    seconds = plan.seconds
    notes: list[str] = []
    with start_authsvc(Authsvc(directory, workers=len(ALL_CORES), all_cores=True)) as server:
        tokens, wrong = paced_tokens(server.facts), guesses(server.facts)
        load.run(server.facts.client_credentials(), plan.warm_up_seconds / 2)
        guessed: list[float] = []

        def crowded() -> rounds.Sample:
            with load.started(wrong, seconds + 2) as crowd:
                measured = load.run(tokens, seconds)
                guessed.append(load.finished(wrong, crowd).per_second)
            return rounds.Sample(measured.p99_ms, p50_ms=measured.p50_ms)

        def alone() -> rounds.Sample:
            measured = load.run(tokens, seconds)
            return rounds.Sample(measured.p99_ms, p50_ms=measured.p50_ms)

        mine, peers = rounds.alternate(plan, crowded, alone)
    notes.append(
        f"{TOKEN_CLIENTS} services asking with pauses of {TOKEN_PAUSE_MILLISECONDS} ms; without a pause"
        f" the {GUESSING_CLIENTS} clients got {statistics.median(guessed):,.0f} refusals a second"
    )
    notes.append(f"p50: {rounds.median_p50(mine):.2f} ms in the crowd, {rounds.median_p50(peers):.2f} ms alone")
    judged = rounds.Judged(
        f"p99 of client_credentials while {GUESSING_CLIENTS} clients post wrong passwords to /login, against alone",
        "ms",
        aim=2.0,
        at_most=True,
    )
    return [replace(rounds.ratio(judged, mine, peers), notes=tuple(notes))]
