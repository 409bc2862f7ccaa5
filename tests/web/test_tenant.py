"""Which tenant a request is for: its path, or its Host among the listed ones."""

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from authsvc.domain.tenants import Tenant
from authsvc.storage.cache import Cache
from authsvc.storage.sql.engine import Storage, open_storage
from authsvc.storage.sql.migrate import migrate
from authsvc.web.tenant import find_tenant, split_path

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def a_tenant(name: str, host: str | None, path: str = "", *, default: bool = False, disabled: bool = False) -> Tenant:
    return Tenant(uuid4(), name, f"https://{name}.example{path}", host, path, default, NOW, NOW if disabled else None)


TENANTS = (
    a_tenant("main", None, default=True),
    a_tenant("shop", "shop.example"),
    a_tenant("club", None, "/t/club"),
    a_tenant("lodge", "lodge.example", "/t/club"),
    a_tenant("gone", "gone.example", disabled=True),
    a_tenant("left", None, "/t/left", disabled=True),
)


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    url = f"sqlite:///{tmp_path_factory.mktemp('tenants')}/authsvc.db"
    migrate(url)
    opened = open_storage(url, pool_size=1, cache=Cache())
    unit = opened.unit_of_work(TENANTS[0].id)
    unit.begin()
    for tenant in TENANTS:
        unit.tenants.add(tenant)
    unit.commit()
    unit.close()
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("/token", ("", "/token")),
        ("/t/club/token", ("/t/club", "/token")),
        ("/t/club", ("/t/club", "/")),
        ("/t/club/", ("/t/club", "/")),
        ("/t/club/.well-known/openid-configuration", ("/t/club", "/.well-known/openid-configuration")),
        ("/.well-known/openid-configuration/t/club", ("/t/club", "/.well-known/openid-configuration")),
        ("/.well-known/oauth-authorization-server/t/club", ("/t/club", "/.well-known/oauth-authorization-server")),
        ("/.well-known/oauth-authorization-server/t/club/x", ("", "/.well-known/oauth-authorization-server/t/club/x")),
        ("/.well-known/security.txt/t/club", ("", "/.well-known/security.txt/t/club")),
        ("/t/Club/token", ("", "/t/Club/token")),
        ("/t//token", ("", "/t//token")),
        ("/t/a.b/token", ("", "/t/a.b/token")),
        ("/t/club\n/token", ("", "/t/club\n/token")),
        ("/t/club/t/shop/token", ("/t/club", "/t/shop/token")),
        ("/T/club/token", ("", "/T/club/token")),
        ("/t/../token", ("", "/t/../token")),
    ],
)
def test_a_path_names_its_tenant(path, split):
    assert split_path(path) == split


@pytest.mark.parametrize(
    ("host", "path", "name"),
    [
        pytest.param("anything.example", "", "main", id="an unlisted host gets the default"),
        pytest.param("", "", "main", id="no host"),
        pytest.param("shop.example", "", "shop", id="a listed host"),
        pytest.param("SHOP.Example", "", "shop", id="in any case"),
        pytest.param("shop.example.evil.example", "", "main", id="a prefix is another host"),
        pytest.param("evil@shop.example", "", "main", id="user name in the host"),
        pytest.param("anything.example", "/t/club", "club", id="a path on any host"),
        pytest.param("lodge.example", "/t/club", "lodge", id="a path on its own host first"),
        pytest.param("shop.example", "/t/nobody", None, id="an unknown path has no default"),
        pytest.param("gone.example", "", None, id="a disabled host is not the default's"),
        pytest.param("anything.example", "/t/left", None, id="a disabled path"),
    ],
)
def test_a_request_finds_its_tenant(storage: Storage, host, path, name):
    for _ in ("from the database", "from the cache"):
        found = storage.ask_tenants(lambda tenants: find_tenant(tenants, host, path))
        assert (found.name if found else None) == name
