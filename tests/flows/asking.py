"""Clients that ask what tokens are worth, and resources whose tokens are opaque, added to a running world."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import httpx

from authsvc.domain.parties.clients import Client, with_new_secret
from tests.flows.world import FORM, World, a_client, audience

INACTIVE = b'{"active":false}'
SIGNED = "application/token-introspection+jwt"


def add_client(world: World, client_id: str, **changed: Any) -> Client:
    """A confidential client that proves itself in the body, known to `world.secrets`."""
    values = {"auth_method": "client_secret_post", "first_party": False, **changed}
    client, secret = with_new_secret(a_client(client_id, world.clock(), **values), world.clock())
    with world.change() as uow:
        uow.clients.add(client)
    world.secrets[client_id] = secret
    return client


def add_server(world: World, client_id: str = "api", *algorithms: str) -> Client:
    """The server of the resources of these algorithms; it may ask for nothing."""
    served = frozenset(map(audience, algorithms or ("ES256",)))
    return add_client(
        world, client_id, serves=served, grant_types=frozenset(), scopes=frozenset(), resources=frozenset()
    )


def make_opaque(world: World, algorithm: str = "ES256") -> None:
    """From now on tokens for this resource are opaque."""
    change_resource(world, algorithm, token_format="opaque")


def change_resource(world: World, named: str, **changed: Any) -> None:
    with world.change() as uow:
        found = next(item for item in uow.resources.list() if item.audience == audience(named))
        uow.resources.save(replace(found, **changed))


def introspect(world: World, token: str, client: str = "api", **fields: Any) -> httpx.Response:
    return ask(world, "/introspect", client, token=token, **fields)


def revoke(world: World, token: str, client: str = "app", **fields: Any) -> httpx.Response:
    return ask(world, "/revoke", client, token=token, **fields)


def ask(world: World, path: str, client: str | None, accept: str | None = None, **fields: Any) -> httpx.Response:
    """POST a form, authenticated in the body as the client is registered."""
    body: dict[str, Any] = {name: value for name, value in fields.items() if value is not None}
    if client is not None:
        body |= {"client_id": client} | ({"client_secret": world.secrets[client]} if client in world.secrets else {})
    headers = {"Content-Type": FORM} | ({"Accept": accept} if accept else {})
    return world.http.post(path, content=urlencode(body, doseq=True), headers=headers)
