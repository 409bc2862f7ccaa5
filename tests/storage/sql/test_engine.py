import pytest

from authsvc.errors import Conflict
from authsvc.storage.sql.engine import Storage
from tests.storage.examples import a_client, a_resource, a_tenant


def test_units_across_tenants_are_one_transaction(storage: Storage):
    first, second = (a_tenant(name, host=name).id for name in ("across-one", "across-two"))
    of = storage.across_tenants()
    of(first).begin()
    of(first).clients.add(a_client())
    of(second).resources.add(a_resource())
    with pytest.raises(Conflict):
        of(second).resources.add(a_resource())
    of(first).close()
    assert (_count(storage, first), _count(storage, second)) == (0, 0)

    of = storage.across_tenants()
    of(second).begin()
    of(first).clients.add(a_client())
    of(second).clients.add(a_client())
    of(second).commit()
    of(first).close()
    assert (_count(storage, first), _count(storage, second)) == (1, 1)


def _count(storage: Storage, tenant_id) -> int:
    unit = storage.unit_of_work(tenant_id)
    try:
        return len(unit.clients.list(None, 9)) + len(unit.resources.list())
    finally:
        unit.close()
