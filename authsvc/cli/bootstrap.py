"""What a development server is born with: a user, four clients, two resources; what to know of it in DIR/dev.json."""

import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from authsvc.cli.installation import key_policy
from authsvc.clock import utc_now
from authsvc.crypto.algorithms import SIGNING_ALGORITHMS
from authsvc.crypto.envelope import MasterKeys
from authsvc.crypto.passwords import hash_password
from authsvc.domain.administration import admin_audience, admin_scopes
from authsvc.domain.keyring import Keyring
from authsvc.domain.parties.clients import CODE_GRANT, Client, check_client, with_new_secret
from authsvc.domain.parties.relying_parties import RelyingParty
from authsvc.domain.parties.resources import ACCOUNT_SCOPE, IDENTITY_SCOPES, Resource, check_resource
from authsvc.domain.people.users import User
from authsvc.domain.tenants import Tenant
from authsvc.domain.tokens.exchange import ExchangePolicy
from authsvc.protocol.grants import token_exchange
from authsvc.settings import Settings
from authsvc.storage.sql.engine import Storage

USERNAME = "ada"
SERVICE_CLIENT = "dev-service"
APP_CLIENT = "dev-app"
WEB_CLIENT = "dev-web"
ADMIN_CLIENT = "dev-admin"
REDIRECT_URIS = ("http://localhost:3000/callback", "http://127.0.0.1:3000/callback")
_AFTER_LOGOUT = ("http://localhost:3000/", "http://127.0.0.1:3000/")
AUDIENCE = "https://orders.example"
SCOPES = ("orders:read", "orders:write")
NEXT_AUDIENCE = "https://billing.example"
NEXT_SCOPES = ("billing:read",)
"""What the service may exchange the app's tokens for."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a person must know to use the server, as it stands in dev.json."""

    issuer: str
    password: str = field(repr=False)
    client_secret: str = field(repr=False)
    web_secret: str = field(repr=False)
    admin_secret: str = field(repr=False)

    def to_json(self) -> str:
        """Return the text of dev.json."""
        facts: dict[str, object] = {
            "issuer": self.issuer,
            "user": {"username": USERNAME, "password": self.password},
            "service_client": {"client_id": SERVICE_CLIENT, "client_secret": self.client_secret},
            "app_client": {"client_id": APP_CLIENT},
            "web_client": _web_facts(self.web_secret),
            "admin_client": _admin_facts(self.admin_secret),
            "resource": {"audience": AUDIENCE, "scopes": list(SCOPES)},
            "exchange": {"audience": NEXT_AUDIENCE, "scopes": list(NEXT_SCOPES)},
        }
        return _written(facts)


def is_born(storage: Storage, tenant: Tenant) -> bool:
    """Whether an earlier start has made all of it: it is one transaction."""
    uow = storage.unit_of_work(tenant.id)
    try:
        return uow.clients.get(SERVICE_CLIENT) is not None
    finally:
        uow.close()


def give_birth(settings: Settings, storage: Storage, tenant: Tenant, master_keys: MasterKeys, path: Path) -> Facts:
    """Make it all in one transaction, and write dev.json just before its commit.

    So a start that was interrupted has made nothing, or all; at worst it left a dev.json that the next one replaces.
    Raises: Conflict if a name is taken already.
    """
    now = utc_now()
    client, client_secret = with_new_secret(_service_client(), now)
    web_client, web_secret = with_new_secret(_web_client(), now)
    admin, admin_secret = with_new_secret(_admin_client(tenant), now)
    facts = Facts(settings.issuer, new_password(), client_secret, web_secret, admin_secret)
    password_hash = hash_password(facts.password)
    user = User(uuid4(), USERNAME, f"{USERNAME}@example.com", True, "Ada", password_hash, created_at=now)
    keyring = Keyring(master_keys, key_policy(settings))
    uow = storage.unit_of_work(tenant.id)
    try:
        uow.begin()
        for audience, name, scopes in ((AUDIENCE, "Orders", SCOPES), (NEXT_AUDIENCE, "Billing", NEXT_SCOPES)):
            resource = Resource(audience, name, frozenset(scopes), "ES256", None, created_at=now)
            uow.resources.add(check_resource(resource, SIGNING_ALGORITHMS))
        uow.clients.add(check_client(client))
        uow.clients.add(check_client(_app_client()))
        uow.clients.add(web_client)
        uow.clients.add(check_client(admin))
        uow.users.add(user)
        keyring.prepare(uow, now)
        _write_privately(path, facts.to_json())
        uow.commit()
    finally:
        uow.close()
    return facts


