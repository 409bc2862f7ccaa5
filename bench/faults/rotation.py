"""Key rotations under load, before verifiers that keep the key set for as long as they may, and ask no earlier."""

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import jwt

from authsvc.cli.master_file import read_master_keys
from authsvc.domain.keyring import KeyPolicy, Keyring
from authsvc.verify import TokenVerifier
from bench.faults.caller import Caller, Tally
from bench.faults.crowd import service_token
from bench.faults.finding import Finding, none_of, say
from bench.faults.plan import Plan
from bench.faults.service import Service
from bench.faults.site import AUDIENCE, make_site
from bench.processes import free_port

NAME = "rotations"
TIMES, SECONDS = 100, 1.0
"""Seconds: between two rotations."""
MAX_AGE_SECONDS, SKEW_SECONDS = 10, 2
AT_MOST = 50
"""Of one installation: a key stays published for a day, and verifiers take no more than a hundred."""
PAUSE_SECONDS = 0.02
Verify = Callable[[str], None]


@dataclass(slots=True)
class _Seen:
    """Tokens that may be presented again, the keys that signed them, and what no verifier may say."""

    tokens: deque[str] = field(default_factory=lambda: deque(maxlen=500))
    kids: set[str] = field(default_factory=set)
    verified: int = 0
    failed: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)


def run(plan: Plan) -> list[Finding]:
    """In lots, each on an installation of its own."""
    seen, rotations, lot = _Seen(), 0, 0
    while rotations < plan.times:
        lot += 1
        rotations += rotated(plan, min(AT_MOST, plan.times - rotations), seen, lot)
    say(f"  {rotations} rotations, {len(seen.kids)} keys signed, {seen.verified:,} verifications")
    what = f"{rotations} rotations {plan.seconds:g} s apart under load"
    return [
        none_of(f"{what}: tokens refused by a strictly caching verifier, PyJWKClient or authsvc.verify",
                len(seen.failed), seen.verified, seen.failed),
        Finding(f"{what}: keys that signed", str(len(seen.kids)), f">= {rotations}", len(seen.kids) >= rotations),
    ]  # fmt: skip


def rotated(plan: Plan, times: int, seen: _Seen, lot: int) -> int:
    """Rotate under load, then wait until the last key signs."""
    directory, port = plan.directory / str(lot), free_port()
    directory.mkdir()
    issuer = f"http://127.0.0.1:{port}"
    site = make_site(f"sqlite:///{directory / 'authsvc.db'}", directory, issuer)
    keyring = Keyring(read_master_keys(site.master_key_file), KeyPolicy(MAX_AGE_SECONDS, SKEW_SECONDS))
    settings = {
        "AUTHSVC_LIFETIMES__JWKS_MAX_AGE": str(MAX_AGE_SECONDS), "AUTHSVC_LIFETIMES__SKEW": str(SKEW_SECONDS),
    }  # fmt: skip
    with Service(site, directory / "log", settings=settings, port=port) as service:
        seen.ended.clear()
        seen.tokens.clear()
        caller = Caller(port, Tally())
        seen.tokens.append(str(service_token(caller, site).json["access_token"]))
        verifiers = (_Strict(issuer), _PyJwt(issuer), _Ours(issuer))
        threads = [threading.Thread(target=_verify, args=(verify, seen, plan.seed), daemon=True)
                   for verify in verifiers]  # fmt: skip
        threads.append(threading.Thread(target=_ask, args=(service, seen), daemon=True))
        for thread in threads:
            thread.start()
        for _ in range(times):
            with site.change() as uow:
                keyring.rotate("ES256", uow, datetime.now(UTC))
            time.sleep(plan.seconds)
        time.sleep(MAX_AGE_SECONDS + SKEW_SECONDS + 2)
        seen.ended.set()
        for thread in threads:
            thread.join()
    return times


def _ask(service: Service, seen: _Seen) -> None:
    """Each token over a connection of its own, so that both workers sign."""
    while not seen.ended.wait(PAUSE_SECONDS):
        caller = Caller(service.port, Tally())
        token = service_token(caller, service.site).json.get("access_token")
        caller.close()
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
            answer = Caller(self._port, Tally()).get("/jwks")
            self._until = time.monotonic() + MAX_AGE_SECONDS
            self._keys = {str(key.key_id): key for key in jwt.PyJWKSet.from_dict(answer.json).keys}
        _decode(token, self._keys[str(jwt.get_unverified_header(token)["kid"])])


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
