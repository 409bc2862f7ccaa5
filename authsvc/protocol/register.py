"""Dynamic registration of clients: who may, and what is told (RFC 7591, OpenID Connect Registration 1.0)."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from authsvc.crypto import opaque, strict_json
from authsvc.crypto.envelope import MasterKeys
from authsvc.domain.documents import FetchFailed
from authsvc.domain.parties.clients import Client, ClientInvalid, check_client, sealing, with_new_secret
from authsvc.domain.parties.key_sources import KeySourceInvalid
from authsvc.domain.parties.registration_quota import RegistrationQuota, attempt_from, require_room
from authsvc.domain.parties.registration_tokens import RegistrationToken
from authsvc.domain.parties.relying_parties import (
    NO_RELYING_PARTY,
    OPENLY,
    RedirectUriInvalid,
    RelyingParty,
    RelyingPartyInvalid,
)
from authsvc.domain.ports import Fetcher, UnitOfWork
from authsvc.domain.tenants import REGISTRATION_OFF, REGISTRATION_OPEN, Tenant
from authsvc.domain.tokens.exchange import ExchangePolicyInvalid
from authsvc.protocol.audit import record
from authsvc.protocol.bearer import presented_token
from authsvc.protocol.client_metadata import Metadata, blank_client, metadata_of, registrable, with_metadata
from authsvc.protocol.errors import InvalidClientMetadata, InvalidRedirectUri, InvalidToken, RegistrationIsOff

_WITH_SECRET = {"client_secret_basic": "hashed", "client_secret_post": "hashed", "client_secret_jwt": "known"}
"""What is kept of the secret: by this two methods can share one."""


@dataclass(frozen=True, slots=True)
class Registering:
    """What the process lends to registration. `allowed_hosts` as in `check_key_source`."""

    master_keys: MasterKeys
    fetcher: Fetcher
    allowed_hosts: frozenset[str]
    quota: RegistrationQuota


@dataclass(frozen=True, slots=True)
class RegistrationRequest:
    """Metadata that a client wants to be known by; nothing of it is proved."""

    tenant: Tenant
    authorization: str | None = field(repr=False)
    metadata: Metadata = field(repr=False)
    address: str
    request_id: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Registered:
    """A client as it is registered now, the token that manages it, and its secret if there is a new one."""

    client: Client
    token: str = field(repr=False)
    secret: str | None = field(default=None, repr=False)


def register(request: RegistrationRequest, uow: UnitOfWork, registering: Registering) -> Registered:
    """Register a client. An initial access token is used up only with a registration that succeeds.

    Raises: RegistrationIsOff, MissingToken, InvalidToken; Throttled and TooManyClients where strangers may register;
    as `check_values` and `check_sector`.
    """
    leave = _leave(request, uow)
    blank = blank_client(f"dc-{secrets.token_hex(16)}", request.now)
    wanted = with_metadata(blank, request.metadata, registrable(uow.resources.list(), blank))
    check_values(wanted, registering)
    if leave is None:
        uow.attempts.reserve(attempt_from(request.address, registering.quota), request.now)
    check_sector(wanted, registering)
    token = opaque.new_secret(opaque.CLIENT_TOKEN)
    party = replace(
        wanted.relying_party,
        registration_token_hash=opaque.hash_secret(token),
        registered_with=OPENLY if leave is None else str(leave.id),
    )
    client, secret = with_secret(replace(wanted, relying_party=party), uow, registering, request.now)
    uow.begin()
    if leave is None:
        require_room(uow.clients, registering.quota)
    elif not uow.registration_tokens.use(leave.secret_hash, request.now):
        raise InvalidToken("the initial access token is used up")
    uow.clients.add(client)
    record(uow, request, "client.registered", client_id=client.id, detail=f"with {party.registered_with}")
    return Registered(client, token, secret)


def check_values(client: Client, registering: Registering) -> None:
    """Let the domain judge the client. Raises: InvalidRedirectUri, InvalidClientMetadata saying what to mend."""
    try:
        check_client(client, registering.allowed_hosts)
    except RedirectUriInvalid as error:
        raise InvalidRedirectUri(error.detail) from None
    except (ClientInvalid, RelyingPartyInvalid, KeySourceInvalid, ExchangePolicyInvalid) as error:
        raise InvalidClientMetadata(error.detail) from None


def check_sector(client: Client, registering: Registering, before: RelyingParty = NO_RELYING_PARTY) -> None:
    """Read the sector's document, which must name every redirect URI. Raises: InvalidClientMetadata, FetchBusy.

    Else a client could learn the names that people have at another sector. What it had `before` is not asked for again:
    whoever disables a client does not depend on its host. Source: OpenID Connect Registration §5.
    """
    uri = client.relying_party.sector_identifier_uri
    wanted = frozenset(client.relying_party.redirect_uris)
    if uri is None or (uri == before.sector_identifier_uri and wanted <= frozenset(before.redirect_uris)):
        return
    try:
        # A copy may be older than the client's newest redirect URI, and name one that the sector has withdrawn.
        listed = _listed(registering.fetcher.fetch_anew(uri).body)
    except FetchFailed as error:
        raise InvalidClientMetadata(
            "sector_identifier_uri: cannot be read", detail=f"sector_identifier_uri: {error.detail}"
        ) from None
    if not wanted <= listed:
        raise InvalidClientMetadata("sector_identifier_uri: must be a JSON array that holds every redirect URI")


def with_secret(
    client: Client, uow: UnitOfWork, registering: Registering, now: datetime, *, before: str = "none"
) -> tuple[Client, str | None]:
    """Return the client with a new secret if its method needs one and that of the method `before` cannot serve."""
    kind = _WITH_SECRET.get(client.auth_method)
    if kind is not None and kind == _WITH_SECRET.get(before) and client.secrets:
        return client, None
    blank = replace(client, secrets=())
    if kind is None:
        return blank, None
    seal = sealing(uow.tenant_id, registering.master_keys)
    return with_new_secret(blank, now, seal, registering.allowed_hosts)


def information(registered: Registered, tenant: Tenant) -> Mapping[str, Any]:
    """Return what the client is told (RFC 7591 §3.2.1, RFC 7592 §3). A secret is told once: only its hash is kept."""
    client = registered.client
    told = {} if registered.secret is None else {"client_secret": registered.secret, "client_secret_expires_at": 0}
    return {
        "client_id": client.id,
        "client_id_issued_at": int(client.created_at.timestamp()),
        **told,
        "registration_access_token": registered.token,
        "registration_client_uri": registration_uri(client, tenant),
        **metadata_of(client),
    }


def registration_uri(client: Client, tenant: Tenant) -> str:
    """Return where the client reads and changes its registration."""
    return f"{tenant.issuer}/connect/register?client_id={client.id}"


def _leave(request: RegistrationRequest, uow: UnitOfWork) -> RegistrationToken | None:
    """Return the initial access token; None where strangers may register and this is one.

    A token that is no good is refused there too: who sends one does not want to be taken for a stranger.
    """
    mode = request.tenant.client_registration
    if mode == REGISTRATION_OFF:
        raise RegistrationIsOff("clients are registered by the administrator here")
    if mode == REGISTRATION_OPEN and request.authorization is None:
        return None
    presented = presented_token(request.authorization)
    found = None
    if opaque.is_well_formed(opaque.REGISTRATION_TOKEN, presented):
        found = uow.registration_tokens.find(opaque.hash_secret(presented))
    if found is None or found.revoked_at is not None or found.uses_left == 0 or found.expires_at <= request.now:
        raise InvalidToken("the initial access token is unknown, used up or expired")
    return found


def _listed(body: bytes) -> frozenset[str]:
    try:
        return frozenset(strict_json.parse_texts(body))
    except ValueError:
        return frozenset()
