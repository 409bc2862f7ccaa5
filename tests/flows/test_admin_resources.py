"""/admin/resources: the APIs that tokens are for."""

from base64 import urlsafe_b64decode
from typing import Any

import httpx
import pytest

from tests.flows.administrators import Admins, fields_of
from tests.flows.world import ISSUER, audience

READ, WRITE = "admin:resources:read", "admin:resources:write"
STOCK = "https://stock.example/api?v=1"


def create(admins: Admins, **given: Any) -> httpx.Response:
    return admins.call(WRITE, "POST", "/admin/resources", json={"audience": STOCK, **given})


def path_of(admins: Admins, named: str) -> str:
    found = admins.call(READ, "GET", "/admin/resources?limit=200").json()["resources"]
    return next(f"/admin/resources/{resource['id']}" for resource in found if resource["audience"] == named)


def test_a_resource_is_made_where_the_answer_says_changed_and_deleted(admins: Admins):
    answer = create(admins, name="Stock", scopes=["stock:write", "stock:read"], access_token_seconds=60)
    stock = answer.json()
    assert answer.headers["location"] == f"{ISSUER}/admin/resources/{stock['id']}"
    assert urlsafe_b64decode(stock["id"] + "==").decode() == STOCK
    found = admins.call(READ, "GET", answer.headers["location"])
    assert (found.status_code, found.json(), found.headers["etag"]) == (200, stock, answer.headers["etag"])
    assert (stock["scopes"], stock["algorithm"], stock["token_format"]) == (
        ["stock:read", "stock:write"], "ES256", "jwt",
    )  # fmt: skip
    assert admins.events(answer) == [("resource.created", f"{STOCK}; by {admins.who(WRITE)}")]
    changed = admins.call(WRITE, "PATCH", answer.headers["location"], json={"scopes": [], "access_token_seconds": None})
    assert changed.json() == {**stock, "scopes": [], "access_token_seconds": None}
    assert admins.call(WRITE, "DELETE", answer.headers["location"]).status_code == 204
    assert admins.call(READ, "GET", answer.headers["location"]).status_code == 404
    assert create(admins).status_code == 201, "the audience may come again"


def test_a_resource_that_is_disabled_gets_no_tokens_within_a_second(admins: Admins):
    path = path_of(admins, audience("ES256"))
    assert admins.world.token("svc", scope="es256:read").status_code == 200
    disabled = admins.call(WRITE, "PATCH", path, json={"disabled": True}).json()
    assert (disabled["disabled"], disabled["disabled_at"] is None) == (True, False)
    assert admins.world.token("svc", scope="es256:read").status_code == 400
    assert admins.call(WRITE, "PATCH", path, json={"disabled": False}).json()["disabled_at"] is None
    assert admins.world.token("svc", scope="es256:read").status_code == 200


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        pytest.param({"audience": "stock"}, "invalid_resource", id="no-uri"),
        pytest.param({"audience": "https://["}, "invalid_resource", id="no-host"),
        pytest.param({"audience": f"{STOCK}#x"}, "invalid_resource", id="fragment"),
        pytest.param({"audience": ISSUER}, "invalid_resource", id="the-issuer"),
        pytest.param({"audience": f"{ISSUER}/admin"}, "invalid_resource", id="the-admin-api"),
        pytest.param({"audience": "x" * 513}, "invalid_fields", id="long-audience"),
        pytest.param({"audience": None}, "invalid_fields", id="no-audience"),
        pytest.param({"scopes": ["openid"]}, "invalid_resource", id="scope-of-people"),
        pytest.param({"scopes": ["account"]}, "invalid_resource", id="scope-of-the-issuer"),
        pytest.param({"scopes": ["two words"]}, "invalid_resource", id="two-words"),
        pytest.param({"scopes": "stock:read"}, "invalid_fields", id="no-list"),
        pytest.param({"scopes": ["x"] * 1_001}, "invalid_fields", id="too-many"),
        pytest.param({"algorithm": "HS256"}, "invalid_resource", id="shared-key"),
        pytest.param({"algorithm": None}, "invalid_fields", id="no-algorithm"),
        pytest.param({"token_format": "xml"}, "invalid_resource", id="format"),
        pytest.param({"access_token_seconds": 0}, "invalid_resource", id="no-time"),
        pytest.param({"access_token_seconds": 10**400}, "invalid_resource", id="huge-time"),
        pytest.param({"name": ""}, "invalid_fields", id="empty-name"),
        pytest.param({"version": 7}, "invalid_fields", id="version"),
    ],
)
def test_a_resource_that_must_not_be_is_refused_and_nothing_is_stored(small: Admins, given, refusal):
    path = path_of(small, audience("ES256"))
    small.token(WRITE)
    before = small.world.rows()
    answers = [create(small, **given)]
    if "audience" not in given:
        answers.append(small.call(WRITE, "PATCH", path, json=given))
    for answer in answers:
        assert (answer.status_code, answer.json()["error"]) == (422, refusal), answer.text
    assert small.world.rows() == before


def test_an_audience_is_taken_once_and_never_changes(small: Admins):
    assert create(small, audience=audience("ES256")).status_code == 409
    answer = small.call(WRITE, "PATCH", path_of(small, audience("ES256")), json={"audience": STOCK})
    assert fields_of(answer) == {"audience"}


def test_resources_of_another_tenant_are_as_unknown_as_those_that_never_were(admins: Admins):
    create(admins)
    path, elsewhere = path_of(admins, STOCK), admins.world.other
    for method in ("GET", "PATCH", "DELETE"):
        scope, body = READ if method == "GET" else WRITE, {"Content-Type": "application/json"}
        answer = admins.call(scope, method, path, tenant=elsewhere, content=b"{}", headers=body)
        assert answer.status_code == 404, method
    found = admins.call(READ, "GET", "/admin/resources", tenant=elsewhere).json()["resources"]
    assert STOCK not in {resource["audience"] for resource in found}
    for unknown in ("x", "", "..", "https:", path.removeprefix("/admin/resources/") + "="):
        assert admins.call(READ, "GET", f"/admin/resources/{unknown}").status_code == 404, unknown


def test_a_list_is_read_page_by_page(small: Admins):
    whole = small.call(READ, "GET", "/admin/resources").json()["resources"]
    first = small.call(READ, "GET", "/admin/resources?limit=3").json()
    second = small.call(READ, "GET", "/admin/resources", params={"limit": 3, "cursor": first["next_cursor"]}).json()
    assert [*first["resources"], *second["resources"]] == whole
    assert second["next_cursor"] is None
    assert [found["audience"] for found in whole] == sorted(found["audience"] for found in whole)


def test_nobody_changes_a_resource_that_they_have_not_seen(small: Admins):
    path = path_of(small, audience("ES256"))
    seen = small.call(READ, "GET", path).headers["etag"]
    for method in ("PATCH", "DELETE"):
        assert small.call(WRITE, method, path, json={}, headers={"If-Match": ""}).status_code == 428
        assert small.call(WRITE, method, path, json={}, headers={"If-Match": '"x"'}).status_code == 412
    assert small.call(WRITE, "PATCH", path, json={"name": "x"}, headers={"If-Match": seen}).status_code == 200
    assert small.call(WRITE, "PATCH", path, json={"name": "y"}, headers={"If-Match": seen}).status_code == 412
