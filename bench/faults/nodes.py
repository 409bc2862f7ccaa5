"""Three nodes of two workers behind a proxy: what one changes, all see within a second; one of them does the jobs.

Each node adds up what its workers have counted; all of them together counted each request once.
"""

import json
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import urlencode
from uuid import UUID

import psycopg

from authsvc.crypto import base64url
from authsvc.web.lanes import STALL_SECONDS
from bench.faults.browsing import CHALLENGE, code_of
from bench.faults.caller import PAUSE_SECONDS, Answer, Caller, Tally, sure
from bench.faults.crowd import service_token
from bench.faults.finding import Finding, none_of, say, within
from bench.faults.plan import Plan, on_postgresql
from bench.faults.proxy import round_robin
from bench.faults.service import Service
from bench.faults.site import APP, AUDIENCE, PASSWORD, SCOPE, SERVICE, WEB, Site
from tests.harness.postgres import free_port

NAME = "nodes"
TIMES, SECONDS = 10, 150.0
NODES, LOOKS = 3, 36
"""Connections for each look: through the proxy they reach each of six workers, but for one look in a hundred."""
BOUND_SECONDS, MARGIN_SECONDS = 1.0, 0.3
LEASE_SECONDS = 60.0
METRICS_PORT = "AUTHSVC_OBSERVE__METRICS_PORT"
COUNTED_SECONDS = 60.0
"""How long it may take until workers have told their last counts."""
OK = 200
Ask = Callable[[Caller], Answer]


@dataclass(frozen=True, slots=True)
class _Change:
    """What is changed, how one asks for it, and whether an answer is of the time after it."""

    what: str
    make: Callable[[], None]
    undo: Callable[[], None]
    ask: Ask
    is_seen: Callable[[Answer], bool]


def run(plan: Plan) -> list[Finding]:
    """The lease, then changes."""
    with on_postgresql(plan) as (site, _):
        # The lease first: the next nodes would wait for that of killed ones.
        return leased(plan, site) + changed(plan, site)


