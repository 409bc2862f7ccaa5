"""The stores whose reads may come from the cache: tenants, clients, resources, keys, issuers. Never users.

A unit of work that has changed any of them reads past the cache until it commits, and leaves nothing in it.
"""

from collections.abc import Callable, Hashable
from typing import TypeVar, cast
from uuid import UUID

from authsvc.domain.keyring import KeyRecord
from authsvc.domain.parties.clients import Client
from authsvc.domain.parties.resources import Resource
from authsvc.domain.parties.trusted_issuers import TrustedIssuer
from authsvc.domain.tenants import Tenant
from authsvc.storage.cache import Cache
from authsvc.storage.sql.changes import read_counter
from authsvc.storage.sql.clients import SqlClients
from authsvc.storage.sql.issuers import SqlIssuers
from authsvc.storage.sql.keys import SqlKeys
from authsvc.storage.sql.resources import SqlResources
from authsvc.storage.sql.tenants import SqlTenants
from authsvc.storage.sql.work import Work

Value = TypeVar("Value")


def _remembered(work: Work, cache: Cache, key: Hashable, load: Callable[[], Value]) -> Value:
    if work.touched:
        return load()
    if work.from_memory:
        return cast(Value, cache.peek(key))
    return cache.get(key, lambda: read_counter(work), load)


class CachedTenants(SqlTenants):
    """Tenants, with `at_host`, `at_path` and `default` cached."""

    def __init__(self, work: Work, cache: Cache) -> None:
        super().__init__(work)
        self._cache = cache

    def at_host(self, host: str | None) -> Tenant | None:
        """Return the one of that host, or the one of any host, that has no path."""
        load = super().at_host
        return _remembered(self._work, self._cache, ("tenant at", host), lambda: load(host))

    def at_path(self, path: str) -> tuple[Tenant, ...]:
        """Return those of that path, each of another host or one of any."""
        load = super().at_path
        # None, for the cache holds what there is not in a few places: paths that nobody has must not push out others.
        return _remembered(self._work, self._cache, ("tenants of", path), lambda: load(path) or None) or ()

    def default(self) -> Tenant | None:
        """Return the one that is asked when nothing names another."""
        return _remembered(self._work, self._cache, "default tenant", super().default)


class CachedClients(SqlClients):
    """Clients, with `get`, `find_by_identity` and `allows_origin` cached."""

    def __init__(self, work: Work, tenant_id: UUID, cache: Cache) -> None:
        super().__init__(work, tenant_id)
        self._cache = cache

    def get(self, client_id: str) -> Client | None:
        """Return the client of that id."""
        load = super().get
        return _remembered(self._work, self._cache, ("client", self._tenant_id.int, client_id), lambda: load(client_id))

    def find_by_identity(self, issuer: str, subject: str) -> Client | None:
        """Return the client that is this subject of a foreign issuer."""
        load = super().find_by_identity
        key = ("identity", self._tenant_id.int, issuer, subject)
        return _remembered(self._work, self._cache, key, lambda: load(issuer, subject))

    def allows_origin(self, origin: str) -> bool:
        """Whether any enabled client has registered this browser origin."""
        load = super().allows_origin
        return _remembered(self._work, self._cache, ("origin", self._tenant_id.int, origin), lambda: load(origin))


class CachedResources(SqlResources):
    """Resources, with `list` cached."""

    def __init__(self, work: Work, tenant_id: UUID, cache: Cache) -> None:
        super().__init__(work, tenant_id)
        self._cache = cache

    def list(self) -> tuple[Resource, ...]:
        """Return all resources of the tenant."""
        return _remembered(self._work, self._cache, ("resources", self._tenant_id.int), super().list)


class CachedKeys(SqlKeys):
    """Keys, with `list` cached."""

    def __init__(self, work: Work, tenant_id: UUID, cache: Cache) -> None:
        super().__init__(work, tenant_id)
        self._cache = cache

    def list(self) -> tuple[KeyRecord, ...]:
        """Return all that are not yet purged, oldest first."""
        return _remembered(self._work, self._cache, ("keys", self._tenant_id.int), super().list)


class CachedIssuers(SqlIssuers):
    """Trusted issuers, with `get` cached."""

    def __init__(self, work: Work, tenant_id: UUID, cache: Cache) -> None:
        super().__init__(work, tenant_id)
        self._cache = cache

    def get(self, issuer: str) -> TrustedIssuer | None:
        """Return the issuer, also when it is disabled."""
        load = super().get
        return _remembered(self._work, self._cache, ("issuer", self._tenant_id.int, issuer), lambda: load(issuer))
