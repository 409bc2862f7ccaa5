"""Whatever an administrator sends, no answer is a fault of ours, and nothing of it is echoed."""

from collections.abc import Iterator
from typing import Any

import pytest

from authsvc.protocol.client_administration_members import OF_CLIENT_BY_ADMIN, OF_PARTY_BY_ADMIN
from authsvc.web.api.admin.resources import NewResourceBody
from authsvc.web.api.admin.tenants import ChangedTenantBody, NewTenantBody
from authsvc.web.api.admin.user_fields import NewUserBody
from tests.flows.administrators import Admins
from tests.flows.world import running_world

ANYTHING: tuple[Any, ...] = (
    None, True, 0, -1, 10**30, 1.5, "", " ", "x", "é\u2028", "https://[", "javascript:x", "x" * 3_000, [], [[]], ["x"],
    [None], [{}], {}, {"keys": []}, {"x": {"x": []}}, ["https://a.example/", "https://a.example/"],
)  # fmt: skip
MEMBERS = sorted(row.name for row in (*OF_CLIENT_BY_ADMIN, *OF_PARTY_BY_ADMIN))
FIELDS: tuple[tuple[str, str, str, dict[str, Any], tuple[str, ...]], ...] = (
    ("POST", "/admin/clients", "admin:clients:write", {}, ("client_id", "logo_uri#de", *MEMBERS)),
    ("POST", "/admin/users", "admin:users:write", {"username": "grace"}, tuple(NewUserBody.model_fields)),
    ("POST", "/admin/resources", "admin:resources:write", {"audience": "x"}, tuple(NewResourceBody.model_fields)),
    ("POST", "/admin/tenants", "admin:tenants:write", {"name": "x", "issuer": "x"}, tuple(NewTenantBody.model_fields)),
    ("PATCH", "/admin/tenants/other", "admin:tenants:write", {}, tuple(ChangedTenantBody.model_fields)),
)
HOSTILE = ("%00", "%2e%2e", "%ff", "x" * 3_000, "%e2%80%a8", "a%2Fb", "';--")


@pytest.fixture(scope="module")
def admins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Admins]:
    directory = tmp_path_factory.mktemp("admin-anything")
    with running_world(f"sqlite:///{directory}/authsvc.db", directory) as world:
        yield Admins(world)


@pytest.mark.parametrize(("method", "path", "scope", "base", "names"), FIELDS, ids=lambda value: str(value)[:24])
def test_no_value_of_any_field_is_a_fault(admins: Admins, method: str, path: str, scope: str, base: Any, names: Any):
    for name in names:
        for value in ANYTHING:
            answer = admins.call(scope, method, path, json={**base, name: value})
            assert answer.status_code < 500, (name, value, answer.text)
            if answer.status_code >= 400:
                assert "x" * 100 not in answer.text
                assert "javascript" not in answer.text, (name, value)


@pytest.mark.parametrize("noun", ["users", "clients", "resources", "tenants"])
def test_no_name_in_the_path_is_a_fault(admins: Admins, noun: str):
    for name in HOSTILE:
        for method in ("GET", "PATCH", "DELETE"):
            scope = f"admin:{noun}:{'read' if method == 'GET' else 'write'}"
            body: dict[str, Any] = (
                {"content": b"{}", "headers": {"Content-Type": "application/json"}} if method == "PATCH" else {}
            )
            answer = admins.call(scope, method, f"/admin/{noun}/{name}", **body)
            assert answer.status_code in (400, 404, 405), (method, name, answer.text)
