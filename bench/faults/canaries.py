"""Every secret that clients sent or got, looked for in the logs, the metrics, a dump and every file of the database.

There are no traces to look into: authsvc writes none.
"""

import base64
import json
import re
import sqlite3
import subprocess
import time
import urllib.request
from pathlib import Path

from bench.faults.caller import JSON, Answer, Caller, Tally
from bench.faults.crowd import Crowd
from bench.faults.finding import Finding, none_of, say
from bench.faults.ledger import proof
from bench.faults.plan import Plan, on_postgresql, on_sqlite
from bench.faults.service import Service
from bench.faults.site import APP, AUDIENCE, PASSWORD, SCOPE, SERVICE, WEB, Site, administrator
from bench.processes import BenchError
from tests.harness.postgres import Cluster, find_binaries, free_port

NAME = "canaries"
TIMES, SECONDS = 1, 15.0
CANARY = "Canary-Xq7-violet-lighthouse"
_TOKENS = re.compile(rb'"(?:access_token|refresh_token|id_token)": ?"([^"]+)"')
_CODES = re.compile(rb"[?&]code=([^&]+)")
_WORDS = re.compile(rb"[A-Za-z0-9._~-]{20,}")
BAD = 400


def run(plan: Plan) -> list[Finding]:
    """On PostgreSQL, which is stopped at once in between, for what is logged then; and on SQLite."""
    with on_postgresql(plan) as (site, cluster):
        found = searched(plan, site, "PostgreSQL", cluster.directory / "data", cluster)
    site = on_sqlite(plan)
    return found + searched(plan, site, "SQLite", Path(site.database_url.removeprefix("sqlite:///")).parent)


def searched(plan: Plan, site: Site, database: str, files: Path, cluster: Cluster | None = None) -> list[Finding]:
    """Use everything, well and badly; then search."""
    port, log = free_port(), plan.directory / f"{database}.log"
    settings = {"AUTHSVC_OBSERVE__LOG_LEVEL": "debug", "AUTHSVC_OBSERVE__METRICS_PORT": str(port)}
    with Service(site, log, settings=settings) as service:
        crowd = Crowd(site, (service.port,), plan.seed)
        crowd.tally.kept = []
        with crowd.working():
            time.sleep(plan.seconds / 2)
            more = _administer(Caller(service.port, Tally()), site)
            if cluster is not None:
                cluster.stop(immediate=True)
                time.sleep(0.5)
                cluster.start()
            _misuse(Caller(service.port, Tally()), site)
            time.sleep(plan.seconds / 2)
        secrets = _secrets(site, crowd.tally.kept) | more
        time.sleep(1.5)  # Metrics are handed over each second.
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            metrics = answer.read()
        places = {"the log, at debug": [log.read_bytes()], "the metrics": [metrics]}
    places["a dump"] = [_dump(site, cluster)]
    # Also what the server has not written to its files yet is there once it has ended.
    if cluster is not None:
        cluster.stop()
    key_file = site.master_key_file
    read = (path for path in files.rglob("*") if path.is_file() and path != key_file)
    places["every file of the database"] = [path.read_bytes() for path in read]
    say(f"  {database}: {len(secrets):,} secrets, "
        f"{sum(len(part) for parts in places.values() for part in parts) / 1e6:,.0f} MB searched")  # fmt: skip
    return [none_of(f"{database}: secrets found in {place}", len(hits), len(secrets), sorted(hits))
            for place, parts in places.items() for hits in [_found(secrets, parts)]]  # fmt: skip


