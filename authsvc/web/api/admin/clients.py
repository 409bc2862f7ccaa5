"""/admin/clients: the programs that may ask for tokens, and their secrets, each told once."""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter

from authsvc.domain.parties.client_deletion import delete_client
from authsvc.domain.parties.clients import Client, ClientSecret, without_secret
from authsvc.protocol.client_administration import (
    ClientDesk,
    add_secret,
    change_client,
    create_client,
    members_of,
    require_power_over,
)
from authsvc.protocol.register import Registering
from authsvc.web.api.account import AccountApi
from authsvc.web.api.admin.doors import Door, Doors, Visit
from authsvc.web.api.admin.lists import Cursor, Limit
from authsvc.web.api.admin.user_fields import instant
from authsvc.web.entity_tags import entity, require_match
from authsvc.web.errors import HttpError
from authsvc.web.paging import DEFAULT_LIMIT, Cursors
from authsvc.web.responses import Response, empty, json_response

_ONE = "/admin/clients/{client_id}"
_SECRETS = f"{_ONE}/secrets"
_SECRET = f"{_SECRETS}/{{secret_id}}"
Members = dict[str, Any] | None
"""Each member is judged by the table of members: what is no JSON object is refused before."""


def clients_router(api: AccountApi, registering: Callable[[], Registering]) -> APIRouter:
    """Return the endpoints of clients."""
    doors = Doors(api)

    def desk(visit: Visit) -> ClientDesk:
        call = visit.call
        return ClientDesk(call.tenant, visit.admin, call.uow, registering(), call.request.now)

    @doors.open(Door("GET /admin/clients"))
    def read_page(visit: Visit, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Response:
        """List clients in the order of their ids."""
        cursors = Cursors(visit.call, "clients", api.accounts.master_keys)
        found = visit.call.uow.clients.list(cursors.after(cursor), limit + 1)
        last = found[limit - 1].id if len(found) > limit else None
        return json_response(200, {"clients": [*map(told, found[:limit])], "next_cursor": cursors.next(last)})

    @doors.open(Door("POST /admin/clients", 201))
    def create(visit: Visit, body: Members = None) -> Response:
        """Register a client; a secret, if it has one, is told only now."""
        client, secret = create_client(body or {}, desk(visit))
        visit.record("client.created", client_id=client.id)
        return entity(201, told(client), _located(visit, client.id), _once(secret))

    @doors.open(Door(f"GET {_ONE}"))
    def read(visit: Visit, client_id: str) -> Response:
        """Return one client; of its secrets only their short names."""
        return entity(200, told(_found(client_id, visit)))

    @doors.open(Door(f"PATCH {_ONE}"))
    def change(visit: Visit, client_id: str, body: Members = None) -> Response:
        """Change a client: absent members stay, null takes one away; another method may bring another secret."""
        client = _found(client_id, visit)
        require_match(visit.call, told(client))
        changed, secret = change_client(client, body or {}, desk(visit))
        visit.record("client.updated", client_id=client.id, about=" ".join(sorted(body or {})))
        return entity(200, told(changed), once=_once(secret))

    @doors.open(Door(f"DELETE {_ONE}", 204))
    def delete(visit: Visit, client_id: str) -> Response:
        """Delete a client for good, with its API keys and the exchange policies for its tokens."""
        client = _found(client_id, visit)
        require_match(visit.call, told(client))
        require_power_over(client, desk(visit))
        visit.call.uow.begin()
        delete_client(client.id, visit.call.uow)
        visit.record("client.deleted", client_id=client.id)
        return empty(204)

    _secrets(doors, desk)
    return doors.router


def _secrets(doors: Doors, desk: Callable[[Visit], ClientDesk]) -> None:
    @doors.open(Door(f"POST {_SECRETS}", 201))
    def create(visit: Visit, client_id: str) -> Response:
        """Give a client a second secret, told only now; both work until one is deleted."""
        client, secret = add_secret(_found(client_id, visit), desk(visit))
        visit.record("client.secret_added", client_id=client.id)
        kept = client.secrets[-1]
        return entity(201, told_secret(kept), _located(visit, f"{client.id}/secrets/{kept.id}"), _once(secret))

    @doors.open(Door(f"GET {_SECRET}"))
    def read(visit: Visit, client_id: str, secret_id: str) -> Response:
        """Return when a secret was made; never the secret."""
        return entity(200, told_secret(_found_secret(_found(client_id, visit), secret_id)))

    @doors.open(Door(f"DELETE {_SECRET}", 204))
    def delete(visit: Visit, client_id: str, secret_id: str) -> Response:
        """Take a secret from a client: it is refused within a second on every node."""
        client = _found(client_id, visit)
        require_match(visit.call, told_secret(_found_secret(client, secret_id)))
        require_power_over(client, desk(visit))
        visit.call.uow.begin()
        visit.call.uow.clients.save(without_secret(client, secret_id))
        visit.record("client.secret_removed", client_id=client.id)
        return empty(204)


def told(client: Client) -> Mapping[str, Any]:
    """Return what an administrator is told of a client; no secret, no hash."""
    return {
        "client_id": client.id,
        **members_of(client),
        "secrets": [*map(told_secret, client.secrets)],
        "manages_itself": client.relying_party.registration_token_hash is not None,
        "registered_with": client.relying_party.registered_with,
        "disabled": client.disabled_at is not None,
        "created_at": instant(client.created_at),
        "disabled_at": instant(client.disabled_at),
    }


def told_secret(secret: ClientSecret) -> Mapping[str, Any]:
    """Return what is told of a secret."""
    return {"id": secret.id, "created_at": instant(secret.created_at)}


def _once(secret: str | None) -> Mapping[str, Any]:
    return {} if secret is None else {"client_secret": secret}


def _located(visit: Visit, path: str) -> tuple[tuple[bytes, bytes], ...]:
    return ((b"location", f"{visit.call.tenant.issuer}/admin/clients/{path}".encode()),)


def _found(client_id: str, visit: Visit) -> Client:
    """Return the tenant's client of that id, as it is at this moment. Raises: HttpError 404."""
    client = visit.call.uow.clients.read(client_id)
    if client is None:
        raise HttpError(404, "There is no such client.")
    return client


def _found_secret(client: Client, secret_id: str) -> ClientSecret:
    for secret in client.secrets:
        if secret.id == secret_id:
            return secret
    raise HttpError(404, "This client has no such secret.")
