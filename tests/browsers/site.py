"""The service in a process of its own, a client's site beside it, and a real browser for people who sign in there."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import Browser, BrowserContext, Page

from authsvc.domain.parties.clients import check_client
from authsvc.domain.parties.relying_parties import RelyingParty
from authsvc.domain.tenants import Look
from authsvc.storage.sql.engine import open_storage
from tests.flows.processes import serving_processes
from tests.flows.relying_party import CHALLENGE
from tests.flows.world import Installation, a_client, install
from tests.harness.postgres import free_port

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
PATIENCE_MS = 60_000
"""A browser, a server and a hash at once: a busy machine takes its time."""
NARROW, PHONE, DESKTOP = {"width": 320, "height": 640}, {"width": 390, "height": 844}, {"width": 1440, "height": 900}
CLIENT = "shop"
LOGO = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><circle cx="4.5" cy="4.5" r="4" fill="#2f6b4f"/></svg>'
)


@dataclass(frozen=True, slots=True)
class Site:
    """Where everything is: the issuer, the client's site, and another site that belongs to nobody here."""

    issuer: str
    client: str
    other: str
    installation: Installation

    @property
    def callback(self) -> str:
        return f"{self.client}/callback"

    def ask(self, **changed: str) -> str:
        """The address by which the client sends a browser here."""
        asked = {
            "client_id": CLIENT, "response_type": "code", "redirect_uri": self.callback, "state": "st-1",
            "nonce": "n-1", "scope": "openid profile email es256:read", "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }  # fmt: skip
        return f"{self.issuer}/authorize?{urlencode(asked | changed)}"


@dataclass(slots=True)
class Visitor:
    """One person's browser: a context of its own, and what went wrong in it."""

    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@contextmanager
def visiting(browser: Browser, **options: Any) -> Iterator[Visitor]:
    """A fresh browser profile; notes every complaint of the console and every address that is asked for."""
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    visitor = Visitor(context, page)
    page.on("console", lambda message: visitor.complaints.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: visitor.requests.append(request.url))
    try:
        yield visitor
    finally:
        context.close()


@contextmanager
def serving_site(directory: Path) -> Iterator[Site]:
    """The whole place, with people, a client that is a stranger, and a tenant's own look."""
    port = free_port()
    with _pages() as client, _pages() as other:
        issuer = f"http://localhost:{port}"
        installation = install(f"sqlite:///{directory}/authsvc.db", directory, issuer=issuer)
        site = Site(issuer, client, other, installation)
        _furnish(site)
        with serving_processes(installation.settings, (port,), directory / "server.log"):
            yield site


def _furnish(site: Site) -> None:
    installation = site.installation
    storage = open_storage(installation.settings.database_url, pool_size=1, cache=None)
    uow = storage.unit_of_work(installation.tenant.id)
    texts = {"policy_uri": "https://shop.example/privacy", "tos_uri": "https://shop.example/terms"}
    party = RelyingParty(redirect_uris=(site.callback,), application_type="native", texts=texts)
    try:
        uow.begin()
        uow.tenants.set_look(
            installation.tenant.id, Look("Greenhouse", "#2f6b4f", "#86cfa8", LOGO, logo_type="image/svg+xml")
        )
        shop = a_client(CLIENT, installation.tenant.created_at, name="Corner Shop", first_party=False,
                        grant_types=frozenset({"authorization_code"}), relying_party=party)  # fmt: skip
        uow.clients.add(check_client(shop))
        uow.commit()
    finally:
        uow.close()
        storage.close()


_PUBLISHED: dict[str, str] = {}


class _Handler(BaseHTTPRequestHandler):
    """/callback sends the browser on to another of the client's hosts, as real ones do."""

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path == "/callback":
            assert isinstance(self.server, ThreadingHTTPServer)
            self.send_response(302)
            self.send_header("Location", f"http://localhost:{self.server.server_port}/home?{query}")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(_PUBLISHED.get(path, "<!doctype html><title>Home</title><h1>Welcome back</h1>").encode())

    def do_POST(self) -> None:
        """An answer by form, told on as one by address would be."""
        query = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.path = f"/callback?{query}"
        self.do_GET()

    def log_message(self, *parts: object) -> None:
        """Say nothing."""


def publish(path: str, html: str) -> None:
    """Let every site here have this page."""
    _PUBLISHED[path] = html


@contextmanager
def _pages() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
