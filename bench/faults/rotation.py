"""Key rotations under load, before verifiers that keep the key set for as long as they may, and ask no earlier."""

import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import jwt

from authsvc.cli.master_file import read_master_keys
from authsvc.domain.keyring import KeyPolicy, Keyring
from authsvc.verify import TokenVerifier
from bench.faults.caller import LOST, Answer, Caller, Tally, sure
from bench.faults.crowd import service_token
from bench.faults.finding import Finding, hardly_any, none_of, say
from bench.faults.plan import Plan
from bench.faults.proxy import round_robin
from bench.faults.service import Service
from bench.faults.site import AUDIENCE, Site, make_site
from tests.harness.postgres import free_port, running_cluster

NAME = "rotations"
TIMES, SECONDS = 100, 1.0
"""Seconds: between two rotations."""
MAX_AGE_SECONDS, SKEW_SECONDS = 10, 2
SETTINGS = {"AUTHSVC_LIFETIMES__JWKS_MAX_AGE": str(MAX_AGE_SECONDS), "AUTHSVC_LIFETIMES__SKEW": str(SKEW_SECONDS)}
NODES = 3
AT_MOST = 50
"""Of one installation: a key stays published for a day, and verifiers take no more than a hundred."""
PAUSE_SECONDS, PATIENCE_SECONDS = 0.02, 60.0
Verify = Callable[[str], None]


@dataclass(slots=True)
class _Seen:
    """Tokens that may be presented again, the keys that signed them, and what no verifier may say."""

    tokens: deque[str] = field(default_factory=lambda: deque(maxlen=500))
    kids: set[str] = field(default_factory=set)
    verified: int = 0
    failed: list[str] = field(default_factory=list)
    asked: Counter[int] = field(default_factory=Counter)
    """How those who asked for tokens were answered."""
    ended: threading.Event = field(default_factory=threading.Event)


def run(plan: Plan) -> list[Finding]:
    """One half on SQLite, the other on three nodes and PostgreSQL; in lots, each on an installation of its own."""
    half = plan.times // 2
    return _rotations(plan, "SQLite", plan.times - half) + _rotations(plan, "PostgreSQL and 3 nodes", half)


def _rotations(plan: Plan, where: str, times: int) -> list[Finding]:
    seen, lots = _Seen(), range(0, times, AT_MOST)
    for before in lots:
        directory = plan.directory / f"{where.partition(' ')[0]}{before}"
        directory.mkdir()
        with ON[where](directory) as (site, port):
            rotated(plan, min(AT_MOST, times - before), seen, site, port)
    say(f"  {where}: {times} rotations, {len(seen.kids)} keys signed, {seen.verified:,} verifications")
    what = f"{where}: {times} rotations {plan.seconds:g} s apart under load"
    return [
        none_of(f"{what}: tokens refused by a strictly caching verifier, PyJWKClient or authsvc.verify",
                len(seen.failed), seen.verified, seen.failed),
        none_of(f"{what}: tokens asked for without an answer", seen.asked[LOST], seen.asked.total()),
        hardly_any(f"{what}: tokens asked for and answered 503", seen.asked[503], seen.asked.total()),
        Finding(f"{what}: keys that signed", str(len(seen.kids)), f">= {times}", len(seen.kids) >= times),
    ]  # fmt: skip


@contextmanager
def _on_sqlite(directory: Path) -> Iterator[tuple[Site, int]]:
    """One service; its port."""
    port = free_port()
    site = make_site(f"sqlite:///{directory / 'authsvc.db'}", directory, f"http://127.0.0.1:{port}")
    with Service(site, directory / "log", settings=SETTINGS, port=port):
        yield site, port


@contextmanager
def _on_nodes(directory: Path) -> Iterator[tuple[Site, int]]:
    """Three of them behind a proxy, on one PostgreSQL; the proxy's port."""
    ports = [free_port() for _ in range(NODES)]
    with running_cluster(durable=True) as cluster, round_robin(ports) as front, ExitStack() as stack:
        site = make_site(cluster.url(), directory, f"http://127.0.0.1:{front}")
        for port in ports:
            stack.enter_context(Service(site, directory / f"{port}.log", settings=SETTINGS, port=port))
        yield site, front


