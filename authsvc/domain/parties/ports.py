"""The interfaces of what an operator sets up, all of it cached; `ports` tells how all of them are."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from authsvc.domain.parties.clients import Client
from authsvc.domain.parties.resources import Resource
from authsvc.domain.parties.trusted_issuers import TrustedIssuer
from authsvc.domain.tenants import Look, Tenant


class Tenants(Protocol):
    """All issuers of this installation (the one store without a tenant).

    `at_host`, `at_path` and `default` are cached (a change is seen within 1 s), and cost the same however many there
    are.
    """

    def list(self) -> tuple[Tenant, ...]: ...

    def at_host(self, host: str | None) -> Tenant | None:
        """Return the one of that host, or the one of any host, that has no path."""

    def at_path(self, path: str) -> tuple[Tenant, ...]:
        """Return those of that path, each of another host or one of any."""

    def default(self) -> Tenant | None: ...

    def find(self, name: str) -> Tenant | None: ...

    def list_by_names(self, after: str | None, limit: int) -> tuple[Tenant, ...]:
        """Return a page in the order of names."""

    def hold(self, tenant_id: UUID) -> bool:
        """Let nobody else change it before this transaction ends; False if it is not there."""

    def delete_unused(self, tenant_id: UUID) -> bool:
        """Delete it if nothing was ever stored for it, and it is not the default one."""

    def add(self, tenant: Tenant) -> None:
        """Raises: Conflict if name, issuer or (host, path) is taken, or there is a default already."""

    def disable(self, tenant_id: UUID, now: datetime) -> bool: ...

    def enable(self, tenant_id: UUID) -> bool: ...

    def set_look(self, tenant_id: UUID, look: Look) -> bool: ...

    def set_client_registration(self, tenant_id: UUID, who: str) -> bool: ...


class Clients(Protocol):
    """Registered clients. `get` and `find_by_identity` are cached (a change is seen within 1 s)."""

    def get(self, client_id: str) -> Client | None: ...

    def read(self, client_id: str) -> Client | None:
        """As `get`, but never from the cache: for who is about to change what they see."""

    def find_by_identity(self, issuer: str, subject: str) -> Client | None:
        """By an external identity: each belongs to one client at most."""

    def list(self, after: str | None, limit: int) -> tuple[Client, ...]: ...

    def count_open(self, most: int) -> int:
        """How many strangers have registered (`registered_with` is OPENLY); counts no further than `most`."""

    def add(self, client: Client) -> None:
        """Raises: Conflict if the id is taken, or one of its identities is another client's."""

    def save(self, client: Client) -> Client:
        """Write all fields if the version is unchanged. Returns it with its next version. Raises: Conflict."""

    def disable(self, client_id: str, now: datetime) -> bool: ...

    def enable(self, client_id: str) -> bool: ...

    def delete(self, client_id: str) -> bool: ...

    def allows_origin(self, origin: str) -> bool:
        """Whether any enabled client has registered this browser origin. Cached."""


class Resources(Protocol):
    """Protected resources. `list` is cached: a tenant has few."""

    def list(self) -> tuple[Resource, ...]: ...

    def read_all(self) -> tuple[Resource, ...]:
        """As `list`, but never from the cache: for who is about to change what they see."""

    def add(self, resource: Resource) -> None:
        """Raises: Conflict if the audience is taken."""

    def save(self, resource: Resource) -> Resource:
        """As Clients.save."""

    def disable(self, audience: str, now: datetime) -> bool: ...

    def enable(self, audience: str) -> bool: ...

    def delete(self, audience: str) -> bool: ...


class TrustedIssuers(Protocol):
    """Foreign issuers. `get` is cached."""

    def get(self, issuer: str) -> TrustedIssuer | None: ...

    def list(self) -> tuple[TrustedIssuer, ...]: ...

    def add(self, issuer: TrustedIssuer) -> None:
        """Raises: Conflict if it is registered already."""

    def save(self, issuer: TrustedIssuer) -> TrustedIssuer:
        """As Clients.save."""

    def disable(self, issuer: str, now: datetime) -> bool: ...

    def enable(self, issuer: str) -> bool: ...

    def delete(self, issuer: str) -> bool: ...
