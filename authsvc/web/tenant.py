"""Which tenant a request is for: its path names one, or its Host selects among the listed ones.

The Host header never becomes part of a URL: those are built from `tenant.issuer` alone.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

from authsvc.domain.tenants import Tenant

_PREFIX = re.compile(r"(/t/[a-z0-9-]+)(/.*)?")
_WELL_KNOWN = re.compile(r"(/\.well-known/(?:openid-configuration|oauth-authorization-server))(/t/[a-z0-9-]+)")


def split_path(path: str) -> tuple[str, str]:
    """Return (tenant path, path within the tenant); both spellings of well-known documents are understood.

    RFC 8414 §3.1 inserts the well-known part before the issuer's path, OpenID Connect appends it after.
    """
    if path.startswith("/t/"):
        found = _PREFIX.fullmatch(path)
        return (found[1], found[2] or "/") if found else ("", path)
    if path.startswith("/.well-known/"):
        inserted = _WELL_KNOWN.fullmatch(path)
        if inserted:
            return inserted[2], inserted[1]
    return "", path


def find_tenant(tenants: tuple[Tenant, ...], host: str, path: str) -> Tenant | None:
    """Return the enabled tenant of this Host header and tenant path, None if there is none.

    Without a tenant path, a host that nobody lists gets the default tenant.
    """
    table, default = _directory(_Same(tenants))
    found = table.get((host.lower(), path)) or table.get((None, path))
    if found is None and path == "":
        found = default
    return found if found is not None and found.disabled_at is None else None


class _Same:
    """A list of tenants that equals only itself: storage hands out the same one until something has changed."""

    __slots__ = ("tenants",)

    def __init__(self, tenants: tuple[Tenant, ...]) -> None:
        self.tenants = tenants

    def __hash__(self) -> int:
        return id(self.tenants)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.tenants is other.tenants


@lru_cache(maxsize=4)
def _directory(listed: _Same) -> tuple[Mapping[tuple[str | None, str], Tenant], Tenant | None]:
    table = {(tenant.host, tenant.path): tenant for tenant in listed.tenants}
    return table, next((tenant for tenant in listed.tenants if tenant.is_default), None)
