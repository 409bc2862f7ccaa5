"""Which tenant a request is for: its path names one, or its Host selects among the listed ones.

The Host header never becomes part of a URL: those are built from `tenant.issuer` alone.
"""

import re

from authsvc.domain.parties.ports import Tenants
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


def find_tenant(tenants: Tenants, host: str, path: str) -> Tenant | None:
    """Return the enabled tenant of this Host header and tenant path, None if there is none.

    Without a tenant path, a host that nobody lists gets the default tenant.
    """
    if path:
        of_hosts = {tenant.host: tenant for tenant in tenants.at_path(path)}
        found = of_hosts.get(host.lower()) or of_hosts.get(None)
    else:
        found = tenants.at_host(host.lower() or None) or tenants.at_host(None) or tenants.default()
    return found if found is not None and found.disabled_at is None else None
