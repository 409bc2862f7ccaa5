"""A populated installation and the application on it: two tenants, every kind of client, an API per algorithm."""

import asyncio
import functools
import sqlite3
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import httpx
import psycopg
from passlib.hash import pbkdf2_sha256
from starlette.types import ASGIApp

from authsvc.app import create_app, read_master_keys
from authsvc.crypto.envelope import MasterKeys, new_master_key_line
from authsvc.crypto.passwords import hash_password
from authsvc.domain.parties.clients import Client, check_client, sealing, with_new_secret
from authsvc.domain.parties.resources import Resource
from authsvc.domain.people.users import User
from authsvc.domain.tenants import Tenant
from authsvc.settings import Passwords, Registration, Settings, Throttle
from authsvc.storage.sql.engine import Storage, open_storage
from authsvc.storage.sql.unit_of_work import SqlUnitOfWork
from tests.flows import assertions
from tests.flows.in_process import PATIENT, InProcess, MovableClock, serving
from tests.harness.schema import make_schema

ISSUER = "http://localhost:8000"
ALGORITHMS = ("ES256", "RS256", "PS256", "EdDSA")
PASSWORD = "fourteen purple lanterns"
OTHER_PASSWORD = "nineteen silver anchors"
ORIGIN = "https://app.example"
FORM = "application/x-www-form-urlencoded"
PASSWORDS = Passwords(
    failure_seconds=0,
    per_address=Throttle(free=5, first_delay_seconds=30, longest_delay_seconds=900, window_seconds=3_600),
    per_account=Throttle(free=50, first_delay_seconds=30, longest_delay_seconds=900, window_seconds=3_600),
    forgotten_per_address=PATIENT,
)
_SCOPES = frozenset(f"{algorithm.lower()}:{verb}" for algorithm in ALGORITHMS for verb in ("read", "write"))
PEOPLE_SCOPES = frozenset({"openid", "profile", "email", "account"})


def audience(algorithm: str) -> str:
    return f"https://{algorithm.lower()}.example"


AUDIENCES = frozenset(map(audience, ALGORITHMS))


@functools.cache
def hashed(password: str) -> str:
    return hash_password(password)


def a_client(client_id: str, now: datetime, **changed: Any) -> Client:
    """A public first-party app; `changed` says what is different."""
    client = Client(
        id=client_id, name=client_id, auth_method="none", secrets=(), first_party=True,
        grant_types=frozenset({"refresh_token"}), scopes=_SCOPES | PEOPLE_SCOPES, resources=AUDIENCES,
        origins=frozenset(), profile="oauth2.1", id_token_algorithm="RS256", created_at=now,
    )  # fmt: skip
    return replace(client, **changed)


def _clients(now: datetime) -> tuple[Client, ...]:
    grants = frozenset
    return (
        a_client("app", now, origins=frozenset({ORIGIN})),
        a_client("app2", now),
        a_client("narrow", now, scopes=frozenset({"openid", "es256:read"}), resources=frozenset({audience("ES256")})),
        a_client("stranger", now, first_party=False, grant_types=grants({"refresh_token", "password"})),
        a_client("web", now, auth_method="client_secret_basic"),
        a_client("legacy", now, auth_method="client_secret_post", first_party=False,
                 grant_types=grants({"password", "refresh_token"})),
        a_client("svc", now, auth_method="client_secret_basic", first_party=False, scopes=_SCOPES,
                 grant_types=grants({"client_credentials"})),
        a_client("svc2", now, auth_method="client_secret_post", first_party=False, scopes=frozenset({"es256:read"}),
                 resources=frozenset({audience("ES256")}), grant_types=grants({"client_credentials"})),
        *assertions.clients(a_client("plain", now, first_party=False, scopes=_SCOPES,
                                     grant_types=grants({"client_credentials"}))),
    )  # fmt: skip


