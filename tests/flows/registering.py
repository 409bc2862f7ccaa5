"""Clients that register themselves: what they send, and how the tenants of a world let them."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx

from authsvc.crypto import opaque
from authsvc.domain.parties.clients import Client
from authsvc.domain.parties.registration_tokens import RegistrationToken
from authsvc.domain.tenants import REGISTRATION_BY_TOKEN, Tenant
from tests.flows.world import World

Made = tuple[RegistrationToken, str]
PATH = "/connect/register"
REDIRECT_URI = "https://shop.example/callback"
METADATA: dict[str, Any] = {"redirect_uris": [REDIRECT_URI], "client_name": "My shop"}


def let(world: World, who: str = REGISTRATION_BY_TOKEN, tenant: Tenant | None = None) -> None:
    """Say who may register clients at the tenant."""
    with world.change(tenant) as uow:
        uow.tenants.set_client_registration((tenant or world.tenant).id, who)


def a_registration_token(now: datetime, uses: int | None = None, lifetime: timedelta = timedelta(days=1)) -> Made:
    """An initial access token that nobody has stored yet, and its secret."""
    secret = opaque.new_secret(opaque.REGISTRATION_TOKEN)
    return RegistrationToken(uuid4(), opaque.hash_secret(secret), "a team", now, now + lifetime, uses), secret


def an_initial_token(
    world: World, uses: int | None = None, tenant: Tenant | None = None, lifetime: timedelta = timedelta(days=1)
) -> str:
    """A new initial access token."""
    token, secret = a_registration_token(world.clock(), uses, lifetime)
    with world.change(tenant) as uow:
        uow.registration_tokens.add(token)
    return secret


def token_id(world: World, token: str) -> UUID:
    uow = world.storage.unit_of_work(world.tenant.id)
    try:
        found = uow.registration_tokens.find(opaque.hash_secret(token))
    finally:
        uow.close()
    assert found is not None
    return found.id


def post(
    world: World, token: str | None = None, metadata: Any = None, prefix: str = "", **changed: Any
) -> httpx.Response:
    """Ask for a registration with METADATA, changed."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    wanted = METADATA | changed if metadata is None else metadata
    return world.http.post(prefix + PATH, json=wanted, headers=headers)


def registered(world: World, **changed: Any) -> dict[str, Any]:
    """A client that was registered with an initial access token."""
    let(world)
    answer = post(world, an_initial_token(world), **changed)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def manage(
    world: World, method: str, client: dict[str, Any], token: str | None = None, json: Any = None
) -> httpx.Response:
    """A request of RFC 7592, with the client's own token."""
    bearer = client["registration_access_token"] if token is None else token
    headers = {"Authorization": f"Bearer {bearer}"}
    return world.http.request(method, client["registration_client_uri"], headers=headers, json=json)


def stored(world: World, client_id: str, tenant: Tenant | None = None) -> Client | None:
    """The client as it lies in the database."""
    uow = world.storage.unit_of_work((tenant or world.tenant).id)
    try:
        return uow.clients.get(client_id)
    finally:
        uow.close()


def client_ids(world: World) -> set[str]:
    uow = world.storage.unit_of_work(world.tenant.id)
    try:
        return {client.id for client in uow.clients.list(None, 1_000)}
    finally:
        uow.close()
