"""Nodes whose clocks differ by five minutes, and a clock that jumps back, or ahead and home: nothing lasts longer.

Needs libfaketime (Debian: faketime).
"""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.faults.browsing import authorization_query, code_of
from bench.faults.caller import Caller, Tally
from bench.faults.finding import Finding, none_of
from bench.faults.ledger import code_fields, proof
from bench.faults.plan import Plan, on_postgresql
from bench.faults.service import Service
from bench.faults.site import APP, PASSWORD, SCOPE, WEB, Site
from bench.processes import BenchError

NAME = "clocks"
TIMES, SECONDS = 1, 0.0
CODE_SECONDS = 10
OFFSETS = {"right": "+0s", "ahead": "+300s", "behind": "-300s"}
OK = 200


def run(plan: Plan) -> list[Finding]:
    """Skewed nodes first; then the one that is set back, on an installation of its own."""
    library = next(iter(sorted(Path("/usr/lib").glob("**/libfaketimeMT.so.1"))), None)
    if library is None:
        message = "libfaketime is not installed: apt-get install faketime"
        raise BenchError(message)
    with on_postgresql(plan) as (site, _):
        found = skewed(plan, site, library)
    (plan.directory / "set-back").mkdir()
    with on_postgresql(Plan(plan.directory / "set-back", plan.times, plan.seconds, plan.seed)) as (site, _):
        found += set_back(plan, site, library)
    (plan.directory / "ahead").mkdir()
    with on_postgresql(Plan(plan.directory / "ahead", plan.times, plan.seconds, plan.seed)) as (site, _):
        return found + set_ahead(plan, site, library)


@dataclass(frozen=True, slots=True)
class _Node:
    """A node with a clock of its own; the clock is a file that libfaketime reads at each look."""

    site: Site
    caller: Caller
    clock: Path

    def code(self) -> str:
        """A code of the browser with a session."""
        asked = f"/authorize?{authorization_query()}"
        return code_of(self.caller.get(asked, Cookie=self.site.cookies)) or ""

    def redeems(self, code: str) -> bool:
        """Whether the code gives tokens here."""
        return self.caller.form("/token", **proof(self.site, WEB), **code_fields(code)).status == OK

    def tokens(self, password: str = PASSWORD) -> dict[str, str]:
        """What a sign-in gives; nothing if it is refused."""
        answer = self.caller.json(
            "/login", username=self.site.username, password=password, client_id=APP, scope=f"openid {SCOPE}"
        )
        return answer.json if answer.status == OK else {}

    def refresh(self, token: str) -> dict[str, str]:
        """What a refresh gives; nothing if it is refused."""
        fields = {"grant_type": "refresh_token", "refresh_token": token, **proof(self.site, APP)}
        answer = self.caller.form("/token", **fields)
        return answer.json if answer.status == OK else {}

    def takes(self, access_token: str) -> bool:
        """Whether the access token of a service is good here."""
        told = self.caller.form("/introspect", token=access_token, **proof(self.site, "svc"))
        return told.json.get("active") is not False

    def service_token(self) -> str:
        """A token of the service's own."""
        fields = {"grant_type": "client_credentials", "scope": SCOPE, **proof(self.site, "svc")}
        return str(self.caller.form("/token", **fields).json.get("access_token", ""))


def _start(stack: ExitStack, plan: Plan, site: Site, name: str, library: Path) -> _Node:
    clock = plan.directory / f"{name}.clock"
    clock.write_text(OFFSETS.get(name, "+0s"))
    settings = {
        "LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1", "AUTHSVC_LIFETIMES__AUTHORIZATION_CODE": str(CODE_SECONDS),
    }  # fmt: skip
    service = stack.enter_context(Service(site, plan.directory / f"{name}.log", settings=settings))
    return _Node(site, Caller(service.port, _TALLY), clock)


_TALLY = Tally()