def _misuse(caller: Caller, site: Site) -> None:
    """Put secrets where they do not belong, and wrong ones where secrets belong."""
    right = proof(site, WEB)
    caller.form("/token", grant_type="refresh_token", refresh_token=CANARY, client_id=APP)
    caller.form("/token", grant_type="authorization_code", code=CANARY, **right)
    caller.form("/token", grant_type=CANARY, scope=CANARY, **right)
    caller.form("/token", grant_type="client_credentials", client_id=SERVICE, client_secret=CANARY)
    caller.form("/token", grant_type="client_credentials", client_id=site.secrets[WEB], client_secret=CANARY)
    caller.form("/introspect", token=CANARY, **right)
    caller.form("/revoke", token=CANARY, **right)
    caller.json("/login", username=site.username, password=CANARY, client_id=APP, scope="openid")
    caller.json("/register", username="canary", password=CANARY)
    caller.json("/register", username="canary2", password=PASSWORD, email=CANARY)
    caller.get("/userinfo", Authorization=f"Bearer {CANARY}")
    # The name of a client is no secret: an unknown one is in the log. A secret in its place is not.
    caller.get(f"/authorize?client_id={site.secrets[WEB]}&state={CANARY}", Cookie=f"as-session={CANARY}")
    caller.get(f"/authorize?client_id={WEB}&redirect_uri={CANARY}&login_hint={CANARY}&nonce={CANARY}")


def _administer(caller: Caller, site: Site) -> set[bytes]:
    """Make users for an operator, and API keys; return the secrets of it."""
    client, secret = administrator(site)
    token = _good(caller.form("/token", grant_type="client_credentials", client_id=client, client_secret=secret))
    bearer = f"Bearer {token['access_token']}"
    once = {"Authorization": bearer, "Idempotency-Key": "canaries-1"}
    made = json.dumps({"username": "canary-made", "password": f"{CANARY} of an operator"})
    for _ in range(2):
        _good(caller.send("/admin/users", made, JSON, **once))
    # A row whose hash is none is reported, and a password in its place is not.
    rows = f"username,password_hash\ncanary-row,{CANARY}\n"
    told = _good(caller.send("/admin/users/import", rows, "text/csv", Authorization=bearer))
    while _good(caller.get(f"/admin/users/import/{told['id']}", Authorization=bearer))["state"] != "done":
        time.sleep(0.2)
    key = json.dumps({"name": "canaries", "scopes": [SCOPE], "resources": [AUDIENCE], "expires_in": 3_600})
    basic = "Basic " + base64.b64encode(f"{SERVICE}:{site.secrets[SERVICE]}".encode()).decode()
    api_key = _good(caller.send("/api-keys", key, JSON, Authorization=basic))["key"]
    caller.form("/introspect", token=str(api_key), **proof(site, SERVICE))
    return {str(each).encode() for each in (secret, token["access_token"], api_key)}


def _good(answer: Answer) -> dict[str, str]:
    if answer.status >= BAD:
        message = f"a canary was refused: {answer.status} {answer.body!r}"
        raise BenchError(message)
    return answer.json


def _dump(site: Site, cluster: Cluster | None) -> bytes:
    """What a backup holds, uncompressed."""
    if cluster is None:
        with sqlite3.connect(site.database_url.removeprefix("sqlite:///")) as connection:
            return "\n".join(connection.iterdump()).encode()
    binaries = find_binaries()
    assert binaries is not None  # noqa: S101 - the cluster runs
    command = [str(binaries / "pg_dump"), "--inserts", site.database_url.replace("+psycopg", "", 1)]
    return subprocess.run(command, check=True, capture_output=True).stdout  # noqa: S603 - our own


def _secrets(site: Site, answers: list[bytes]) -> set[bytes]:
    """What must be found nowhere."""
    told = b"\n".join(answers)
    cookies = [pair.partition("=")[2] for pair in site.cookies.split("; ")]
    master = [word for word in site.master_key_file.read_text().split() if len(word) > 30]  # noqa: PLR2004
    plain = [PASSWORD, CANARY, *site.secrets.values(), *cookies, *master]
    return {*(text.encode() for text in plain), *_TOKENS.findall(told), *_CODES.findall(told)}


def _found(secrets: set[bytes], parts: list[bytes]) -> set[str]:
    """Those that stand there, as a word or (the first of each kind of length) within one."""
    hits = set[bytes]()
    few = {len(secret): secret for secret in secrets}.values()
    for part in parts:
        hits |= secrets & set(_WORDS.findall(part))
        hits |= {secret for secret in (*few, PASSWORD.encode(), CANARY.encode()) if secret in part}
    return {secret[:12].decode("latin-1") + "..." for secret in hits}
