"""64 at once for one code, one refresh token, one client assertion, over three nodes of two workers: one winner."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from bench.faults.browsing import authorization_query, code_of
from bench.faults.caller import Answer, Caller, Tally, sure
from bench.faults.finding import Finding, none_of, say
from bench.faults.ledger import code_fields, proof
from bench.faults.pauses import counted
from bench.faults.plan import Plan, on_postgresql
from bench.faults.service import Service
from bench.faults.site import APP, PASSWORD, RETRY_SECONDS, SCOPE, WEB, Site, assertion
from bench.faults.volley import Volley, errors_of

NAME = "races"
TIMES, SECONDS = 10_000, 200.0
NODES, AT_ONCE = 3, 64
OK, REFUSED, UNPROVEN, UNAVAILABLE = 200, 400, 401, 503
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(slots=True)
class _Seen:
    """What all rounds of one kind came to."""

    rounds: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    is_unsure: bool = False
    """Whether somebody was answered 503 in the present round: then that may be the winner."""

    def count(self, winners: int) -> list[str]:
        """Exactly one may win."""
        return [] if winners == 1 or (self.is_unsure and winners == 0) else [f"{winners} winners"]


def run(plan: Plan) -> list[Finding]:
    """As many rounds as there is time for."""
    with on_postgresql(plan) as (site, _):
        return raced(plan, site)


def raced(plan: Plan, site: Site) -> list[Finding]:
    """The three kinds in turn."""
    with ExitStack() as stack:
        nodes = [stack.enter_context(Service(site, plan.directory / f"node{number}.log")) for number in range(NODES)]
        ports = [node.port for node in nodes]
        volley = stack.enter_context(Volley(ports, AT_ONCE))
        pauses = stack.enter_context(counted())
        race = _Race(site, Caller(ports[0], Tally()), volley)
        kinds: dict[str, tuple[Callable[[], list[str]], _Seen]] = {
            "one code": (race.of_a_code, race.codes),
            "one refresh token": (race.of_a_refresh_token, race.refreshes),
            "one client assertion": (race.of_an_assertion, race.assertions),
        }
        deadline = time.monotonic() + plan.seconds
        for number in range(plan.times):
            if number >= len(kinds) and time.monotonic() > deadline:
                break
            once, seen = list(kinds.values())[number % len(kinds)]
            before = pauses()
            wrong = once()
            if pauses() == before:
                seen.wrong += wrong
                seen.rounds += 1
            else:
                # A code that came before the pause has ended by now, and the server has closed what was idle.
                volley.connect_anew()
        errors = [line for node in nodes for line in node.log_lines("Traceback", '"level":"error"')]
        for line in [line for node in nodes for line in node.log_lines("temporarily_unavailable")][:5]:
            say(f"  {line}")
    for kind, (_, seen) in kinds.items():
        say(f"  {kind}: {seen.rounds} rounds, {dict(seen.statuses)}")
    return [
        *(none_of(f"{AT_ONCE} at once for {kind} over {NODES} nodes: rounds without exactly one winner, or with a 500",
                  len(seen.wrong), seen.rounds, seen.wrong) for kind, (_, seen) in kinds.items()),
        *(_busy(kind, seen) for kind, (_, seen) in kinds.items()),
        Finding("errors and tracebacks in the logs", str(len(errors)), "0", not errors),
    ]  # fmt: skip


def _busy(kind: str, seen: _Seen) -> Finding:
    """503 is no lie, but too busy a machine: so it is told, and no test asserts it."""
    found = seen.statuses[UNAVAILABLE]
    what = f"{AT_ONCE} at once for {kind} over {NODES} nodes: answers of 503"
    return Finding(what, f"{found} of {seen.statuses.total():,}", "0", found == 0, timed=True)


class _Race:
    def __init__(self, site: Site, caller: Caller, volley: Volley) -> None:
        self._site = site
        self._caller = caller
        self._volley = volley
        self._token = ""
        self.codes, self.refreshes, self.assertions = _Seen(), _Seen(), _Seen()

    def of_a_code(self) -> list[str]:
        """One redemption; the others are replays, which end what the winner got."""
        asked, code = f"/authorize?{authorization_query()}", None
        while code is None:
            code = code_of(self._caller.get(asked, Cookie=self._site.cookies))
        answers = self._volley.form("/token", **proof(self._site, WEB), **code_fields(code))
        wrong = _judged(answers, self.codes, REFUSED, "invalid_grant")
        winners = [answer for answer in answers if answer.status == OK]
        wrong += self.codes.count(len(winners))
        if not winners:
            return wrong
        token = winners[0].json["access_token"]
        told = sure(lambda: self._caller.form("/introspect", token=token, **proof(self._site, WEB)))
        return wrong if told.json == {"active": False} else [*wrong, f"the winner's token lives: {told.body!r}"]

    def of_a_refresh_token(self) -> list[str]:
        """All within the time for retries: one successor, for whoever gets any."""
        if not self._token:
            self._token = self._sign_in()
        fields = {"grant_type": "refresh_token", "refresh_token": self._token, **proof(self._site, APP)}
        began = time.monotonic()
        answers = self._volley.form("/token", **fields)
        # Who comes later than a retry may has ended the family.
        is_over = time.monotonic() - began > RETRY_SECONDS and any(answer.status == REFUSED for answer in answers)
        wrong = _judged(answers, self.refreshes, REFUSED, "invalid_grant")
        successors = {str(answer.json["refresh_token"]) for answer in answers if answer.status == OK}
        wrong += self.refreshes.count(len(successors))
        self._token = successors.pop() if successors and not is_over else ""
        return wrong

    def of_an_assertion(self) -> list[str]:
        """One use."""
        fields = {
            "grant_type": "client_credentials", "scope": SCOPE, "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion(),
        }  # fmt: skip
        answers = self._volley.form("/token", **fields)
        wrong = _judged(answers, self.assertions, UNPROVEN, "invalid_client")
        return wrong + self.assertions.count(sum(answer.status == OK for answer in answers))

    def _sign_in(self) -> str:
        fields = {"username": self._site.username, "password": PASSWORD, "client_id": APP, "scope": f"openid {SCOPE}"}
        answer = sure(lambda: self._caller.json("/login", **fields))
        return str(answer.json["refresh_token"])


def _judged(answers: Sequence[Answer], seen: _Seen, refusal: int, error: str) -> list[str]:
    """Count the answers; tell the statuses and errors that nobody may get."""
    statuses = Counter(answer.status for answer in answers)
    seen.statuses += statuses
    seen.is_unsure = UNAVAILABLE in statuses
    strange = set(statuses) - {OK, refusal, UNAVAILABLE}
    wrong = [f"statuses {dict(statuses)}"] if strange else []
    others = errors_of(answers) - {error}
    return [*wrong, f"errors {sorted(others)}"] if others else wrong