def catch_up(storage: Storage, tenant: Tenant, path: Path) -> None:
    """Make what the first start of an earlier version has not made, its dev.json at `path` tells: one client or two."""
    facts = json.loads(path.read_text()) if path.exists() else {}
    if not facts or {"web_client", "admin_client"} <= facts.keys():
        return
    uow = storage.unit_of_work(tenant.id)
    try:
        uow.begin()
        for name, blank, told in (
            ("web_client", _web_client(), _web_facts),
            ("admin_client", _admin_client(tenant), _admin_facts),
        ):
            if name not in facts:
                client, secret = with_new_secret(blank, utc_now())
                uow.clients.add(client)
                facts[name] = told(secret)
        _write_privately(path, _written(facts))
        uow.commit()
    finally:
        uow.close()


def new_password() -> str:
    """Return a password of 64 random bits that can be read aloud, such as kobe-mira-tuso-lafi-rido."""
    consonants, vowels = "bdfghjklmnprstvwxz", "aeiou"
    syllables = [secrets.choice(consonants) + secrets.choice(vowels) for _ in range(10)]
    return "-".join(first + second for first, second in zip(syllables[::2], syllables[1::2], strict=True))


def _service_client() -> Client:
    """The server of the first resource: the app's users call it, and it calls the second one for them.

    It also turns API keys for its own resource into tokens for it.
    """
    becomes = frozenset(NEXT_SCOPES)
    exchange = ExchangePolicy(
        audience=NEXT_AUDIENCE, clients=frozenset({APP_CLIENT}), scopes=tuple((scope, becomes) for scope in SCOPES)
    )
    by_key = ExchangePolicy(
        audience=AUDIENCE, api_keys=True, scopes=tuple((scope, frozenset({scope})) for scope in SCOPES)
    )
    return Client(
        id=SERVICE_CLIENT, name="A service", auth_method="client_secret_basic", secrets=(), first_party=False,
        grant_types=frozenset({"client_credentials", token_exchange.GRANT_TYPE}), scopes=frozenset(SCOPES),
        resources=frozenset({AUDIENCE}), origins=frozenset(), profile="oauth2.1", id_token_algorithm="RS256",
        created_at=utc_now(), serves=frozenset({AUDIENCE}), exchanges=(exchange, by_key),
    )  # fmt: skip


def _app_client() -> Client:
    return Client(
        id=APP_CLIENT, name="An app of your own", auth_method="none", secrets=(), first_party=True,
        grant_types=frozenset({"refresh_token"}), scopes=IDENTITY_SCOPES | {ACCOUNT_SCOPE, *SCOPES},
        resources=frozenset({AUDIENCE}), origins=frozenset(), profile="oauth2.1", id_token_algorithm="RS256",
        created_at=utc_now(),
    )  # fmt: skip


def _web_client() -> Client:
    """A web application on this machine, held to what OpenID Connect asks of one."""
    return Client(
        id=WEB_CLIENT, name="A web application of your own", auth_method="client_secret_basic", secrets=(),
        first_party=False, grant_types=frozenset({CODE_GRANT, "refresh_token"}), scopes=IDENTITY_SCOPES | {*SCOPES},
        resources=frozenset({AUDIENCE}), origins=frozenset(), profile="oidc", id_token_algorithm="RS256",
        created_at=utc_now(), relying_party=RelyingParty(REDIRECT_URIS, _AFTER_LOGOUT),
    )  # fmt: skip


def _admin_client(tenant: Tenant) -> Client:
    """A program of the operator's, which may do everything at the admin API."""
    return Client(
        id=ADMIN_CLIENT, name="An administrator's program", auth_method="client_secret_basic", secrets=(),
        first_party=False, grant_types=frozenset({"client_credentials"}), scopes=admin_scopes(tenant),
        resources=frozenset({admin_audience(tenant.issuer)}), origins=frozenset(), profile="oauth2.1",
        id_token_algorithm="RS256", created_at=utc_now(),
    )  # fmt: skip


def _web_facts(secret: str) -> dict[str, object]:
    return {"client_id": WEB_CLIENT, "client_secret": secret, "redirect_uris": list(REDIRECT_URIS)}


def _admin_facts(secret: str) -> dict[str, object]:
    return {"client_id": ADMIN_CLIENT, "client_secret": secret}


def _written(facts: dict[str, object]) -> str:
    return json.dumps(facts, indent=2) + "\n"


def _write_privately(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