ON = {"SQLite": _on_sqlite, "PostgreSQL and 3 nodes": _on_nodes}


def rotated(plan: Plan, times: int, seen: _Seen, site: Site, port: int) -> None:
    """Rotate under load, then wait until the last key signs."""
    keyring = Keyring(read_master_keys(site.master_key_file), KeyPolicy(MAX_AGE_SECONDS, SKEW_SECONDS))
    wanted = len(seen.kids) + times
    seen.ended.clear()
    seen.tokens.clear()
    caller = Caller(port, Tally())
    seen.tokens.append(str(service_token(caller, site).json["access_token"]))
    caller.close()
    verifiers = (_Strict(site.tenant.issuer), _PyJwt(site.tenant.issuer), _Ours(site.tenant.issuer))
    threads = [threading.Thread(target=_verify, args=(verify, seen, plan.seed), daemon=True) for verify in verifiers]
    threads.append(threading.Thread(target=_ask, args=(port, site, seen), daemon=True))
    for thread in threads:
        thread.start()
    for _ in range(times):
        with site.change() as uow:
            keyring.rotate("ES256", uow, datetime.now(UTC))
        time.sleep(plan.seconds)
    time.sleep(MAX_AGE_SECONDS + SKEW_SECONDS + 2)
    until = time.monotonic() + PATIENCE_SECONDS
    while len(seen.kids) < wanted and time.monotonic() < until:
        time.sleep(0.1)
    seen.ended.set()
    for thread in threads:
        thread.join()


def _ask(port: int, site: Site, seen: _Seen) -> None:
    """Each token over a connection of its own, so that every worker signs."""
    while not seen.ended.wait(PAUSE_SECONDS):
        caller = Caller(port, Tally())
        answer = service_token(caller, site)
        caller.close()
        seen.asked[answer.status] += 1
        if answer.is_unsure:
            continue
        token = answer.json.get("access_token")
        if token is None:
            seen.failed.append("no token")
            continue
        seen.kids.add(str(jwt.get_unverified_header(token)["kid"]))
        seen.tokens.append(token)


def _verify(verify: Verify, seen: _Seen, seed: int) -> None:
    """The newest, and any other of the last ones."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    while not seen.ended.wait(PAUSE_SECONDS):
        for token in (seen.tokens[-1], chance.choice(list(seen.tokens))):
            try:
                verify(token)
            except Exception as error:  # noqa: BLE001 - whatever a verifier says against it
                seen.failed.append(f"{type(verify).__name__}: {type(error).__name__}: {error}")
            seen.verified += 1


class _Strict:
    """Keeps the key set to the last second of its age, and does not ask again for a key that is not in it."""

    def __init__(self, issuer: str) -> None:
        self._port = int(issuer.rpartition(":")[2])
        self._until = 0.0
        self._keys: dict[str, jwt.PyJWK] = {}

    def __call__(self, token: str) -> None:
        if time.monotonic() >= self._until:
            answer = sure(self._fetched)
            self._keys = {str(key.key_id): key for key in jwt.PyJWKSet.from_dict(answer.json).keys}
        _decode(token, self._keys[str(jwt.get_unverified_header(token)["kid"])])

    def _fetched(self) -> Answer:
        # Counted from when it is asked for: the answer may be long on its way.
        self._until = time.monotonic() + MAX_AGE_SECONDS
        return Caller(self._port, Tally()).get("/jwks")


class _PyJwt:
    """PyJWT's own cache."""

    def __init__(self, issuer: str) -> None:
        self._client = jwt.PyJWKClient(f"{issuer}/jwks", cache_jwk_set=True, lifespan=MAX_AGE_SECONDS)

    def __call__(self, token: str) -> None:
        _decode(token, self._client.get_signing_key_from_jwt(token))


class _Ours:
    """authsvc.verify, with hardly any memory of tokens."""

    def __init__(self, issuer: str) -> None:
        self._verifier = TokenVerifier(issuer, AUDIENCE, max_seen_tokens=1)

    def __call__(self, token: str) -> None:
        self._verifier.verify(token)


def _decode(token: str, key: jwt.PyJWK) -> None:
    jwt.decode(token, key, algorithms=["ES256"], audience=AUDIENCE)