def skewed(plan: Plan, site: Site, library: Path) -> list[Finding]:
    """Everything from each node to each other one."""
    wrong, tried = list[str](), 0
    with ExitStack() as stack:
        nodes = {name: _start(stack, plan, site, name, library) for name in OFFSETS}
        for giver, giving in nodes.items():
            giving.tokens("wrong password")
            if not giving.tokens():
                wrong.append(f"{giver}: no sign-in after a wrong password elsewhere")
            for taker, taking in nodes.items():
                tried += 4
                differ = giver != taker
                if taking.redeems(giving.code()) is differ:
                    wrong.append(f"code {giver} -> {taker}")
                if taking.takes(giving.service_token()) and (giver, taker) in {("ahead", "right"), ("right", "behind")}:
                    wrong.append(f"access token {giver} -> {taker}")
                tokens = giving.tokens()
                if not (tokens and taking.refresh(tokens["refresh_token"])):
                    wrong.append(f"a refresh token of {giver} is refused by {taker}")
                if not taking.tokens():
                    wrong.append(f"no sign-in at {taker} after one at {giver}")
    what = "clocks 5 minutes apart: codes and access tokens taken beyond 60 s of skew, sign-ins and refreshes refused"
    return [none_of(what, len(wrong), tried, wrong), _no_errors()]


def set_back(plan: Plan, site: Site, library: Path) -> list[Finding]:
    """An hour back, while codes and tokens of before are about."""
    wrong = []
    with ExitStack() as stack:
        node = _start(stack, plan, site, "set-back", library)
        expired, used, tokens, service = node.code(), node.code(), node.tokens(), node.service_token()
        if not (node.redeems(used) and node.refresh(tokens["refresh_token"])):
            wrong.append("nothing worked before")
        time.sleep(CODE_SECONDS + 1)
        node.clock.write_text("-3600s")
        time.sleep(1.5)
        for what, code in (("an expired code", expired), ("a used code", used)):
            if node.redeems(code):
                wrong.append(f"{what} is taken again")
        if node.refresh(tokens["refresh_token"]):
            wrong.append("a superseded refresh token is taken again")
        if node.takes(service):
            wrong.append("an access token of the future is taken")
        fresh = node.tokens()
        if not (fresh and node.refresh(fresh["refresh_token"]) and node.takes(node.service_token())):
            wrong.append("no sign-in, refresh or token after it")
        if not node.redeems(node.code()):
            wrong.append("no code after it")
    what = "a clock set back by an hour: what had ended and lives again, or does not work any more"
    return [none_of(what, len(wrong), 8, wrong), _no_errors()]


def set_ahead(plan: Plan, site: Site, library: Path) -> list[Finding]:
    """An hour ahead, as by a wrong time server, and home again."""
    wrong = []
    with ExitStack() as stack:
        node = _start(stack, plan, site, "set-ahead", library)
        code, used, tokens, service = node.code(), node.code(), node.tokens(), node.service_token()
        if not (node.redeems(used) and node.takes(service)):
            wrong.append("nothing worked before")
        node.clock.write_text("+3600s")
        time.sleep(1.5)
        if node.redeems(code):
            wrong.append("a code of an hour ago is taken")
        if node.takes(service):
            wrong.append("an access token of an hour ago is taken")
        refreshed, later = node.refresh(tokens["refresh_token"]), node.service_token()
        if not (refreshed and node.tokens() and node.takes(later) and node.redeems(node.code())):
            wrong.append("no refresh, sign-in, token or code while it is ahead")
        node.clock.write_text("+0s")
        time.sleep(1.5)
        if node.takes(later):
            wrong.append("an access token of the future is taken")
        if node.redeems(used):
            wrong.append("a used code is taken again")
        if not (refreshed and node.refresh(refreshed["refresh_token"])):
            wrong.append("who refreshed meanwhile is signed out")
        if node.refresh(tokens["refresh_token"]):
            wrong.append("a superseded refresh token is taken again")
        if not (node.tokens() and node.takes(node.service_token()) and node.redeems(node.code())):
            wrong.append("no sign-in, token or code after it")
    what = "a clock an hour ahead and home again: what had ended and lives again, or does not work any more"
    return [none_of(what, len(wrong), 9, wrong), _no_errors()]


def _no_errors() -> Finding:
    return none_of("clocks: 5xx", len(_TALLY.unexpected), _TALLY.statuses.total(), _TALLY.unexpected)
