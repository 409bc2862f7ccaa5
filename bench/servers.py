"""How each server is started, and what a load must know about it; authsvc by `start_authsvc` alone."""

import base64
import json
import os
import secrets
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bench.load import Load
from bench.processes import ALL_CORES, SERVER_CORES, BenchError, Running, Spawn, running
from tests.harness.postgres import free_port

PEERS = Path(__file__).parent / "peers"
AUTHSVC = (str(Path(sys.executable).parent / "authsvc"),)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a client must know to use a server; the same shape as DIR/dev.json of `authsvc dev`."""

    issuer: str
    client_id: str
    client_secret: str
    audience: str
    scopes: tuple[str, ...]
    username: str = ""
    password: str = ""
    app_client_id: str = ""

    def client_credentials(self) -> Load:
        """The request that every token comparison sends, byte for byte the same but for the names."""
        basic = base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        form = {"grant_type": "client_credentials", "scope": self.scopes[0], "resource": self.audience}
        return Load(f"{self.issuer}/token", "POST", {**FORM, "Authorization": f"Basic {basic}"}, urlencode(form))

    def login(self, username: str, password: str) -> Load:
        """A login through the first-party app."""
        body = {
            "username": username,
            "password": password,
            "client_id": self.app_client_id,
            "scope": self.scopes[0],
        }
        return Load(f"{self.issuer}/login", "POST", JSON, json.dumps(body))


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers, with its facts."""

    process: Running
    facts: Facts
    cores: frozenset[int]


@dataclass(frozen=True, slots=True)
class Authsvc:
    """How authsvc is to run; without a database address it has SQLite in the directory."""

    directory: Path
    workers: int = 1
    all_cores: bool = False
    database_url: str = ""
    settings: tuple[tuple[str, str], ...] = ()

    @property
    def cores(self) -> frozenset[int]:
        """The cores that it may use."""
        return frozenset(ALL_CORES if self.all_cores else SERVER_CORES)


@contextmanager
def start_authsvc(how: Authsvc) -> Iterator[Server]:
    """`authsvc serve` on what `authsvc dev` made; the one place that knows either command line."""
    data = give_birth(how)
    facts = read_facts(data)
    command = [*AUTHSVC, "serve", "--port", facts.issuer.rpartition(":")[2], "--workers", str(how.workers)]
    spawn = Spawn(command, how.directory / "serve.log", how.cores, _settings(how, data), how.directory)
    with running(spawn, f"{facts.issuer}/jwks") as process:
        yield Server(process, facts, how.cores)


def give_birth(how: Authsvc) -> Path:
    """Let `authsvc dev` make database, keys, a user, two clients and a resource, once for each directory."""
    data = how.directory / "data"
    if not (data / "dev.json").exists():
        port = free_port()
        command = [*AUTHSVC, "dev", "--port", str(port), "--data", str(data)]
        settings = _settings(how, data)[:1] if how.database_url else ()
        spawn = Spawn(command, how.directory / "dev.log", how.cores, settings, how.directory)
        with running(spawn, f"http://127.0.0.1:{port}/jwks"):
            pass
    return data


def _settings(how: Authsvc, data: Path) -> tuple[tuple[str, str], ...]:
    issuer = json.loads((data / "dev.json").read_text())["issuer"] if (data / "dev.json").exists() else ""
    return (
        ("AUTHSVC_DATABASE_URL", how.database_url or f"sqlite:///{data / 'authsvc.db'}"),
        ("AUTHSVC_MASTER_KEY_FILE", str(data / "master.key")),
        ("AUTHSVC_ISSUER", issuer),
        *how.settings,
    )


def read_facts(data: Path) -> Facts:
    """DIR/dev.json; requests go to the loopback address, for a name would be looked up in both families."""
    found = json.loads((data / "dev.json").read_text())
    return Facts(
        issuer=f"http://127.0.0.1:{found['issuer'].rpartition(':')[2]}",
        client_id=found["service_client"]["client_id"],
        client_secret=found["service_client"]["client_secret"],
        audience=found["resource"]["audience"],
        scopes=tuple(found["resource"]["scopes"]),
        username=found["user"]["username"],
        password=found["user"]["password"],
        app_client_id=found["app_client"]["client_id"],
    )


