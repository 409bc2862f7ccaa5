"""A client reads, replaces and deletes its own registration (RFC 7592).

The registration access token stays the same: a new one in an answer that is lost would shut the client out for good.
It manages its client in every mode of registration. All that is told of a wrong token is that it is wrong.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime

from authsvc.crypto import opaque
from authsvc.domain.parties.clients import Client, secret_matches
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.tenants import Tenant
from authsvc.protocol.audit import record
from authsvc.protocol.bearer import presented_token
from authsvc.protocol.client_metadata import Metadata, registrable, with_metadata
from authsvc.protocol.errors import InvalidClientMetadata, InvalidToken
from authsvc.protocol.register import Registered, Registering, check_sector, check_values, with_secret


@dataclass(frozen=True, slots=True)
class ManagementRequest:
    """Which client is meant, and the token that proves it."""

    tenant: Tenant
    client_id: str
    authorization: str | None = field(repr=False)
    address: str
    request_id: str
    now: datetime


def read_registration(request: ManagementRequest, uow: UnitOfWork) -> Registered:
    """Return the client as it is registered (RFC 7592 §2.1). Raises: MissingToken, InvalidToken."""
    return _managed(request, uow)


def replace_registration(
    request: ManagementRequest, metadata: Metadata, uow: UnitOfWork, registering: Registering
) -> Registered:
    """Put this metadata in the place of all that was registered (RFC 7592 §2.2).

    The secret is the server's to choose: a new one comes with a method of authentication that needs another.
    Raises: MissingToken, InvalidToken, Conflict if the client was changed meanwhile; as `check_values`, `check_sector`.
    """
    found = _managed(request, uow)
    _check_same_client(found.client, metadata)
    may_have = registrable(uow.resources.list(), found.client)
    wanted = with_metadata(found.client, metadata, may_have)
    # The secrets of another method would not go with it.
    check_values(replace(wanted, secrets=()), registering)
    check_sector(wanted, registering, found.client.relying_party)
    client, secret = with_secret(wanted, uow, registering, request.now, before=found.client.auth_method)
    uow.begin()
    saved = uow.clients.save(client)
    record(uow, request, "client.reregistered", client_id=client.id)
    return Registered(saved, found.token, secret)


def delete_registration(request: ManagementRequest, uow: UnitOfWork) -> None:
    """Delete the client with all that it holds (RFC 7592 §2.3). Raises: MissingToken, InvalidToken."""
    client = _managed(request, uow).client
    uow.begin()
    if not uow.clients.delete(client.id):
        raise _wrong_token()
    record(uow, request, "client.deleted", client_id=client.id)


def _managed(request: ManagementRequest, uow: UnitOfWork) -> Registered:
    presented = presented_token(request.authorization)
    client = uow.clients.get(request.client_id)
    token_hash = None if client is None else client.relying_party.registration_token_hash
    if client is None or token_hash is None or not opaque.is_well_formed(opaque.CLIENT_TOKEN, presented):
        raise _wrong_token()
    if not opaque.matches(presented, token_hash) or client.disabled_at is not None:
        raise _wrong_token().about(client_id=client.id)
    return Registered(client, presented)


def _check_same_client(client: Client, metadata: Metadata) -> None:
    """Refuse metadata that was meant for another client, and a secret that is not its own (RFC 7592 §2.2)."""
    if metadata.get("client_id", client.id) != client.id:
        raise InvalidClientMetadata("client_id: not that of this registration")
    secret = metadata.get("client_secret")
    if secret is not None and not (isinstance(secret, str) and secret_matches(client, secret)):
        raise InvalidClientMetadata("client_secret: not the one of this client; it cannot be chosen")


def _wrong_token() -> InvalidToken:
    return InvalidToken("the registration access token is not the one of a client here")
