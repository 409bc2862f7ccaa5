"""The whole application in this process, over HTTP without a socket."""

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from starlette.types import ASGIApp, Message, Scope

from authsvc.app import create_app, read_master_keys
from authsvc.crypto.envelope import new_master_key_line
from authsvc.domain.mail.outbox import Mail
from authsvc.domain.mail.postbox import Postbox
from authsvc.domain.parties.clients import Client
from authsvc.domain.tenants import Tenant
from authsvc.settings import Http, Passwords, Registration, Settings, Throttle
from authsvc.storage.sql.engine import Storage, open_storage
from tests.harness.schema import make_schema

ISSUER = "https://login.example.test"
PASSWORD = "fourteen purple lanterns"
APP = "app"
PATIENT = Throttle(free=100_000, first_delay_seconds=1, longest_delay_seconds=1, window_seconds=60)
"""For tests that do often what people do once."""
FEW = Throttle(free=3, first_delay_seconds=60, longest_delay_seconds=60, window_seconds=3_600)
BEHIND_PROXY = Http(trusted_proxies=("127.0.0.1",))
"""So that a test may name the address that it comes from."""


class MovableClock:
    """The time of day, and what the test adds to it."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def move(self, **how_far: float) -> None:
        self.offset += timedelta(**how_far)


@dataclass(slots=True)
class AppClient:
    """A client of the running application, what it was set up with, and a look behind its walls."""

    http: httpx.Client
    app: ASGIApp
    tenant: Tenant
    settings: Settings
    storage: Storage
    clock: MovableClock
    client_id: str = APP
    names: Iterator[int] = field(default_factory=lambda: iter(range(10_000)))

    def register(self, **fields: Any) -> str:
        """A new user's name; the password is PASSWORD."""
        username = f"person{next(self.names)}"
        answer = self.http.post("/register", json={"username": username, "password": PASSWORD, **fields})
        assert answer.status_code == 201, answer.text
        return username

    def login(self, username: str, password: str = PASSWORD, scope: str = "account openid") -> dict[str, Any]:
        """The token answer of a sign-in."""
        posted = {"username": username, "password": password, "client_id": self.client_id, "scope": scope}
        answer = self.http.post("/login", json=posted)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def bearer(self, username: str, password: str = PASSWORD) -> dict[str, str]:
        """The Authorization header of a fresh sign-in with scope `account`."""
        return {"Authorization": f"Bearer {self.login(username, password)['access_token']}"}

    def letters(self) -> list[Mail]:
        """What waits in the outbox, oldest first; taken out of it, also when the sender has just tried one."""
        postbox, uow = Postbox(read_master_keys(self.settings)), self.storage.unit_of_work(self.tenant.id)
        try:
            letters = sorted(uow.outbox.list(None, 100), key=lambda letter: letter.created_at)
            uow.begin()
            for letter in letters:
                uow.outbox.delete(letter.id)
            uow.commit()
        finally:
            uow.close()
        return [postbox.open(letter, self.tenant.id) for letter in letters]


def token_in(text: str) -> str:
    """The secret that a letter holds."""
    found = re.search(r"as_ml_[A-Za-z0-9_-]+", text)
    assert found is not None, text
    return found[0]


@contextmanager
def running_app(database_url: str, directory: Path, **changed: Any) -> Iterator[AppClient]:
    """The application on a migrated database, with a default tenant and a public first-party client."""
    make_schema(database_url)
    key_file = directory / "master.key"
    key_file.write_text(new_master_key_line())
    patient = Passwords(failure_seconds=0, forgotten_per_address=PATIENT)
    values: dict[str, Any] = {"passwords": patient, "registration": Registration(per_address=PATIENT), **changed}
    settings = Settings(issuer=ISSUER, database_url=database_url, master_key_file=key_file, **values)
    storage, clock = open_storage(database_url, pool_size=4, cache=None), MovableClock()
    tenant = _set_up(storage, clock())
    app = create_app(settings, clock)
    try:
        with serving(app) as transport, httpx.Client(transport=transport, base_url=ISSUER) as http:
            yield AppClient(http, app, tenant, settings, storage, clock)
    finally:
        storage.close()


class InProcess(httpx.BaseTransport):
    """Calls an ASGI application that lives on the loop of another thread; for as many threads as like."""

    def __init__(self, app: ASGIApp, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = httpx.ASGITransport(app=app)
        self._loop = loop

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        return asyncio.run_coroutine_threadsafe(self._handle(request), self._loop).result(110)

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        answer = await self._transport.handle_async_request(request)
        return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread(), request=request)


@contextmanager
def serving(app: ASGIApp) -> Iterator[InProcess]:
    """The application with its lifespan, on a loop in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="app-loop")
    thread.start()
    try:
        lifespan = asyncio.run_coroutine_threadsafe(_Lifespan.begin(app), loop).result(110)
        yield InProcess(app, loop)
        asyncio.run_coroutine_threadsafe(lifespan.end(), loop).result(110)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class _Lifespan:
    """The startup and shutdown that a server announces (ASGI lifespan)."""

    def __init__(self, app: ASGIApp) -> None:
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._from_app: asyncio.Queue[Message] = asyncio.Queue()
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}}
        self._task = asyncio.ensure_future(_run(app, scope, self._to_app, self._from_app))

    @classmethod
    async def begin(cls, app: ASGIApp) -> "_Lifespan":
        lifespan = cls(app)
        await lifespan._announce("startup")
        return lifespan

    async def end(self) -> None:
        await self._announce("shutdown")
        await self._task

    async def _announce(self, what: str) -> None:
        await self._to_app.put({"type": f"lifespan.{what}"})
        answer = await self._from_app.get()
        assert answer["type"] == f"lifespan.{what}.complete", answer


async def _run(app: ASGIApp, scope: Scope, to_app: asyncio.Queue[Message], from_app: asyncio.Queue[Message]) -> None:
    await app(scope, to_app.get, from_app.put)


def _set_up(storage: Storage, now: datetime) -> Tenant:
    tenant = Tenant(uuid4(), "default", ISSUER, host=None, path="", is_default=True, created_at=now)
    client = Client(
        id=APP, name="The app", auth_method="none", secrets=(), first_party=True,
        grant_types=frozenset({"refresh_token"}), scopes=frozenset({"account", "openid", "profile", "email"}),
        resources=frozenset(), origins=frozenset({"https://app.example.test"}), profile="oauth2.1",
        id_token_algorithm="RS256", created_at=now,
    )  # fmt: skip
    uow = storage.unit_of_work(tenant.id)
    try:
        uow.begin()
        uow.tenants.add(tenant)
        uow.clients.add(client)
        uow.commit()
    finally:
        uow.close()
    return tenant
