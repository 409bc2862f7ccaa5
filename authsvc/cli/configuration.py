"""What export, plan and apply share: the state of the database, the file, and whether one may become the other."""

import os
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from authsvc.cli.configuration_check import check_all
from authsvc.cli.installation import Desk, find_tenant, opened
from authsvc.cli.master_file import read_master_keys
from authsvc.cli.refusal import Refused
from authsvc.clock import utc_now
from authsvc.domain.configuration.changes import Means, TenantChanges, compare
from authsvc.domain.configuration.document import SECRETS, TENANTS, TenantState, wanted_tenants
from authsvc.domain.configuration.plain import Table
from authsvc.domain.configuration.secrets import GivenSecret
from authsvc.domain.parties.clients import Client, Seal, sealing
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.tenants import Tenant
from authsvc.settings import Settings, read_settings

_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Installation:
    """All tenants on one connection: what one changes is committed with what the others do, or not at all."""

    settings: Settings
    tenants: tuple[Tenant, ...]
    of: Callable[[UUID], UnitOfWork]
    now: datetime

    def desk(self, tenant: Tenant) -> Desk:
        """Return one tenant, ready to be worked on."""
        return Desk(self.settings, tenant, self.tenants, self.of(tenant.id), self.now)


@contextmanager
def installation(*, changing: bool = False) -> Iterator[Installation]:
    """Open every tenant, if `changing` in one transaction that is committed if the block ends well.

    Raises: Refused, StorageUnavailable.
    """
    settings = read_settings()
    with opened(settings) as storage:
        of = storage.across_tenants()
        uow = of(UUID(int=0))
        try:
            if changing:
                uow.begin()
            tenants = uow.tenants.list()
            find_tenant(tenants, None)
            yield Installation(settings, tenants, of, utc_now())
            uow.commit()
        finally:
            uow.close()


def states(found: Installation) -> tuple[TenantState, ...]:
    """Return what is configured in every tenant."""
    return tuple(_state(tenant, found.of(tenant.id)) for tenant in found.tenants)


def differences(found: Installation, file: Path, *, prune: bool) -> tuple[TenantChanges, ...]:
    """Return what must change for the file to be true, judged as if it were typed. Raises: Refused, DomainError."""
    wanted = wanted_tenants(_read(file), found.now)
    changes = compare(states(found), wanted, Means(found.now, lambda tenant: _sealing(found.settings, tenant), prune))
    check_all(changes, found.settings)
    return changes


def _state(tenant: Tenant, uow: UnitOfWork) -> TenantState:
    clients: list[Client] = []
    while page := uow.clients.list(clients[-1].id if clients else None, _PAGE):
        clients += page
    return TenantState(tenant, uow.resources.list(), uow.issuers.list(), tuple(clients))


def _sealing(settings: Settings, tenant_id: UUID) -> Seal:
    """Return what encrypts a tenant's secrets; the master key is read when there is one to encrypt."""

    def seal(client_id: str, secret_id: str, secret: str) -> bytes:
        master_keys = read_master_keys(settings.master_key_file)
        return sealing(tenant_id, master_keys)(client_id, secret_id, secret)

    return seal


def _read(file: Path) -> Table:
    """Return the document with every secret that it refers to. Raises: Refused, OSError."""
    try:
        table = tomllib.loads(file.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Refused(f"{file} is no TOML: {error}.") from None
    for client_id, client in _clients(table):
        if SECRETS in client:
            client[SECRETS] = _secrets(client[SECRETS], file.parent, client_id)
    return table


def _clients(table: Table) -> Iterator[tuple[str, Table]]:
    """Yield the tables of all clients; what is no table is refused by who reads it afterwards."""
    for tenant in _tables(table.get(TENANTS)).values():
        yield from ((name, client) for name, client in _tables(tenant.get("clients")).items())


def _tables(value: object) -> dict[str, Table]:
    return {name: each for name, each in value.items() if isinstance(each, dict)} if isinstance(value, dict) else {}


def _secrets(references: object, folder: Path, client_id: str) -> tuple[GivenSecret, ...]:
    if not isinstance(references, list):
        references = [references]
    return tuple(_secret(each, folder, client_id) for each in references)


def _secret(reference: object, folder: Path, client_id: str) -> GivenSecret:
    """Follow one reference. What is written in its place is not repeated: it may be the secret itself."""
    match reference if isinstance(reference, dict) and len(reference) == 1 else None:
        case {"env": str(name)}:
            if name not in os.environ:
                raise Refused(f"Client {client_id} has its secret in the variable {name}, which is not set.")
            return GivenSecret(f"${name}", os.environ[name])
        case {"file": str(name)}:
            return GivenSecret(name, (folder / name).read_text("utf-8", "replace").rstrip("\r\n"))
        case _:
            raise Refused(
                f'The secrets of client {client_id} are no references: write {{ env = "NAME" }} or '
                '{ file = "path" }, never a secret itself.'
            )