def _users(now: datetime) -> tuple[User, ...]:
    def user(username: str, password_hash: str, **changed: Any) -> User:
        return replace(User(uuid4(), username, None, False, None, password_hash, now), **changed)

    old = pbkdf2_sha256.using(rounds=1000).hash(PASSWORD)
    return (
        user("alice", hashed(PASSWORD), email="Alice@Example.com", email_verified=True, name="Alice"),
        user("bob", hashed(PASSWORD), email="bob@example.com"),
        user("dora", hashed(PASSWORD), disabled_at=now),
        user("irma", old),
    )


class StoppedClock(MovableClock):
    """A time of day that only the test moves, so that waits are told to the second."""

    def __init__(self) -> None:
        super().__init__()
        self._start = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self._start + self.offset


@dataclass(slots=True)
class World:
    """The running application, what it was set up with, and a look behind its walls (past every cache)."""

    app: ASGIApp
    http: httpx.Client
    settings: Settings
    storage: Storage
    clock: MovableClock
    tenant: Tenant
    other: Tenant
    secrets: dict[str, str] = field(repr=False)
    transport: InProcess = field(repr=False)

    def token(
        self, client: str | None = "svc", grant_type: str = "client_credentials", **fields: Any
    ) -> httpx.Response:
        """POST /token, authenticated as the client is registered."""
        return self._as(client, "/token", {"grant_type": grant_type, **fields})

    def refresh(self, token: str, client: str = "app", **fields: Any) -> httpx.Response:
        return self.token(client, "refresh_token", refresh_token=token, **fields)

    def login(
        self, client: str = "app", username: str = "alice", password: str = PASSWORD, **fields: Any
    ) -> httpx.Response:
        """POST /login as a form."""
        return self._as(client, "/login", {"username": username, "password": password, **fields})

    def tokens(self, client: str = "app", scope: str = "openid es256:read", **fields: Any) -> dict[str, Any]:
        """The answer of a good sign-in."""
        answer = self.login(client, scope=scope, **fields)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def refresh_token(self, **fields: Any) -> str:
        return str(self.tokens(**fields)["refresh_token"])

    def raw(self, path: str, body: bytes, content_type: str = FORM, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.post(path, content=body, headers={"Content-Type": content_type, **named})

    def get(self, path: str, bearer: str | None = None, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.get(path, headers=named | ({"Authorization": f"Bearer {bearer}"} if bearer else {}))

    def from_address(self, address: str) -> httpx.Client:
        """A client whose socket peer has this address."""
        return httpx.Client(transport=_From(address, self.transport), base_url=ISSUER)

    def run(self, awaitable: Coroutine[Any, Any, None]) -> None:
        """Run something on the application's own loop."""
        asyncio.run_coroutine_threadsafe(awaitable, self.transport._loop).result(60)

    @contextmanager
    def change(self, tenant: Tenant | None = None) -> Iterator[SqlUnitOfWork]:
        """A transaction behind the application's back, committed at the end."""
        uow = self.storage.unit_of_work((tenant or self.tenant).id)
        try:
            uow.begin()
            yield uow
            uow.commit()
        finally:
            uow.close()

    def user(self, name: str = "alice") -> User:
        uow = self.storage.unit_of_work(self.tenant.id)
        try:
            found = uow.users.find_by_login(name)
        finally:
            uow.close()
        assert found is not None
        return found

    def rows(self) -> Mapping[str, int]:
        """How many rows each table has; those that jobs write by themselves are left out."""
        url = self.settings.database_url
        if url.startswith("sqlite"):
            connection = sqlite3.connect(url.removeprefix("sqlite:///"))
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            counts = {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for (name,) in tables}
            connection.close()
            return _without_jobs(counts)
        with psycopg.connect(url.replace("+psycopg", "", 1)) as postgres:
            found = postgres.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            return _without_jobs({name: _count(postgres, name) for (name,) in found})

    def _as(self, client: str | None, path: str, fields: Mapping[str, Any]) -> httpx.Response:
        body, auth = dict(fields), httpx.Auth()
        if client in ("web", "svc"):
            auth = httpx.BasicAuth(client, self.secrets[client])
        elif client in assertions.OWN or client == "workload":
            body |= assertions.fields(client, self.secrets.get(client), self.tenant.issuer, self.clock())
        elif client is not None:
            body["client_id"] = client
            if client in self.secrets:
                body["client_secret"] = self.secrets[client]
        content = urlencode({name: value for name, value in body.items() if value is not None}, doseq=True)
        return self.http.post(path, content=content, headers={"Content-Type": FORM}, auth=auth)


def _without_jobs(counts: Mapping[str, int]) -> Mapping[str, int]:
    return {name: count for name, count in counts.items() if name != "leases"}


class _From(InProcess):
    """The same application, called by a peer of another address."""

    def __init__(self, address: str, transport: InProcess) -> None:
        self._transport = httpx.ASGITransport(app=transport._transport.app, client=(address, 40_000))
        self._loop = transport._loop


def _count(connection: psycopg.Connection[Any], table: str) -> int:
    row = connection.execute(f'SELECT count(*) FROM "{table}"'.encode()).fetchone()
    assert row is not None
    return int(row[0])


@dataclass(frozen=True, slots=True)
class Installation:
    """What lies in the database before anything is served."""

    settings: Settings
    tenant: Tenant
    other: Tenant
    secrets: dict[str, str]


def install(database_url: str, directory: Path, issuer: str = ISSUER, **changed: Any) -> Installation:
    """Give the database its schema and fill it; the other tenant has the same names and other passwords."""
    make_schema(database_url)
    key_file = directory / "master.key"
    key_file.write_text(new_master_key_line())
    values: dict[str, Any] = {"passwords": PASSWORDS, "registration": Registration(per_address=PATIENT), **changed}
    settings = Settings(issuer=issuer, database_url=database_url, master_key_file=key_file, **values)
    storage, master_keys = open_storage(database_url, pool_size=1, cache=None), read_master_keys(settings)
    now = MovableClock()()
    tenant = Tenant(uuid4(), "default", issuer, host=None, path="", is_default=True, created_at=now)
    other = Tenant(uuid4(), "other", f"{issuer}/t/other", host=None, path="/t/other", is_default=False, created_at=now)
    try:
        secrets = _fill(storage, tenant, now, None, master_keys)
        _fill(storage, other, now, hashed(OTHER_PASSWORD), master_keys)
    finally:
        storage.close()
    return Installation(settings, tenant, other, secrets)


def _fill(
    storage: Storage, tenant: Tenant, now: datetime, password_hash: str | None, master_keys: MasterKeys
) -> dict[str, str]:
    uow, secrets = storage.unit_of_work(tenant.id), {}
    try:
        uow.begin()
        uow.tenants.add(tenant)
        for algorithm in ALGORITHMS:
            scopes = frozenset({f"{algorithm.lower()}:read", f"{algorithm.lower()}:write"})
            uow.resources.add(Resource(audience(algorithm), algorithm, scopes, algorithm, None, now))
        for client in _clients(now):
            stored = client
            if client.has_secrets:
                stored, secrets[client.id] = with_new_secret(client, now, sealing(tenant.id, master_keys))
            uow.clients.add(check_client(stored))
        for issuer in assertions.issuers(now):
            uow.issuers.add(issuer)
        for user in _users(now):
            uow.users.add(replace(user, password_hash=password_hash) if password_hash else user)
        uow.commit()
    finally:
        uow.close()
    return secrets


@contextmanager
def running_world(database_url: str, directory: Path, **changed: Any) -> Iterator[World]:
    """The application on a freshly filled database."""
    found = install(database_url, directory, **changed)
    clock = StoppedClock()
    storage = open_storage(database_url, pool_size=4, cache=None)
    app = create_app(found.settings, clock)
    try:
        with serving(app) as transport, httpx.Client(transport=transport, base_url=ISSUER) as http:
            yield World(app, http, found.settings, storage, clock, found.tenant, found.other, found.secrets, transport)
    finally:
        storage.close()
