"""Whether the time of an answer tells who is known: /login, /ui/login, /password/forgot, /register with confirmation.

Each name is tried once, known and unknown ones mixed. The figure is the AUC of the best classifier that has one
threshold on the duration: 0.5 is a coin, 1 tells everything.
"""

import http.cookiejar
import json
import random
import re
import statistics
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from passlib.hash import pbkdf2_sha256

from authsvc.crypto.passwords import hash_password
from authsvc.domain.people.users import User
from authsvc.storage.sql.engine import open_storage
from bench import rounds
from bench.processes import BenchError
from bench.servers import FORM, JSON, Authsvc, Facts, give_birth, start_authsvc

NAME = "enumeration"
AIM = 0.55
NAMES_PER_ROUND = 40
AT_ONCE = 4
_PASSWORD = "a password that is nobody's"
_IMPORTED_ROUNDS = 300_000
_SETTINGS = (
    ("AUTHSVC_REGISTRATION__CONFIRM_MAIL", "true"),
    # All of it comes from one address.
    ("AUTHSVC_REGISTRATION__PER_ADDRESS__FREE", "1000000"),
    ("AUTHSVC_PASSWORDS__FORGOTTEN_PER_ADDRESS__FREE", "1000000"),
)
Ask = Callable[[str], None]


def auc(first: list[float], second: list[float]) -> float:
    """Return the area under the curve of the better of the two ways to read the duration (Mann-Whitney)."""
    ordered = sorted((value, group) for group, values in enumerate((first, second)) for value in values)
    ranks = sum(rank for rank, (_, group) in enumerate(ordered, 1) if group == 0)
    area = (ranks - len(first) * (len(first) + 1) / 2) / (len(first) * len(second))
    return max(area, 1 - area)


def compare(plan: rounds.Plan, directory: Path) -> list[rounds.Figure]:
    """One figure for each endpoint and kind of known user."""
    how = Authsvc(directory, all_cores=True, settings=_SETTINGS)
    people = _fill(how, NAMES_PER_ROUND * plan.rounds)
    figures = []
    with start_authsvc(how) as ours:
        for what, ask, known, unknown in _questions(ours.facts, people):
            times = _durations(ask, known, unknown)
            figures.append(_figure(f"{what}: {len(known)} known names against as many unknown ones", *times))
    return figures


def _fill(how: Authsvc, count: int) -> dict[str, list[str]]:
    """People with our own hashes and with imported ones, each with a verified address; and names of nobody."""
    data = give_birth(how)
    storage = open_storage(f"sqlite:///{data / 'authsvc.db'}", pool_size=1, cache=None)
    tenant = next(tenant for tenant in storage.list_tenants() if tenant.is_default)
    hashes = {"own": hash_password("x" * 20), "imported": pbkdf2_sha256.using(rounds=_IMPORTED_ROUNDS).hash("x" * 20)}
    people = {kind: [f"{kind}{uuid4().hex[:12]}" for _ in range(count)] for kind in (*hashes, "nobody", "noone")}
    uow, now = storage.unit_of_work(tenant.id), datetime.now(UTC)
    try:
        uow.begin()
        for kind, password_hash in hashes.items():
            for name in people[kind]:
                email = f"{name}@example.com"
                uow.users.add(
                    User(
                        uuid4(),
                        name,
                        email,
                        email_verified=True,
                        name=None,
                        password_hash=password_hash,
                        created_at=now,
                    )
                )
        uow.commit()
    finally:
        uow.close()
        storage.close()
    return people


def _questions(facts: Facts, people: dict[str, list[str]]) -> list[tuple[str, Ask, list[str], list[str]]]:
    own, imported, nobody, noone = (people[kind] for kind in ("own", "imported", "nobody", "noone"))
    page = _login_page(facts)
    return [
        ("POST /login", lambda name: _login(facts, name), own, nobody),
        ("POST /login, imported hashes", lambda name: _login(facts, name), imported, noone),
        ("POST /ui/login", page, [f"{name}@example.com" for name in own], [f"{name}@example.com" for name in nobody]),
        ("POST /ui/login, imported hashes", page, imported, noone),
        ("POST /password/forgot", lambda name: _forgot(facts, name), own, nobody),
        ("POST /register", lambda name: _register(facts, name), own, nobody),
    ]


def _login(facts: Facts, name: str) -> None:
    body = {"username": name, "password": _PASSWORD, "client_id": facts.app_client_id}
    _post(f"{facts.issuer}/login", JSON, json.dumps(body), 401)


def _forgot(facts: Facts, name: str) -> None:
    _post(f"{facts.issuer}/password/forgot", JSON, json.dumps({"username": name}), 202)


def _register(facts: Facts, name: str) -> None:
    body = {"username": f"new{uuid4().hex[:12]}", "email": f"{name}@example.com"}
    _post(f"{facts.issuer}/register", JSON, json.dumps(body), 202)


def _login_page(facts: Facts) -> Ask:
    """One browser that has opened the page, and sends its form again and again."""
    jar = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    issuer = facts.issuer.replace("127.0.0.1", "localhost")
    with opener.open(f"{issuer}/ui/account") as answer:
        page = answer.read().decode()
    hidden = dict(re.findall(r'name="(csrf|flow)" value="([^"]+)"', page))
    cookie = "; ".join(f"{found.name}={found.value}" for found in jar)

    def ask(name: str) -> None:
        body = urllib.parse.urlencode({**hidden, "username": name, "password": _PASSWORD})
        _post(f"{facts.issuer}/ui/login", {**FORM, "Cookie": cookie}, body, 403)

    return ask


def _post(url: str, headers: dict[str, str], body: str, expected: int) -> None:
    request = urllib.request.Request(url, body.encode(), headers)  # noqa: S310 - of our own server
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            status = answer.status
    except urllib.error.HTTPError as refusal:
        status = refusal.code
    if status != expected:
        message = f"{url} answered {status}, not {expected}"
        raise BenchError(message)


def _durations(ask: Ask, known: list[str], unknown: list[str]) -> tuple[list[float], list[float]]:
    """Seconds of every answer, asked in a random order."""
    asked = [(name, group) for group, names in enumerate((known, unknown)) for name in names]
    random.shuffle(asked)

    def timed(question: tuple[str, int]) -> tuple[float, int]:
        started = time.perf_counter()
        ask(question[0])
        return time.perf_counter() - started, question[1]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(timed, asked))
    return tuple([seconds for seconds, group in found if group == wanted] for wanted in (0, 1))  # type: ignore[return-value]


def _figure(what: str, known: list[float], unknown: list[float]) -> rounds.Figure:
    median = [f"{statistics.median(times) * 1_000:.1f} ms" for times in (known, unknown)]
    note = "AUC of one threshold on the duration; authsvc: median for known names, peer: for unknown ones"
    return rounds.Figure(what, median[0], median[1], auc(known, unknown), AIM, "AUC", at_most=True, notes=(note,))
