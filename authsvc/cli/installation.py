"""What every command opens: the settings, the migrated database, one tenant and its unit of work."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from authsvc.cli.refusal import DATABASE, Refused
from authsvc.clock import utc_now
from authsvc.domain.audit import AuditEvent, event_id
from authsvc.domain.keyring import KeyPolicy
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.tenants import Tenant
from authsvc.settings import Settings, read_settings
from authsvc.storage.sql.database_copy import is_half_copied
from authsvc.storage.sql.engine import Storage, open_storage
from authsvc.storage.sql.migrate import is_ahead, pending

NO_TENANT = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Desk:
    """One tenant, ready to be worked on; `tenants` are all of them."""

    settings: Settings
    tenant: Tenant
    tenants: tuple[Tenant, ...]
    uow: UnitOfWork
    now: datetime

    def record(
        self, event: str, *, client_id: str | None = None, user_id: UUID | None = None, about: str | None = None
    ) -> None:
        """Write into the audit trail what this command did, and who ran it."""
        by = f"by {_operator()} on the command line"
        by_whom = f"{about}; {by}" if about else by
        self.uow.audit.add(
            AuditEvent(
                id=event_id(self.now),
                at=self.now,
                request_id="",
                event=event,
                rule=None,
                client_id=client_id,
                user_id=user_id,
                address=None,
                detail=by_whom,
            )
        )


@contextmanager
def opened(settings: Settings) -> Iterator[Storage]:
    """Open the database of the settings. Raises: Refused if it is not migrated, StorageUnavailable."""
    require_migrated(settings.database_url)
    storage = open_storage(settings.database_url, pool_size=1, cache=None)
    try:
        yield storage
    finally:
        storage.close()


@contextmanager
def unit(storage: Storage, tenant_id: UUID) -> Iterator[UnitOfWork]:
    """Give a unit of work; what it changed is committed if the block ends well."""
    uow = storage.unit_of_work(tenant_id)
    try:
        yield uow
        uow.commit()
    finally:
        uow.close()


@contextmanager
def reading(name: str | None = None) -> Iterator[Desk]:
    """Open the tenant of that name, or the default one. Raises: Refused, StorageUnavailable."""
    settings = read_settings()
    with opened(settings) as storage:
        tenants = all_tenants(storage)
        tenant = find_tenant(tenants, name)
        with unit(storage, tenant.id) as uow:
            yield Desk(settings, tenant, tenants, uow, utc_now())


@contextmanager
def changing(name: str | None = None) -> Iterator[Desk]:
    """As `reading`, in a transaction that is committed if the block ends well."""
    with reading(name) as desk:
        desk.uow.begin()
        yield desk


def all_tenants(storage: Storage) -> tuple[Tenant, ...]:
    """Return every tenant of the installation, oldest first."""
    with unit(storage, NO_TENANT) as uow:
        return uow.tenants.list()


def find_tenant(tenants: tuple[Tenant, ...], name: str | None) -> Tenant:
    """Return the tenant of that name, or the default one. Raises: Refused if there is none."""
    for tenant in tenants:
        if tenant.name == name or (name is None and tenant.is_default):
            return tenant
    if name is None:
        raise Refused("There is no default tenant yet: set AUTHSVC_ISSUER and run `authsvc migrate`.")
    raise Refused(f"There is no tenant {name}: `authsvc tenants list` shows those that there are.")


def require_migrated(database_url: str) -> None:
    """Raise Refused unless the database has exactly this version's schema. Raises: StorageUnavailable."""
    try:
        lacking = pending(database_url)
        ahead = is_ahead(database_url)
    except ValueError as error:
        raise Refused(f"{DATABASE} is wrong: {_without_name(error)}.") from None
    if lacking:
        raise Refused(f"The database lacks the migrations {', '.join(lacking)}: run `authsvc migrate`.")
    if ahead:
        raise Refused("The database was migrated by a newer authsvc: run that version, or a newer one.")
    if is_half_copied(database_url):
        raise Refused("A copy into this database was not finished: run `authsvc db copy` from the old one again.")


def key_policy(settings: Settings) -> KeyPolicy:
    """Return how signing keys follow one another; not from `authsvc.app`, which no command loads but for serving."""
    return KeyPolicy(settings.lifetimes.jwks_max_age, settings.lifetimes.skew)


def sqlite_file(settings: Settings) -> Path | None:
    """Return the file of a SQLite database."""
    scheme, _, path = settings.database_url.partition(":///")
    return Path(path) if scheme.startswith("sqlite") else None


def _without_name(error: ValueError) -> str:
    return str(error).removeprefix("database_url: ")


def _operator() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return "someone"