def changed(plan: Plan, site: Site) -> list[Finding]:
    """Make each change some times; find the last answer that had not seen it."""
    findings, metrics = [], [free_port() for _ in range(NODES)]
    with ExitStack() as stack:
        nodes = [
            Service(site, plan.directory / f"node{number}.log", settings={METRICS_PORT: str(port)})
            for number, port in enumerate(metrics)
        ]
        ports = [stack.enter_context(node).port for node in nodes]
        proxy, tally = stack.enter_context(round_robin(ports)), Tally()
        for change in _changes(site, Caller(proxy, tally)):
            late, asked, longest = list[str](), 0, 0.0
            for _ in range(max(1, plan.times // 5)):
                _look(proxy, tally, change)  # Every worker has the old answer in its cache.
                change.make()
                at = time.monotonic()
                while time.monotonic() < at + BOUND_SECONDS + MARGIN_SECONDS:
                    longest = max([longest, *(when - at for when, seen in _look(proxy, tally, change) if not seen)])
                after = _look(proxy, tally, change)
                asked += len(after)
                late += [f"after {when - at:.2f} s" for when, seen in after if not seen]
                change.undo()
                time.sleep(BOUND_SECONDS + MARGIN_SECONDS)
            what = f"{change.what}: not seen by some of {NODES} x 2 workers"
            findings += [
                none_of(f"{what} after {BOUND_SECONDS + MARGIN_SECONDS:g} s", len(late), asked, late),
                within(f"{what}, the last time", longest, BOUND_SECONDS),
            ]
        sent = tally.statuses.total()
        findings += [none_of("5xx on the way", len(tally.unexpected), sent, tally.unexpected), _counted(metrics, sent)]
    return findings


def _counted(ports: list[int], sent: int) -> Finding:
    """Ask each node for its metrics until they have all that were sent, or for so long."""
    until, counted = time.monotonic() + COUNTED_SECONDS, -1
    while counted != sent and time.monotonic() < until:
        time.sleep(0.5)
        counted = sum(_answered(port) for port in ports)
    what = f"requests in the metrics of {NODES} nodes together, of those sent"
    return Finding(what, f"{counted:,} of {sent:,}", "all, once", counted == sent)


def _answered(metrics_port: int) -> int:
    """How many requests the workers of one node have answered, but for our own question whether it is ready."""
    with urllib.request.urlopen(f"http://127.0.0.1:{metrics_port}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    ours = [line for line in lines if line.startswith("authsvc_requests_total{") and 'endpoint="ready"' not in line]
    return round(sum(float(line.rpartition(" ")[2]) for line in ours))


def _look(proxy: int, tally: Tally, change: _Change) -> list[tuple[float, bool]]:
    """When each answer was asked for, and whether it had seen the change."""
    looked = []
    for _ in range(LOOKS):
        began, answer = _asked(proxy, tally, change)
        if not answer.is_unsure:
            looked.append((began, change.is_seen(answer)))
    return looked


def _asked(proxy: int, tally: Tally, change: _Change) -> tuple[float, Answer]:
    """When, and the answer; once more where it is none, or late: then it may be of the caches (web/edge.py)."""
    for _ in range(20):
        caller, began = Caller(proxy, tally), time.monotonic()
        answer = change.ask(caller)
        caller.close()
        if not answer.is_unsure and answer.seconds < STALL_SECONDS - 0.1:
            break
        time.sleep(PAUSE_SECONDS)
    return began, answer


def _changes(site: Site, caller: Caller) -> list[_Change]:
    uri = "https://rp.example/new"
    query = urlencode(
        {
            "client_id": WEB, "response_type": "code", "redirect_uri": uri, "scope": f"openid {SCOPE}",
            "resource": AUDIENCE, "code_challenge": CHALLENGE, "code_challenge_method": "S256",
        }
    )  # fmt: skip
    user, kids = UUID(site.user_id), list[str]()

    def disable_client() -> None:
        with site.change() as uow:
            uow.clients.disable(SERVICE, datetime.now(UTC))

    def enable_client() -> None:
        with site.change() as uow:
            uow.clients.enable(SERVICE)

    def disable_user() -> None:
        with site.change() as uow:
            uow.users.disable(user, datetime.now(UTC))

    def enable_user() -> None:
        with site.change() as uow:
            uow.users.enable(user)

    def revoke_key() -> None:
        kids[:] = [_signing_kid(caller, site)]
        with site.change() as uow:
            uow.keys.revoke(kids[0], datetime.now(UTC))

    def make_key() -> None:
        _signing_kid(caller, site)

    def with_uris(*uris: str) -> Callable[[], None]:
        def save() -> None:
            with site.change() as uow:
                client = uow.clients.get(WEB)
                if client is not None:
                    party = replace(client.relying_party, redirect_uris=uris)
                    uow.clients.save(replace(client, relying_party=party))

        return save

    first = "https://rp.example/cb"
    return [
        _Change("a disabled client", disable_client, enable_client, lambda at: service_token(at, site),
                lambda answer: answer.status != OK),
        _Change("a disabled user", disable_user, enable_user, lambda at: _login(at, site),
                lambda answer: answer.status != OK),
        _Change("a revoked key", revoke_key, make_key, lambda at: at.get("/jwks"),
                lambda answer: bool(kids) and f'"{kids[0]}"'.encode() not in answer.body),
        _Change("a new redirect URI", with_uris(first, uri), with_uris(first),
                lambda at: at.get(f"/authorize?{query}", Cookie=site.cookies),
                lambda answer: code_of(answer) is not None),
    ]  # fmt: skip


def _signing_kid(caller: Caller, site: Site) -> str:
    """The key that signs now; one is made where there is none."""
    answer = sure(lambda: service_token(caller, site))
    caller.close()
    head = base64url.decode(str(answer.json["access_token"]).split(".", maxsplit=1)[0])
    return str(json.loads(head)["kid"])


def _login(caller: Caller, site: Site) -> Answer:
    return caller.json("/login", username=site.username, password=PASSWORD, client_id=APP, scope="openid")


def leased(plan: Plan, site: Site) -> list[Finding]:
    """One of the nodes' processes has the lease; when all nodes are killed, a new process takes it."""
    with ExitStack() as stack:
        nodes = [stack.enter_context(Service(site, plan.directory / f"lease{number}.log")) for number in range(NODES)]
        time.sleep(2.0)
        holders = set[str]()
        for _ in range(20):
            holders |= _holders(site)
            time.sleep(0.2)
        killed = time.monotonic()
        for node in nodes:
            node.kill_all()
        nodes[0].start()
        while _holders(site) & holders and time.monotonic() < killed + 2 * LEASE_SECONDS:
            time.sleep(0.5)
        waited = time.monotonic() - killed
    say(f"  the lease had {len(holders)} holder, and another after {waited:.0f} s")
    return [
        Finding("processes that held the lease of the jobs at once", str(len(holders)), "1", len(holders) == 1),
        within("until another process has the lease of killed ones", waited, LEASE_SECONDS),
    ]


def _holders(site: Site) -> set[str]:
    with psycopg.connect(site.database_url.replace("+psycopg", "", 1)) as connection:
        return {str(holder) for (holder,) in connection.execute("SELECT holder FROM leases").fetchall()}
