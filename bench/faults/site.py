"""An installation to do harm to: a database with clients, a resource, a person who is signed in at a browser."""

import functools
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from authsvc.crypto import jws, opaque
from authsvc.crypto.envelope import new_master_key_line
from authsvc.crypto.jwk import SigningKey, generate, load_signing_key
from authsvc.crypto.passwords import hash_password
from authsvc.domain.administration import USERS_READ, USERS_WRITE, admin_audience
from authsvc.domain.parties.clients import Client, check_client, with_new_secret
from authsvc.domain.parties.relying_parties import RelyingParty
from authsvc.domain.parties.resources import Resource
from authsvc.domain.people.users import User
from authsvc.domain.sign_in.sessions import BROWSER, BrowserSession, Session
from authsvc.domain.tenants import Tenant
from authsvc.storage.sql.engine import open_storage
from authsvc.storage.sql.migrate import migrate
from authsvc.storage.sql.unit_of_work import SqlUnitOfWork
from authsvc.web.cookies import cookie_name

ISSUER = "http://localhost:8000"
AUDIENCE = "https://orders.example"
SCOPE = "orders:read"
REDIRECT_URI = "https://rp.example/cb"
PASSWORD = "fourteen purple lanterns"
APP, WEB, SERVICE, SIGNER = "app", "web", "svc", "signer"
RETRY_SECONDS = 6
"""How long a superseded refresh token is taken for a retry here; a restart must be over by then."""
PEOPLE = 20
THIRDS = tuple(f"third{number}" for number in range(12))
"""Clients of somebody else: a person is asked before they get anything."""
MANY = {"free": 1_000_000, "first_delay_seconds": 1, "longest_delay_seconds": 1, "window_seconds": 60}


@dataclass(frozen=True, slots=True)
class Site:
    """What lies in the database, and how a server finds it; `cookies` are those of the browser of `username`."""

    database_url: str
    master_key_file: Path
    tenant: Tenant
    secrets: dict[str, str] = field(repr=False)
    user_id: str
    cookies: str = field(repr=False)
    username: str = "ada"

    def environment(self, **settings: str) -> dict[str, str]:
        """The settings of a server; nobody is throttled, for one address plays all the people."""
        throttle = {"per_address": MANY, "per_account": MANY, "failure_seconds": 0}
        return {
            "AUTHSVC_CONFIG": str(self.master_key_file.with_name("none.toml")),
            "AUTHSVC_DATABASE_URL": self.database_url,
            "AUTHSVC_MASTER_KEY_FILE": str(self.master_key_file),
            "AUTHSVC_ISSUER": self.tenant.issuer,
            "AUTHSVC_PASSWORDS": json.dumps(throttle),
            "AUTHSVC_REGISTRATION": json.dumps({"per_address": MANY}),
            "AUTHSVC_LIFETIMES__REFRESH_RETRY": str(RETRY_SECONDS),
            **settings,
        }

    def person(self, number: int) -> str:
        """The user name of one of many, who all have one password: attempts at one account wait for each other."""
        return f"{self.username}{number % PEOPLE}"

    @contextmanager
    def change(self) -> Iterator[SqlUnitOfWork]:
        """A transaction behind the servers' back, as a command makes it."""
        storage = open_storage(self.database_url, pool_size=1, cache=None)
        uow = storage.unit_of_work(self.tenant.id)
        try:
            uow.begin()
            yield uow
            uow.commit()
        finally:
            uow.close()
            storage.close()


