"""The admin API as a resource that every issuer has: its audience, and the scopes that say what an administrator may.

It stands in no table: nobody can register it, change it or turn it off, and only a client that an operator has given it
by name may ask for it (`Client.resources`).
"""

from authsvc.domain.parties.clients import Client
from authsvc.domain.parties.resources import ResourceInvalid
from authsvc.domain.tenants import Tenant

USERS_READ, USERS_WRITE = "admin:users:read", "admin:users:write"
CLIENTS_READ, CLIENTS_WRITE = "admin:clients:read", "admin:clients:write"
RESOURCES_READ, RESOURCES_WRITE = "admin:resources:read", "admin:resources:write"
TENANTS_READ, TENANTS_WRITE = "admin:tenants:read", "admin:tenants:write"
_OF_A_TENANT = frozenset({USERS_READ, USERS_WRITE, CLIENTS_READ, CLIENTS_WRITE, RESOURCES_READ, RESOURCES_WRITE})
_OF_THE_INSTALLATION = frozenset({TENANTS_READ, TENANTS_WRITE})
ADMIN_SCOPES = _OF_A_TENANT | _OF_THE_INSTALLATION


def admin_audience(issuer: str) -> str:
    """Return the audience of the issuer's admin API."""
    return f"{issuer}/admin"


def check_audience(audience: str, tenant: Tenant) -> str:
    """Return the audience if a resource may have it: tokens for the issuer itself are made by rules of their own.

    Raises: ResourceInvalid.
    """
    if audience in (tenant.issuer, admin_audience(tenant.issuer)):
        raise ResourceInvalid("audience: this is the issuer's own API")
    return audience


def admin_scopes(tenant: Tenant) -> frozenset[str]:
    """Return the scopes of the tenant's admin API; the table of tenants is the default tenant's alone."""
    return ADMIN_SCOPES if tenant.is_default else _OF_A_TENANT


def powers_of(client: Client, tenant: Tenant) -> frozenset[str]:
    """Return what the client may do as an administrator: nothing without the resource itself."""
    if admin_audience(tenant.issuer) not in client.resources:
        return frozenset()
    return client.scopes & admin_scopes(tenant)
