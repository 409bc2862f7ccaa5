"""/admin/tenants: the table of issuers, for administrators of the default tenant alone."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from authsvc.domain.administration import admin_audience
from tests.flows.administrators import Admins, fields_of
from tests.flows.world import ISSUER, PASSWORD

READ, WRITE = "admin:tenants:read", "admin:tenants:write"
ACME = f"{ISSUER}/t/acme"


def create(admins: Admins, **given: Any) -> httpx.Response:
    return admins.call(WRITE, "POST", "/admin/tenants", json={"name": "acme", "issuer": ACME, **given})


def test_a_tenant_is_made_where_the_answer_says_and_is_served(admins: Admins):
    answer = create(admins)
    acme = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (201, f"{ISSUER}/admin/tenants/acme")
    found = admins.call(READ, "GET", answer.headers["location"])
    assert (found.status_code, found.json(), found.headers["etag"]) == (200, acme, answer.headers["etag"])
    assert (acme["issuer"], acme["default"], acme["client_registration"]) == (ACME, False, "off")
    assert admins.world.get("/t/acme/.well-known/openid-configuration").json()["issuer"] == ACME
    assert admins.events(answer) == [("tenant.created", f"tenant acme; by {admins.who(WRITE)}")]
    assert create(admins).status_code == 409


def test_a_change_is_seen_within_a_second(admins: Admins):
    path = "/admin/tenants/other"
    before = admins.call(READ, "GET", path).json()
    given = {"display_name": "Other", "accent": "#102030", "accent_dark": "#a0b0c0", "client_registration": "open"}
    changed = admins.call(WRITE, "PATCH", path, json=given)
    assert changed.json() == {**before, **given}
    told = "tenant other: accent accent_dark client_registration display_name"
    assert admins.events(changed) == [("tenant.updated", f"{told}; by {admins.who(WRITE)}")]
    assert "registration_endpoint" in admins.world.get("/t/other/.well-known/openid-configuration").json()
    assert admins.call(WRITE, "PATCH", path, json={"accent": None}).json()["accent"] is None
    disabled = admins.call(WRITE, "PATCH", path, json={"disabled": True}).json()
    assert (disabled["disabled"], disabled["disabled_at"] is None) == (True, False)
    assert admins.world.get("/t/other/jwks").status_code == 404
    assert admins.call(WRITE, "PATCH", path, json={"disabled": False}).json()["disabled_at"] is None
    assert admins.world.get("/t/other/jwks").status_code == 200


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        pytest.param({"name": "No Name"}, "invalid_issuer", id="name"),
        pytest.param({"name": "x" * 64}, "invalid_fields", id="long-name"),
        pytest.param({"issuer": "http://acme.example"}, "invalid_issuer", id="plain-http"),
        pytest.param({"issuer": "https://["}, "invalid_issuer", id="no-host"),
        pytest.param({"issuer": "https://acme.example:x"}, "invalid_issuer", id="no-port"),
        pytest.param({"issuer": f"{ISSUER}/acme"}, "invalid_issuer", id="path"),
        pytest.param({"issuer": f"{ACME}/../other"}, "invalid_issuer", id="path-of-another"),
        pytest.param({"issuer": None}, "invalid_fields", id="no-issuer"),
        pytest.param({"is_default": True}, "invalid_fields", id="default"),
        pytest.param({"id": "x"}, "invalid_fields", id="id"),
    ],
)
def test_a_tenant_that_must_not_be_is_refused_and_nothing_is_stored(small: Admins, given, refusal):
    small.token(WRITE)
    before = small.world.rows()
    answer = create(small, **given)
    assert (answer.status_code, answer.json()["error"]) == (422, refusal), answer.text
    assert small.world.rows() == before


def test_a_change_that_must_not_be_is_refused_and_nothing_of_it_is_stored(small: Admins):
    before = small.call(READ, "GET", "/admin/tenants/other").json()
    for look in ({"accent": "red"}, {"display_name": "x" * 101}, {"display_name": ""}):
        answer = small.call(WRITE, "PATCH", "/admin/tenants/other", json={"client_registration": "open", **look})
        assert (answer.status_code, answer.json()["error"]) == (422, "invalid_look"), answer.text
    wrong: tuple[dict[str, Any], ...] = (
        {"client_registration": "all"},
        {"name": "x"},
        {"issuer": ACME},
        {"disabled": None},
    )
    for given in wrong:
        fields_of(small.call(WRITE, "PATCH", "/admin/tenants/other", json=given))
    assert small.call(READ, "GET", "/admin/tenants/other").json() == before


def test_the_default_tenant_is_always_served(small: Admins):
    refused = small.call(WRITE, "PATCH", "/admin/tenants/default", json={"accent": "#102030", "disabled": True})
    assert fields_of(refused) == {"disabled"}
    assert small.call(READ, "GET", "/admin/tenants/default").json()["accent"] is None
    assert small.call(WRITE, "DELETE", "/admin/tenants/default").status_code == 409


def test_only_a_tenant_that_was_never_used_can_be_deleted(admins: Admins):
    """An issuer whose tokens are out must not come again in somebody else's hands."""
    create(admins)
    assert admins.call(WRITE, "DELETE", "/admin/tenants/acme").status_code == 204
    assert admins.call(READ, "GET", "/admin/tenants/acme").status_code == 404
    assert admins.world.get("/t/acme/jwks").status_code == 404
    create(admins)
    person = {"username": "grace", "password": PASSWORD}
    assert admins.world.http.post("/t/acme/register", json=person).status_code == 201
    for name in ("acme", "other"):
        refused = admins.call(WRITE, "DELETE", f"/admin/tenants/{name}")
        assert (refused.status_code, refused.json()["error"]) == (409, "conflict")
    assert admins.call(READ, "GET", "/admin/tenants/acme").status_code == 200


def test_an_administrator_of_another_tenant_sees_nothing_of_the_table(small: Admins):
    """Whatever its client was given, by whatever mistake."""
    other = small.world.other
    client = small.client(READ, WRITE, tenant=other, resources=frozenset({admin_audience(other.issuer)}))
    token = small.ask(client, other).json()["access_token"]
    for path in ("/t/other/admin/tenants", "/t/other/admin/tenants/other", "/admin/tenants", "/t/other/admin/users"):
        assert small.world.get(path, token).status_code in (401, 403), path


def test_of_two_who_saw_the_same_one_changes_it(admins: Admins):
    path = "/admin/tenants/other"
    seen = admins.call(READ, "GET", path).headers["etag"]
    admins.token(WRITE)

    def change(number: int) -> int:
        given = {"display_name": f"Other {number}"}
        return admins.call(WRITE, "PATCH", path, json=given, headers={"If-Match": seen}).status_code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(change, range(4))) == [200, 412, 412, 412]
    for method in ("PATCH", "DELETE"):
        assert admins.call(WRITE, method, path, json={}, headers={"If-Match": ""}).status_code == 428


def test_a_list_is_read_page_by_page(small: Admins):
    for number in range(3):
        create(small, name=f"acme-{number}", issuer=f"{ACME}-{number}")
    whole = small.call(READ, "GET", "/admin/tenants").json()["tenants"]
    assert [tenant["name"] for tenant in whole] == ["acme-0", "acme-1", "acme-2", "default", "other"]
    first = small.call(READ, "GET", "/admin/tenants?limit=2").json()
    rest = small.call(READ, "GET", "/admin/tenants", params={"cursor": first["next_cursor"]}).json()
    assert [*first["tenants"], *rest["tenants"]] == whole