@contextmanager
def start_bare(directory: Path, jwks: str = '{"keys":[]}') -> Iterator[Server]:
    """The bare app of peers/bare.py under the server that authsvc uses, one worker."""
    facts = invented_facts(free_port())
    told = {
        "issuer": facts.issuer,
        "client_id": facts.client_id,
        "client_secret": facts.client_secret,
        "audience": facts.audience,
        "scopes": facts.scopes,
        "jwks": jwks,
    }
    with _under_our_server("bare", directory, facts, told) as server:
        yield server


@contextmanager
def start_bare_introspection(directory: Path, known: Facts, database: Path, tenant: str) -> Iterator[Server]:
    """The bare app of peers/bare_introspection.py, on authsvc's database and with its client."""
    facts = replace(known, issuer=f"http://127.0.0.1:{free_port()}")
    told = {
        "client_id": facts.client_id,
        "client_secret": facts.client_secret,
        "database": str(database),
        "tenant": tenant,
    }
    with _under_our_server("bare_introspection", directory, facts, told) as server:
        yield server


@contextmanager
def _under_our_server(peer: str, directory: Path, facts: Facts, told: Mapping[str, Any]) -> Iterator[Server]:
    port = facts.issuer.rpartition(":")[2]
    command = [sys.executable, "-m", "bench.peers.serve", f"bench.peers.{peer}:app", port]
    spawn = Spawn(
        command,
        directory / f"{peer}.log",
        environment=(("BENCH_BARE", json.dumps(told)),),
        directory=PEERS.parent.parent,
    )
    with running(spawn, f"{facts.issuer}/jwks") as process:
        yield Server(process, facts, spawn.cores)


@contextmanager
def start_oidc_provider(
    directory: Path, assertion_key: Mapping[str, Any] | None = None, redirect_uri: str | None = None
) -> Iterator[Server]:
    """npm oidc-provider, one node process, with its own in-memory adapter.

    Its client authenticates by Basic, or by private_key_jwt with that key; with a redirect URI it is one of browsers.
    """
    home = PEERS / "oidc_provider"
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        message = "the peer oidc-provider needs Node.js 20 or newer with npm"
        raise BenchError(message)
    if not (home / "node_modules" / "oidc-provider").is_dir():
        subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=home, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    facts = invented_facts(free_port())
    told = {
        "port": int(facts.issuer.rpartition(":")[2]),
        "issuer": facts.issuer,
        "clientId": facts.client_id,
        "clientSecret": facts.client_secret,
        "audience": facts.audience,
        "scopes": facts.scopes,
        "assertionKey": assertion_key,
        "redirectUri": redirect_uri,
    }
    spawn = Spawn(
        [node, "server.mjs", json.dumps(told)],
        directory / "oidc-provider.log",
        environment=(("NODE_ENV", "production"),),
        directory=home,
    )
    with running(spawn, f"{facts.issuer}/jwks") as process:
        yield Server(process, facts, spawn.cores)


def invented_facts(port: int) -> Facts:
    """Facts for a peer, of the same lengths as authsvc's."""
    return Facts(
        f"http://127.0.0.1:{port}",
        "bench-service",
        secrets.token_urlsafe(32),
        "http://127.0.0.1:9000/orders",
        ("orders:read", "orders:write"),
    )


def answer_to(load: Load) -> bytes:
    """The body of one answer to the load's request, sent once.

    Raises:
        BenchError: the server refuses it.
    """
    request = urllib.request.Request(load.url, load.body.encode() or None, dict(load.headers), method=load.method)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            body: bytes = answer.read()
            return body
    except urllib.error.HTTPError as refusal:
        message = f"{load.method} {load.url}: {refusal.code} {refusal.read().decode(errors='replace')[:500]}"
        raise BenchError(message) from refusal


def environment_text() -> str:
    """Versions of what ran, for the report."""
    node = shutil.which("node")
    version = (
        subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603
        if node
        else "none"
    )
    return f"Python {sys.version.split()[0]}, Node.js {version or 'none'}, {os.uname().sysname} {os.uname().release}"