def make_site(database_url: str, directory: Path, issuer: str = ISSUER) -> Site:
    """Migrate the empty database and fill it."""
    migrate(database_url)
    key_file = directory / "master.key"
    key_file.write_text(new_master_key_line())
    key_file.chmod(0o600)
    # A day ago: no clock here is so far behind that it would take these for newcomers.
    now = datetime.now(UTC) - timedelta(days=1)
    tenant = Tenant(uuid4(), "default", issuer, host=None, path="", is_default=True, created_at=now)
    user = User(
        uuid4(), "ada", None, email_verified=False, name=None, password_hash=hash_password(PASSWORD), created_at=now
    )
    browser = {kind: opaque.new_secret(kind) for kind in (opaque.SESSION, opaque.BROWSER)}
    cookies = "; ".join(f"{cookie_name(tenant, kind)}={value}" for kind, value in browser.items())
    secrets: dict[str, str] = {}
    site = Site(database_url, key_file, tenant, secrets, str(user.id), cookies)
    storage = open_storage(database_url, pool_size=1, cache=None)
    uow = storage.unit_of_work(tenant.id)
    try:
        uow.begin()
        uow.tenants.add(tenant)
        uow.resources.add(Resource(AUDIENCE, "orders", frozenset({SCOPE}), "ES256", None, now))
        for client in clients(now):
            stored = client
            if client.has_secrets:
                stored, secrets[client.id] = with_new_secret(client, now)
            uow.clients.add(check_client(stored))
        for person in (user, *(replace(user, id=uuid4(), username=f"ada{number}") for number in range(PEOPLE))):
            uow.users.add(person)
        later = now + timedelta(days=7)
        session = Session(uuid4(), user.id, BROWSER, now, ("pwd",), later)
        secret = opaque.hash_secret(browser[opaque.SESSION])
        uow.browser_sessions.add(BrowserSession(session, secret, later, now, "127.0.0.1", "faults"))
        uow.commit()
    finally:
        uow.close()
        storage.close()
    return site


def administrator(site: Site) -> tuple[str, str]:
    """Add the program of an operator that may read and write users; return its client id and secret."""
    with site.change() as uow:
        service = uow.clients.get(SERVICE)
        assert service is not None  # noqa: S101 - the site has it
        blank = replace(
            service, id="ops", secrets=(), scopes=frozenset({USERS_READ, USERS_WRITE}),
            resources=frozenset({admin_audience(site.tenant.issuer)}),
        )  # fmt: skip
        client, secret = with_new_secret(blank, service.created_at)
        uow.clients.add(client)
    return client.id, secret


@functools.cache
def signer_key() -> SigningKey:
    """The private key of the client that signs its requests."""
    return load_signing_key("ES256", generate("ES256"))


def assertion() -> str:
    """A proof of that client, unlike any other."""
    now = int(time.time())
    claims = {"iss": SIGNER, "sub": SIGNER, "aud": ISSUER, "jti": uuid4().hex, "iat": now, "exp": now + 60}
    return jws.sign(claims, signer_key(), "JWT")


def clients(now: datetime) -> tuple[Client, ...]:
    """A public app with logins of its own, a web application, a service."""
    common: dict[str, Any] = {
        "secrets": (), "resources": frozenset({AUDIENCE}), "origins": frozenset(), "profile": "oauth2.1",
        "id_token_algorithm": "ES256", "created_at": now,
    }  # fmt: skip
    of_people = frozenset({"openid", SCOPE})
    return (
        Client(
            id=APP, name="App", auth_method="none", first_party=True, scopes=of_people,
            grant_types=frozenset({"refresh_token"}), **common,
        ),
        Client(
            id=WEB, name="Web", auth_method="client_secret_post", first_party=True, scopes=of_people,
            grant_types=frozenset({"authorization_code", "refresh_token"}),
            relying_party=RelyingParty(redirect_uris=(REDIRECT_URI,)), **common,
        ),
        *(
            Client(
                id=third, name=third, auth_method="none", first_party=False, scopes=of_people,
                grant_types=frozenset({"authorization_code"}),
                relying_party=RelyingParty(redirect_uris=(REDIRECT_URI,)), **common,
            ) for third in THIRDS
        ),
        Client(
            id=SERVICE, name="Service", auth_method="client_secret_post", first_party=False,
            scopes=frozenset({SCOPE}), grant_types=frozenset({"client_credentials"}), **common,
        ),
        Client(
            id=SIGNER, name="Signer", auth_method="private_key_jwt", first_party=False,
            scopes=frozenset({SCOPE}), grant_types=frozenset({"client_credentials"}),
            jwks=json.dumps({"keys": [signer_key().public]}), assertion_algorithms=frozenset({"ES256"}), **common,
        ),
    )  # fmt: skip
