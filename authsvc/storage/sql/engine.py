"""The one object that the composition root opens: units of work, readiness, leases and purging on one pool."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from authsvc.domain.tenants import Tenant
from authsvc.storage.cache import Cache
from authsvc.storage.cached import CachedTenants
from authsvc.storage.sql.changes import read_counter
from authsvc.storage.sql.connect import Connector, connector_of, open_database
from authsvc.storage.sql.leases import take_lease
from authsvc.storage.sql.logout_deliveries import tenants_with_logouts
from authsvc.storage.sql.outbox import tenants_with_letters
from authsvc.storage.sql.purge import AUDIT_SECONDS, UNUSED_SECONDS, purge
from authsvc.storage.sql.replays import Use, use_up
from authsvc.storage.sql.tenants import SqlTenants, tenants_with_old_keys
from authsvc.storage.sql.unit_of_work import SqlUnitOfWork
from authsvc.storage.sql.user_imports import tenants_with_imports
from authsvc.storage.sql.work import Database, Work

Answer = TypeVar("Answer")


class Storage:
    """One pool of connections. A process may open several (one per lane) around one Cache."""

    def __init__(self, database: Database, cache: Cache | None, connector: Connector | None = None) -> None:
        self._database = database
        self._cache = cache
        self._connector = connector

    def unit_of_work(self, tenant_id: UUID, *, from_memory: bool = False) -> SqlUnitOfWork:
        """Return the tenant's stores; whoever asked for them calls `close` in the end.

        `from_memory` takes no connection and waits for nothing: what the caches cannot tell raises LaneNeeded.
        """
        return SqlUnitOfWork(Work(self._database, from_memory=from_memory), self._cache, tenant_id)

    def across_tenants(self) -> Callable[[UUID], SqlUnitOfWork]:
        """Return what gives each tenant's stores, all on one connection: they begin, commit and close as one.

        For the operator's own commands; a request has one tenant.
        """
        work = Work(self._database)
        return lambda tenant_id: SqlUnitOfWork(work, self._cache, tenant_id)

    def list_tenants(self) -> tuple[Tenant, ...]:
        """Return all issuers, for who has something to do for each. Raises: StorageUnavailable."""
        return self.ask_tenants(lambda tenants: tenants.list())

    def ask_tenants(self, ask: Callable[[SqlTenants], Answer], *, from_memory: bool = False) -> Answer:
        """Return what `ask` finds, for whoever must find out first whose request this is.

        Raises: StorageUnavailable; LaneNeeded as `unit_of_work`.
        """
        work = Work(self._database, from_memory=from_memory)
        try:
            return ask(SqlTenants(work) if self._cache is None else CachedTenants(work, self._cache))
        finally:
            work.close()

    def serve_stale(self) -> None:
        """For the next second answer from memory what is cached, though the change feed cannot be read."""
        if self._cache is not None:
            self._cache.serve_stale()

    def feed_is_ageing(self) -> bool:
        """Whether it is well to call `read_feed` by now."""
        return self._cache is not None and self._cache.is_ageing()

    def read_feed(self) -> None:
        """Read the change feed, before somebody has to wait for it. Raises: StorageUnavailable."""
        if self._cache is not None:
            work = Work(self._database)
            try:
                self._cache.renew(lambda: read_counter(work))
            finally:
                work.close()

    def use_up(self, uses: Sequence[Use]) -> list[bool]:
        """Use up what units of work from memory noted; False where it was used before. Raises: StorageUnavailable."""
        work = Work(self._database)
        try:
            return use_up(work, uses)
        finally:
            work.close()

    def ping(self) -> None:
        """Ask the database for one row. Raises: StorageUnavailable."""
        work = Work(self._database)
        try:
            read_counter(work)
        finally:
            work.close()

    def lease(self, name: str, holder: str, now: datetime, seconds: float) -> bool:
        """Whether `holder` has the job `name` for the next `seconds`, taking or prolonging the lease."""
        work = Work(self._database)
        try:
            work.begin()
            taken = take_lease(work, name, holder, now, seconds)
            work.commit()
            return taken
        finally:
            work.close()

    def purge(
        self, now: datetime, *, limit: int = 500, audit_seconds: int = AUDIT_SECONDS,
        unused_seconds: int = UNUSED_SECONDS,
    ) -> int:  # fmt: skip
        """Delete a batch of expired rows of every tenant; return how many. Call again while it is not 0."""
        work = Work(self._database)
        try:
            return purge(work, now, limit=limit, audit_seconds=audit_seconds, unused_seconds=unused_seconds)
        finally:
            work.close()

    def tenants_with_old_keys(self, born_before: datetime) -> tuple[UUID, ...]:
        """Return the enabled tenants whose keys are to be looked at: one of them was made before that."""
        work = Work(self._database)
        try:
            return tenants_with_old_keys(work, born_before)
        finally:
            work.close()

    def tenants_with_letters(self, now: datetime) -> tuple[UUID, ...]:
        """Return the tenants that have a letter to be sent by now."""
        work = Work(self._database)
        try:
            return tenants_with_letters(work, now)
        finally:
            work.close()

    def tenants_with_logouts(self, now: datetime) -> tuple[UUID, ...]:
        """Return the tenants that have a client to be told of a logout by now."""
        work = Work(self._database)
        try:
            return tenants_with_logouts(work, now)
        finally:
            work.close()

    def tenants_with_imports(self) -> tuple[UUID, ...]:
        """Return the tenants that have users to be imported."""
        work = Work(self._database)
        try:
            return tenants_with_imports(work)
        finally:
            work.close()

    def close(self) -> None:
        """Close the pool's connections."""
        self._database.engine.dispose()
        if self._connector is not None:
            self._connector.close()


def open_storage(database_url: str, *, pool_size: int, cache: Cache | None) -> Storage:
    """Open a pool of `pool_size` connections, made when they are needed. Raises: ValueError for a bad URL."""
    return Storage(open_database(database_url, pool_size), cache)


def open_storages(database_url: str, pool_sizes: Sequence[int], cache: Cache | None) -> tuple[Storage, ...]:
    """Open what serves one process: pools of these sizes, of which none waits for a PostgreSQL that is silent.

    Close them in this order. Raises: ValueError for a bad URL.
    """
    connector = connector_of(database_url)
    databases = [open_database(database_url, pool_size, connector) for pool_size in pool_sizes]
    return (*(Storage(database, cache) for database in databases[:-1]), Storage(databases[-1], cache, connector))
