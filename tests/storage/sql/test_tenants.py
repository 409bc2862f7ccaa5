from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from authsvc.domain.tenants import REGISTRATION_BY_TOKEN, Look
from authsvc.errors import Conflict
from authsvc.storage.sql.engine import Storage
from authsvc.storage.sql.unit_of_work import SqlUnitOfWork
from tests.storage.examples import LATER, LOOK, NOW, a_tenant


@pytest.fixture
def unit(own_storage: Storage) -> Iterator[SqlUnitOfWork]:
    """Tenants are seen by all: these tests have a database of their own."""
    opened = own_storage.unit_of_work(uuid4())
    opened.begin()
    yield opened
    opened.close()


def test_tenants_come_back_as_they_were_added_oldest_first(unit: SqlUnitOfWork):
    old = replace(a_tenant("old", host="old.example", path="/t/old"), created_at=NOW - timedelta(days=1))
    new = replace(a_tenant("new", is_default=True), disabled_at=LATER)
    unit.tenants.add(new)
    unit.tenants.add(old)
    assert unit.tenants.list() == (old, new)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"name": "first"}, id="name"),
        pytest.param({"issuer": "https://first.example"}, id="issuer"),
        pytest.param({"host": "first.example", "path": "/t/x"}, id="host and path"),
        pytest.param({"host": None, "path": "/t/any"}, id="path on any host"),
        pytest.param({"is_default": True}, id="default"),
    ],
)
def test_no_two_tenants_share_their(unit: SqlUnitOfWork, change):
    unit.tenants.add(a_tenant("first", host="first.example", path="/t/x", is_default=True))
    unit.tenants.add(a_tenant("any", host=None, path="/t/any"))
    with pytest.raises(Conflict):
        unit.tenants.add(replace(a_tenant("second", host="second.example"), **change))
    unit.tenants.add(a_tenant("third", host="first.example", path="/t/y"))
    assert len(unit.tenants.list()) == 3


def test_a_tenant_is_disabled_and_enabled_once(unit: SqlUnitOfWork):
    tenant = a_tenant()
    unit.tenants.add(tenant)
    assert [unit.tenants.disable(tenant.id, NOW), unit.tenants.disable(tenant.id, LATER)] == [True, False]
    assert unit.tenants.list() == (replace(tenant, disabled_at=NOW),)
    assert [unit.tenants.enable(tenant.id), unit.tenants.enable(tenant.id)] == [True, False]
    assert unit.tenants.list() == (tenant,)


def test_a_tenants_look_and_who_may_register_clients_come_back_as_they_were_set(unit: SqlUnitOfWork):
    tenant, other = a_tenant(), replace(a_tenant("other", host="other"), look=LOOK, client_registration="open")
    unit.tenants.add(replace(tenant, created_at=NOW - timedelta(days=1)))
    unit.tenants.add(other)
    assert unit.tenants.set_look(tenant.id, LOOK)
    assert unit.tenants.set_client_registration(tenant.id, REGISTRATION_BY_TOKEN)
    changed = replace(tenant, created_at=NOW - timedelta(days=1), look=LOOK, client_registration="token")
    assert unit.tenants.list() == (changed, other)
    assert unit.tenants.set_look(other.id, Look(name="plain"))
    assert unit.tenants.list()[1].look == Look(name="plain")
    assert not unit.tenants.set_look(uuid4(), LOOK)
    assert not unit.tenants.set_client_registration(uuid4(), "open")


def test_a_tenant_is_found_by_host_path_and_name(unit: SqlUnitOfWork):
    tenants = any_host, of_host, here, there = (
        a_tenant("any", is_default=True),
        a_tenant("of-host", host="shop.example"),
        a_tenant("here", path="/t/x"),
        a_tenant("there", host="shop.example", path="/t/x"),
    )
    for tenant in tenants:
        unit.tenants.add(tenant)
    assert [unit.tenants.at_host(host) for host in (None, "shop.example", "x")] == [any_host, of_host, None]
    assert set(unit.tenants.at_path("/t/x")) == {here, there}
    assert [unit.tenants.at_path("/t/y"), unit.tenants.default()] == [(), any_host]
    assert [unit.tenants.find(name) for name in ("there", "nobody")] == [there, None]
    assert unit.tenants.list_by_names(None, 2) == (any_host, here)
    assert unit.tenants.list_by_names("here", 3) == (of_host, there)


def test_tenants_are_listed_without_knowing_one(own_storage: Storage, unit: SqlUnitOfWork):
    tenant = a_tenant()
    unit.tenants.add(tenant)
    unit.commit()
    assert own_storage.list_tenants() == (tenant,)
