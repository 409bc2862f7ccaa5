"""/admin/tenants: the table of issuers, for administrators of the default tenant."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from authsvc.domain.fields import FieldProblem, FieldsInvalid
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.tenants import Tenant, check_look, new_tenant
from authsvc.errors import Conflict
from authsvc.web.api.account import AccountApi
from authsvc.web.api.admin.doors import Door, Doors, Visit
from authsvc.web.api.admin.lists import Cursor, Limit
from authsvc.web.api.admin.user_fields import instant
from authsvc.web.entity_tags import entity, require_match
from authsvc.web.errors import HttpError
from authsvc.web.paging import DEFAULT_LIMIT, Cursors
from authsvc.web.responses import Response, empty, json_response

_ONE = "/admin/tenants/{name}"
_LOOK = {"display_name": "name", "accent": "accent", "accent_dark": "accent_dark"}


class NewTenantBody(BaseModel):
    """What is said of a new tenant: neither of it ever changes."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=63)]
    issuer: Annotated[str, Field(max_length=512)]


class ChangedTenantBody(BaseModel):
    """What may be changed of a tenant; null takes a name or a colour away. The logo is the command line's."""

    model_config = ConfigDict(extra="forbid")

    display_name: str | None = None
    accent: str | None = None
    accent_dark: str | None = None
    client_registration: Literal["off", "token", "open"] = "off"
    disabled: bool = False


def tenants_router(api: AccountApi) -> APIRouter:
    """Return the endpoints of tenants."""
    doors = Doors(api)

    @doors.open(Door("GET /admin/tenants"))
    def read_page(visit: Visit, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Response:
        """List tenants in the order of their names."""
        cursors = Cursors(visit.call, "tenants", api.accounts.master_keys)
        found = visit.call.uow.tenants.list_by_names(cursors.after(cursor), limit + 1)
        last = found[limit - 1].name if len(found) > limit else None
        return json_response(200, {"tenants": [*map(told, found[:limit])], "next_cursor": cursors.next(last)})

    @doors.open(Door("POST /admin/tenants", 201))
    def create(visit: Visit, body: NewTenantBody) -> Response:
        """Create a tenant; its first administrator is made on the command line."""
        call = visit.call
        tenant = new_tenant(body.name, body.issuer, call.request.now, call.tenant)
        call.uow.begin()
        call.uow.tenants.add(tenant)
        visit.record("tenant.created", about=f"tenant {tenant.name}")
        location = f"{call.tenant.issuer}/admin/tenants/{tenant.name}"
        return entity(201, told(tenant), ((b"location", location.encode()),))

    @doors.open(Door(f"GET {_ONE}"))
    def read(visit: Visit, name: str) -> Response:
        """Return one tenant."""
        return entity(200, told(_found(name, visit)))

    @doors.open(Door(f"PATCH {_ONE}"))
    def change(visit: Visit, name: str, body: ChangedTenantBody) -> Response:
        """Change what a tenant looks like, who may register clients there, or whether it is served."""
        tenant = _held(name, visit)
        require_match(visit.call, told(tenant))
        _change(tenant, body, visit)
        visit.record("tenant.updated", about=f"tenant {name}: {' '.join(sorted(body.model_fields_set))}")
        return entity(200, told(_found(name, visit)))

    @doors.open(Door(f"DELETE {_ONE}", 204))
    def delete(visit: Visit, name: str) -> Response:
        """Delete a tenant that was never used; one that was can only be disabled: its issuer must not come again."""
        tenant = _held(name, visit)
        require_match(visit.call, told(tenant))
        if not visit.call.uow.tenants.delete_unused(tenant.id):
            raise Conflict("tenant: in use")
        visit.record("tenant.deleted", about=f"tenant {name}")
        return empty(204)

    return doors.router


def told(tenant: Tenant) -> Mapping[str, Any]:
    """Return what an administrator is told of a tenant."""
    return {
        "name": tenant.name,
        "id": str(tenant.id),
        "issuer": tenant.issuer,
        "default": tenant.is_default,
        "client_registration": tenant.client_registration,
        "display_name": tenant.look.name,
        "accent": tenant.look.accent,
        "accent_dark": tenant.look.accent_dark,
        "logo_type": tenant.look.logo_type,
        "disabled": tenant.disabled_at is not None,
        "created_at": instant(tenant.created_at),
        "disabled_at": instant(tenant.disabled_at),
    }


def _change(tenant: Tenant, body: ChangedTenantBody, visit: Visit) -> None:
    """Store what was given. Raises: LookInvalid, FieldsInvalid."""
    given, tenants = body.model_dump(exclude_unset=True), visit.call.uow.tenants
    look = check_look(replace(tenant.look, **{kept: given[name] for name, kept in _LOOK.items() if name in given}))
    if look != tenant.look:
        tenants.set_look(tenant.id, look)
    if "client_registration" in given:
        tenants.set_client_registration(tenant.id, body.client_registration)
    if given.get("disabled") is True:
        if tenant.is_default:
            raise FieldsInvalid((FieldProblem("disabled", "the default tenant is always served"),))
        tenants.disable(tenant.id, visit.call.request.now)
    if given.get("disabled") is False:
        tenants.enable(tenant.id)


def _held(name: str, visit: Visit) -> Tenant:
    """Return the tenant, which nobody else changes until the transaction ends. Raises: HttpError 404."""
    uow: UnitOfWork = visit.call.uow
    uow.begin()
    uow.tenants.hold(_found(name, visit).id)
    return _found(name, visit)


def _found(name: str, visit: Visit) -> Tenant:
    """Return the tenant of that name. Raises: HttpError 404."""
    tenant = visit.call.uow.tenants.find(name)
    if tenant is None:
        raise HttpError(404, "There is no such tenant.")
    return tenant
