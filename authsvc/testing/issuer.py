"""The issuer of a test run, and the tokens that a test asks of it: good ones, and those that must be refused."""

import json
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from authsvc.app import Service, build
from authsvc.clock import utc_now
from authsvc.crypto import base64url, jws
from authsvc.crypto.envelope import new_master_key_line
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.tenants import Tenant, new_tenant
from authsvc.domain.tokens.content import Target
from authsvc.protocol.grant import Decision, GrantRequest
from authsvc.protocol.tokens.access_token import TYPE
from authsvc.protocol.tokens.issue import Granted, mint
from authsvc.settings import Passwords, Registration, Settings, Throttle
from authsvc.storage.sql.engine import Storage, open_storage
from authsvc.storage.sql.migrate import migrate
from authsvc.testing.registry import APP, PASSWORD, SERVICE, Registry
from authsvc.testing.server import HOST, Served, serving
from authsvc.web.request import NO_PERMIT

AUDIENCE = "https://api.example"
_EXPIRED_SECONDS = 3600
_PATIENT = Throttle(free=1_000_000, first_delay_seconds=1, longest_delay_seconds=1, window_seconds=60)
"""Tests sign up more people from one address than people do."""
_LIFETIME_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Issuer:
    """A running authorization server. What a test names (people, clients, audiences, scopes) is there when named.

    `url` is the issuer's name and address; `audience` the resource that tokens are for unless a test names another.
    """

    url: str
    audience: str
    _tenant: Tenant = field(repr=False)
    _service: Service = field(repr=False)
    _storage: Storage = field(repr=False)
    _registry: Registry = field(repr=False)

    def token(
        self,
        sub: str = "alice",
        scope: str = "",
        *,
        audience: str | None = None,
        client_id: str = APP,
        expires_in: int = _LIFETIME_SECONDS,
        **claims: object,
    ) -> str:
        """Return an access token as the service itself makes it: `sub` says what the test says.

        Where that is a person's id (see `subject`) the token hangs on a sign-in of theirs, as after a login. A negative
        `expires_in` is how long ago it expired. `claims` replace others or are added; None takes one out.
        """
        audience, scopes = audience or self.audience, frozenset(scope.split())
        seconds, now = expires_in if expires_in > 0 else _LIFETIME_SECONDS, utc_now()
        issued_at = now if expires_in > 0 else now + timedelta(seconds=expires_in - seconds)
        with self._writing() as uow:
            client = self._registry.client(client_id, audience, scopes, uow)
            algorithm = self._registry.resource(audience, scopes, uow)
            sign_in = self._registry.signed_in(sub, client, issued_at, uow)
            target = Target((audience,), scopes, seconds, algorithm)
            decision = Decision(sub, scopes, frozenset({audience}), sign_in)
            request = GrantRequest(self._tenant, client, {}, scopes, (), HOST, "", issued_at, NO_PERMIT)
            token = mint(Granted(decision, target, None), request, uow, self._service.issuing).access_token
            if claims:
                said = {**jws.peek(token).claims, **claims}
                kept = {name: value for name, value in said.items() if value is not None}
                token = jws.sign(kept, self._service.issuing.keyring.signing_key(algorithm, uow, now), TYPE)
            return token

    def expired_token(self, sub: str = "alice", scope: str = "", **options: Any) -> str:  # noqa: ANN401 - as `token`
        """Return a token that was good until an hour ago."""
        return self.token(sub, scope, **{"expires_in": -_EXPIRED_SECONDS, **options})

    def wrong_audience_token(self, sub: str = "alice", scope: str = "", **options: Any) -> str:  # noqa: ANN401 - as `token`
        """Return a good token for another resource."""
        return self.token(sub, scope, **{"audience": "https://elsewhere.example", **options})

    def tampered_token(self, sub: str = "alice", scope: str = "", **options: Any) -> str:  # noqa: ANN401 - as `token`
        """Return a token whose holder has made himself somebody else, under the signature that it had."""
        header, payload, signature = self.token(sub, scope, **options).split(".")
        claims = json.loads(base64url.decode(payload)) | {"sub": str(uuid4())}
        return ".".join((header, base64url.encode(json.dumps(claims).encode()), signature))

    def subject(self, name: str = "alice") -> str:
        """Return the id of a person, which is `sub` in the tokens of their logins."""
        with self._writing() as uow:
            return str(self._registry.user(name, uow).id)

    def login(self, username: str = "alice", scope: str = "", *, audience: str | None = None) -> Mapping[str, Any]:
        """Return the answer of POST /login: access_token, refresh_token, with scope `openid` also id_token."""
        with self._writing() as uow:
            self._registry.user(username, uow)
        fields = {"username": username, "password": PASSWORD}
        return self._asked(APP, "/login", fields, scope, audience)

    def client_credentials(
        self, scope: str = "", *, audience: str | None = None, client_id: str = SERVICE
    ) -> Mapping[str, Any]:
        """Return the answer of POST /token to a service that asks for itself."""
        return self._asked(client_id, "/token", {"grant_type": "client_credentials"}, scope, audience)

    def resource_server(self, audience: str | None = None) -> tuple[str, str]:
        """Return (client_id, client_secret) of a client that may introspect this resource's tokens."""
        with self._writing() as uow:
            return self._registry.resource_server(audience or self.audience, uow)

    def revoke(self, token: str) -> None:
        """End a token of this issuer, as its client would by POST /revoke."""
        client_id = str(jws.peek(token).claims["client_id"])
        self._post(client_id, "/revoke", {"token": token})

    def _asked(
        self, client_id: str, path: str, fields: Mapping[str, str], scope: str, audience: str | None
    ) -> Mapping[str, Any]:
        audience, scopes = audience or self.audience, frozenset(scope.split())
        with self._writing() as uow:
            self._registry.resource(audience, scopes, uow)
            self._registry.client(client_id, audience, scopes, uow, is_service=path == "/token")
        own = {"resource": audience} if self._registry.is_of_resource(scopes) else {}
        answer: Mapping[str, Any] = self._post(client_id, path, {**fields, "scope": scope, **own}).json()
        return answer

    def _post(self, client_id: str, path: str, fields: Mapping[str, str]) -> httpx.Response:
        secret = self._registry.secrets.get(client_id)
        auth = httpx.BasicAuth(client_id, secret) if secret else httpx.Auth()
        form = fields if secret else {**fields, "client_id": client_id}
        # The proxies of the environment are for other hosts.
        with httpx.Client(base_url=self.url, trust_env=False, timeout=60) as client:
            return client.post(path, data=form, auth=auth).raise_for_status()

    def _writing(self) -> AbstractContextManager[UnitOfWork]:
        return _transaction(self._storage, self._tenant)


