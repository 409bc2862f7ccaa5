"""The stores whose reads may come from the cache: tenants, clients, resources, keys. Never users.

A unit of work that has changed any of them reads past the cache until it commits, and leaves nothing in it.
"""

from uuid import UUID

from authsvc.domain.clients import Client
from authsvc.domain.keyring import KeyRecord
from authsvc.domain.resources import Resource
from authsvc.domain.tenants import Tenant
from authsvc.storage.cache import Cache
from authsvc.storage.sql.changes import read_counter
from authsvc.storage.sql.clients import SqlClients
from authsvc.storage.sql.keys import SqlKeys
from authsvc.storage.sql.resources import SqlResources
from authsvc.storage.sql.tenants import SqlTenants
from authsvc.storage.sql.work import Work


class CachedTenants(SqlTenants):
    """Tenants, with `list` cached."""

    def __init__(self, work: Work, cache: Cache) -> None:
        super().__init__(work)
        self._cache = cache

    def list(self) -> tuple[Tenant, ...]:
        """Return all issuers, oldest first."""
        if self._work.touched:
            return super().list()
        return self._cache.get("tenants", lambda: read_counter(self._work), super().list)


class CachedClients(SqlClients):
    """Clients, with `get` and `allows_origin` cached."""

    def __init__(self, work: Work, tenant_id: UUID, cache: Cache) -> None:
        super().__init__(work, tenant_id)
        self._cache = cache

    def get(self, client_id: str) -> Client | None:
        """Return the client of that id."""
        load = super().get
        if self._work.touched:
            return load(client_id)
        key = ("client", self._tenant_id, client_id)
        return self._cache.get(key, lambda: read_counter(self._work), lambda: load(client_id))

    def allows_origin(self, origin: str) -> bool:
        """Whether any enabled client has registered this browser origin."""
        load = super().allows_origin
        if self._work.touched:
            return load(origin)
        key = ("origin", self._tenant_id, origin)
        return self._cache.get(key, lambda: read_counter(self._work), lambda: load(origin))


class CachedResources(SqlResources):
    """Resources, with `list` cached."""

    def __init__(self, work: Work, tenant_id: UUID, cache: Cache) -> None:
        super().__init__(work, tenant_id)
        self._cache = cache

    def list(self) -> tuple[Resource, ...]:
        """Return all resources of the tenant."""
        if self._work.touched:
            return super().list()
        return self._cache.get(("resources", self._tenant_id), lambda: read_counter(self._work), super().list)


class CachedKeys(SqlKeys):
    """Keys, with `list` cached."""

    def __init__(self, work: Work, tenant_id: UUID, cache: Cache) -> None:
        super().__init__(work, tenant_id)
        self._cache = cache

    def list(self) -> tuple[KeyRecord, ...]:
        """Return all that are not yet purged, oldest first."""
        if self._work.touched:
            return super().list()
        return self._cache.get(("keys", self._tenant_id), lambda: read_counter(self._work), super().list)
