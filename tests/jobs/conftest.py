"""A migrated database with a tenant, and what jobs need besides."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from authsvc.crypto.envelope import MasterKeys, new_master_key_line, parse_master_keys
from authsvc.domain.tenants import Tenant
from authsvc.storage.sql.engine import Storage, open_storage
from tests.flows.in_process import ISSUER, MovableClock
from tests.harness.schema import make_schema


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def master_keys() -> MasterKeys:
    return parse_master_keys(new_master_key_line())


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    """SQLite: what jobs ask of a database, the storage's own tests ask of both kinds."""
    url = f"sqlite:///{tmp_path}/authsvc.db"
    make_schema(url)
    opened = open_storage(url, pool_size=4, cache=None)
    yield opened
    opened.close()


@pytest.fixture
def tenant_id(storage: Storage, clock: MovableClock) -> UUID:
    tenant = Tenant(uuid4(), "default", ISSUER, host=None, path="", is_default=True, created_at=clock())
    uow = storage.unit_of_work(tenant.id)
    uow.begin()
    uow.tenants.add(tenant)
    uow.commit()
    uow.close()
    return tenant.id