@contextmanager
def _transaction(storage: Storage, tenant: Tenant) -> Iterator[UnitOfWork]:
    uow = storage.unit_of_work(tenant.id)
    try:
        uow.begin()
        yield uow
        uow.commit()
    finally:
        uow.close()


class _OwnSettings(Settings):
    """The environment of the suite may be that of a server in production: nothing of it is read."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


@contextmanager
def running_issuer(audience: str = AUDIENCE) -> Iterator[Issuer]:
    """Run an issuer with a new SQLite database, in this process, until the block ends."""
    with tempfile.TemporaryDirectory(prefix="authsvc-testing-") as folder, socket.create_server((HOST, 0)) as listening:
        master_key_file = Path(folder) / "master.key"
        master_key_file.touch(mode=0o600)
        master_key_file.write_text(new_master_key_line())
        settings = _OwnSettings(
            issuer=f"http://{HOST}:{listening.getsockname()[1]}",
            database_url=f"sqlite:///{folder}/authsvc.db",
            master_key_file=master_key_file,
            passwords=Passwords(failure_seconds=0, forgotten_per_address=_PATIENT),
            registration=Registration(per_address=_PATIENT),
        )
        migrate(settings.database_url)
        tenant = new_tenant("default", settings.issuer, utc_now(), None)
        service = build(settings)
        # The cache is the service's own: what is changed here counts there at once.
        storage = open_storage(settings.database_url, pool_size=4, cache=service.cache)
        try:
            with _transaction(storage, tenant) as uow:
                uow.tenants.add(tenant)
            with serving(Served(service.edge, service.running(), listening)):
                yield Issuer(settings.issuer, audience, tenant, service, storage, Registry())
        finally:
            storage.close()
