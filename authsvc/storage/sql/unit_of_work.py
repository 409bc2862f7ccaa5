"""All stores of one tenant on one connection. Each is made when it is first asked for."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from authsvc.domain import ports
from authsvc.domain.idempotent_answers import IdempotentAnswers
from authsvc.domain.mail import ports as mail_ports
from authsvc.domain.parties import ports as configuration_ports
from authsvc.domain.people import ports as user_ports
from authsvc.domain.people.user_imports import UserImports
from authsvc.domain.sign_in import ports as sign_in_ports
from authsvc.domain.tokens import ports as token_ports
from authsvc.storage.cache import Cache
from authsvc.storage.cached import CachedClients, CachedIssuers, CachedKeys, CachedResources, CachedTenants
from authsvc.storage.sql.access_tokens import SqlAccessTokens
from authsvc.storage.sql.api_keys import SqlApiKeys
from authsvc.storage.sql.attempts import SqlAttempts
from authsvc.storage.sql.audit import SqlAudit
from authsvc.storage.sql.authorization_codes import SqlAuthorizationCodes
from authsvc.storage.sql.browser_sessions import SqlBrowserSessions
from authsvc.storage.sql.clients import SqlClients
from authsvc.storage.sql.consents import SqlConsents
from authsvc.storage.sql.continuations import SqlContinuations
from authsvc.storage.sql.families import SqlFamilies
from authsvc.storage.sql.idempotent_answers import SqlIdempotentAnswers
from authsvc.storage.sql.issuers import SqlIssuers
from authsvc.storage.sql.keys import SqlKeys
from authsvc.storage.sql.links import SqlLinks
from authsvc.storage.sql.logout_deliveries import SqlLogoutDeliveries
from authsvc.storage.sql.outbox import SqlOutbox
from authsvc.storage.sql.registration_tokens import SqlRegistrationTokens
from authsvc.storage.sql.replays import NotedReplays, SqlReplays, Use
from authsvc.storage.sql.resources import SqlResources
from authsvc.storage.sql.sessions import SqlSessions
from authsvc.storage.sql.tenants import SqlTenants
from authsvc.storage.sql.user_imports import SqlUserImports
from authsvc.storage.sql.users import SqlUsers
from authsvc.storage.sql.work import Work

Make = Callable[[Work, UUID, Cache | None], Any]
_STORES: Mapping[str, Make] = {
    "tenants": lambda work, _, cache: CachedTenants(work, cache) if cache else SqlTenants(work),
    "clients": lambda work, tenant, cache: CachedClients(work, tenant, cache) if cache else SqlClients(work, tenant),
    "resources": lambda work, tenant, cache: (
        CachedResources(work, tenant, cache) if cache else SqlResources(work, tenant)
    ),
    "keys": lambda work, tenant, cache: CachedKeys(work, tenant, cache) if cache else SqlKeys(work, tenant),
    "issuers": lambda work, tenant, cache: CachedIssuers(work, tenant, cache) if cache else SqlIssuers(work, tenant),
    "users": lambda work, tenant, _: SqlUsers(work, tenant),
    "sessions": lambda work, tenant, _: SqlSessions(work, tenant),
    "families": lambda work, tenant, _: SqlFamilies(work, tenant),
    "attempts": lambda work, tenant, _: SqlAttempts(work, tenant),
    "audit": lambda work, tenant, _: SqlAudit(work, tenant),
    "outbox": lambda work, tenant, _: SqlOutbox(work, tenant),
    "links": lambda work, tenant, _: SqlLinks(work, tenant),
    "replays": lambda work, tenant, _: NotedReplays(tenant) if work.from_memory else SqlReplays(work, tenant),
    "access_tokens": lambda work, tenant, _: SqlAccessTokens(work, tenant),
    "api_keys": lambda work, tenant, _: SqlApiKeys(work, tenant),
    "browser_sessions": lambda work, tenant, _: SqlBrowserSessions(work, tenant),
    "codes": lambda work, tenant, _: SqlAuthorizationCodes(work, tenant),
    "continuations": lambda work, tenant, _: SqlContinuations(work, tenant),
    "consents": lambda work, tenant, _: SqlConsents(work, tenant),
    "logout_deliveries": lambda work, tenant, _: SqlLogoutDeliveries(work, tenant),
    "registration_tokens": lambda work, tenant, _: SqlRegistrationTokens(work, tenant),
    "idempotent_answers": lambda work, tenant, _: SqlIdempotentAnswers(work, tenant),
    "user_imports": lambda work, tenant, _: SqlUserImports(work, tenant),
}


class SqlUnitOfWork:
    """Implements UnitOfWork. Cheap to make: no connection is taken before the first statement."""

    tenants: configuration_ports.Tenants
    users: user_ports.Users
    sessions: ports.Sessions
    families: ports.RefreshFamilies
    clients: configuration_ports.Clients
    resources: configuration_ports.Resources
    keys: ports.Keys
    attempts: ports.Attempts
    audit: ports.Audit
    outbox: mail_ports.Outbox
    links: mail_ports.MailedLinks
    issuers: configuration_ports.TrustedIssuers
    replays: ports.Replays
    access_tokens: token_ports.AccessTokens
    api_keys: token_ports.ApiKeys
    browser_sessions: sign_in_ports.BrowserSessions
    codes: sign_in_ports.AuthorizationCodes
    continuations: sign_in_ports.Continuations
    consents: sign_in_ports.Consents
    logout_deliveries: sign_in_ports.LogoutDeliveries
    registration_tokens: sign_in_ports.RegistrationTokens
    idempotent_answers: IdempotentAnswers
    user_imports: UserImports

    def __init__(self, work: Work, cache: Cache | None, tenant_id: UUID) -> None:
        self.tenant_id = tenant_id
        self.from_memory = work.from_memory
        self._work = work
        self._cache = cache

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the annotations above tell the type
        """Make a store when it is first asked for; from then on it is a plain attribute."""
        make = _STORES.get(name)
        if make is None:
            raise AttributeError(name)
        store = self.__dict__[name] = make(self._work, self.tenant_id, self._cache)
        return store

    @property
    def noted(self) -> Sequence[Use]:
        """What was noted on the event loop, to be used up before the answer leaves."""
        replays = self.__dict__.get("replays")
        return replays.uses if isinstance(replays, NotedReplays) else ()

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
