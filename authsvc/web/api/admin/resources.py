"""/admin/resources: the APIs that tokens are for. In a URL its audience stands in base64url: a URI would not fit."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from authsvc.crypto import base64url
from authsvc.crypto.algorithms import SIGNING_ALGORITHMS
from authsvc.domain.administration import check_audience
from authsvc.domain.parties.resources import JWT, Resource, check_resource
from authsvc.protocol.scope import DEFAULT_ALGORITHM
from authsvc.web.api.account import AccountApi, Name
from authsvc.web.api.admin.doors import Door, Doors, Visit
from authsvc.web.api.admin.lists import Cursor, Limit, page_of
from authsvc.web.api.admin.user_fields import instant
from authsvc.web.entity_tags import entity, require_match
from authsvc.web.errors import HttpError
from authsvc.web.paging import DEFAULT_LIMIT, Cursors
from authsvc.web.responses import Response, empty, json_response

_ONE = "/admin/resources/{resource_id}"
_MOST_SCOPES = 1_000
Word = Annotated[str, Field(min_length=1, max_length=256)]


class ChangedResourceBody(BaseModel):
    """What may be changed of a resource; its audience is what it is."""

    model_config = ConfigDict(extra="forbid")

    name: Name = ""
    scopes: Annotated[list[Word], Field(max_length=_MOST_SCOPES)] = []
    algorithm: str = DEFAULT_ALGORITHM
    access_token_seconds: int | None = None
    token_format: str = JWT
    disabled: bool = False


class NewResourceBody(ChangedResourceBody):
    """What is said of a new one."""

    audience: Annotated[str, Field(min_length=1, max_length=512)]


def resources_router(api: AccountApi) -> APIRouter:
    """Return the endpoints of resources."""
    doors = Doors(api)

    @doors.open(Door("GET /admin/resources"))
    def read_page(visit: Visit, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Response:
        """List resources in the order of their audiences."""
        cursors, every = Cursors(visit.call, "resources", api.accounts.master_keys), visit.call.uow.resources.read_all()
        found, last = page_of(every, lambda resource: resource.audience, cursors.after(cursor), limit)
        return json_response(200, {"resources": [*map(told, found)], "next_cursor": cursors.next(last)})

    @doors.open(Door("POST /admin/resources", 201))
    def create(visit: Visit, body: NewResourceBody) -> Response:
        """Register a resource."""
        call, now = visit.call, visit.call.request.now
        audience = check_audience(body.audience, call.tenant)
        blank = Resource(audience, audience, frozenset(), DEFAULT_ALGORITHM, None, now)
        resource = _changed(blank, body, visit)
        call.uow.begin()
        call.uow.resources.add(resource)
        visit.record("resource.created", about=audience)
        location = f"{call.tenant.issuer}/admin/resources/{_id_of(resource)}"
        return entity(201, told(resource), ((b"location", location.encode()),))

    @doors.open(Door(f"GET {_ONE}"))
    def read(visit: Visit, resource_id: str) -> Response:
        """Return one resource."""
        return entity(200, told(_found(resource_id, visit)))

    @doors.open(Door(f"PATCH {_ONE}"))
    def change(visit: Visit, resource_id: str, body: ChangedResourceBody) -> Response:
        """Change a resource; it is seen within a second on every node. A list replaces the one before."""
        resource = _found(resource_id, visit)
        require_match(visit.call, told(resource))
        changed = _changed(resource, body, visit)
        visit.call.uow.begin()
        saved = visit.call.uow.resources.save(changed)
        visit.record("resource.updated", about=f"{resource.audience}: {' '.join(sorted(body.model_fields_set))}")
        return entity(200, told(saved))

    @doors.open(Door(f"DELETE {_ONE}", 204))
    def delete(visit: Visit, resource_id: str) -> Response:
        """Delete a resource: no more tokens for it are issued, and none is good when asked about."""
        resource = _found(resource_id, visit)
        require_match(visit.call, told(resource))
        visit.call.uow.begin()
        visit.call.uow.resources.delete(resource.audience)
        visit.record("resource.deleted", about=resource.audience)
        return empty(204)

    return doors.router


def told(resource: Resource) -> Mapping[str, Any]:
    """Return what an administrator is told of a resource."""
    return {
        "id": _id_of(resource),
        "audience": resource.audience,
        "name": resource.name,
        "scopes": sorted(resource.scopes),
        "algorithm": resource.algorithm,
        "access_token_seconds": resource.access_token_seconds,
        "token_format": resource.token_format,
        "disabled": resource.disabled_at is not None,
        "created_at": instant(resource.created_at),
        "disabled_at": instant(resource.disabled_at),
    }


def _changed(resource: Resource, body: ChangedResourceBody, visit: Visit) -> Resource:
    """Return the resource with what was given. Raises: ResourceInvalid."""
    given = body.model_dump(exclude_unset=True, exclude={"audience", "disabled", "scopes"})
    if "scopes" in body.model_fields_set:
        given["scopes"] = frozenset(body.scopes)
    if "disabled" in body.model_fields_set:
        given["disabled_at"] = (resource.disabled_at or visit.call.request.now) if body.disabled else None
    return check_resource(replace(resource, **given), SIGNING_ALGORITHMS)


def _id_of(resource: Resource) -> str:
    return base64url.encode(resource.audience.encode())


def _found(resource_id: str, visit: Visit) -> Resource:
    """Return the tenant's resource of that id. Raises: HttpError 404."""
    for resource in visit.call.uow.resources.read_all():
        if _id_of(resource) == resource_id:
            return resource
    raise HttpError(404, "There is no such resource.")
