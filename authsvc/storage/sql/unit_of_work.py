"""All stores of one tenant on one connection. Each is made when it is first asked for."""

from functools import cached_property
from uuid import UUID

from authsvc.domain import ports
from authsvc.storage.cache import Cache
from authsvc.storage.cached import CachedClients, CachedKeys, CachedResources, CachedTenants
from authsvc.storage.sql.attempts import SqlAttempts
from authsvc.storage.sql.audit import SqlAudit
from authsvc.storage.sql.clients import SqlClients
from authsvc.storage.sql.families import SqlFamilies
from authsvc.storage.sql.keys import SqlKeys
from authsvc.storage.sql.links import SqlLinks
from authsvc.storage.sql.outbox import SqlOutbox
from authsvc.storage.sql.resources import SqlResources
from authsvc.storage.sql.sessions import SqlSessions
from authsvc.storage.sql.tenants import SqlTenants
from authsvc.storage.sql.users import SqlUsers
from authsvc.storage.sql.work import Database, Work


class SqlUnitOfWork:
    """Implements UnitOfWork. Cheap to make: no connection is taken before the first statement."""

    def __init__(self, database: Database, cache: Cache | None, tenant_id: UUID) -> None:
        self.tenant_id = tenant_id
        self._work = Work(database)
        self._cache = cache

    def begin(self) -> None:
        """Open the one writing transaction; nothing if it is open."""
        self._work.begin()

    def commit(self) -> None:
        """Make the transaction last. Raises: StorageUnavailable."""
        touched = self._work.touched
        try:
            self._work.commit()
        finally:
            # Also when the commit failed: it may have happened all the same.
            if touched and self._cache is not None:
                self._cache.drop()

    def rollback(self) -> None:
        """Undo the transaction, if one is open."""
        self._work.rollback()

    def close(self) -> None:
        """Give the connection back, undoing what was not committed."""
        self._work.close()

    @cached_property
    def tenants(self) -> ports.Tenants:
        """All issuers."""
        return SqlTenants(self._work) if self._cache is None else CachedTenants(self._work, self._cache)

    @cached_property
    def users(self) -> ports.Users:
        """The tenant's people."""
        return SqlUsers(self._work, self.tenant_id)

    @cached_property
    def sessions(self) -> ports.Sessions:
        """Their sign-ins."""
        return SqlSessions(self._work, self.tenant_id)

    @cached_property
    def families(self) -> ports.RefreshFamilies:
        """Their refresh families."""
        return SqlFamilies(self._work, self.tenant_id)

    @cached_property
    def clients(self) -> ports.Clients:
        """The tenant's clients."""
        if self._cache is None:
            return SqlClients(self._work, self.tenant_id)
        return CachedClients(self._work, self.tenant_id, self._cache)

    @cached_property
    def resources(self) -> ports.Resources:
        """The tenant's resources."""
        if self._cache is None:
            return SqlResources(self._work, self.tenant_id)
        return CachedResources(self._work, self.tenant_id, self._cache)

    @cached_property
    def keys(self) -> ports.Keys:
        """The tenant's keys."""
        if self._cache is None:
            return SqlKeys(self._work, self.tenant_id)
        return CachedKeys(self._work, self.tenant_id, self._cache)

    @cached_property
    def attempts(self) -> ports.Attempts:
        """Counters of guesses."""
        return SqlAttempts(self._work, self.tenant_id)

    @cached_property
    def audit(self) -> ports.Audit:
        """The audit trail."""
        return SqlAudit(self._work, self.tenant_id)

    @cached_property
    def outbox(self) -> ports.Outbox:
        """Letters to be sent."""
        return SqlOutbox(self._work, self.tenant_id)

    @cached_property
    def links(self) -> ports.MailedLinks:
        """One-time secrets sent by mail."""
        return SqlLinks(self._work, self.tenant_id)
