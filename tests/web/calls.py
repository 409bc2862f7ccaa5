"""Calls as the edge makes them, for parts of the web that need no running application."""

from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from authsvc.domain.ports import UnitOfWork
from authsvc.domain.tenants import Look, Tenant
from authsvc.web.forms import Fields
from authsvc.web.request import NO_PERMIT, Call, Request

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
TENANT_ID = UUID("11111111-2222-4333-8444-555555555555")


def a_tenant(issuer: str = "https://login.example", **look: Any) -> Tenant:
    return Tenant(TENANT_ID, "default", issuer, None, "", is_default=True, created_at=NOW, look=Look(**look))


def a_call(tenant: Tenant | None = None, fields: Fields | None = None, **headers: str) -> Call:
    """A call without a database; `headers` are spelled with underscores, and several of a name divided by newlines."""
    raw = tuple(
        (name.replace("_", "-").encode(), value.encode())
        for name, values in headers.items()
        for value in values.split("\n")
    )
    request = Request("POST", "/ui/x", raw, b"", fields or {}, "192.0.2.1", "r1", NOW, NO_PERMIT)
    return Call(request, tenant or a_tenant(), cast("UnitOfWork", None))
