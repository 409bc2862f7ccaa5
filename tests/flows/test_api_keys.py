"""API keys over HTTP: who may make which, told once, listed and revoked by their owners alone."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from authsvc.crypto import opaque
from authsvc.domain.tokens.api_keys import MAX_LIVE_KEYS
from tests.flows.api_keys import BILLS, ORDERS, WANTED, Keys, with_keys
from tests.flows.world import ISSUER, OTHER_PASSWORD, World, running_world


@pytest.fixture
def keys(world: World) -> Keys:
    return with_keys(world)


@pytest.fixture(scope="module")
def shared_keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keys]:
    """One world for the table of what stores nothing."""
    directory = tmp_path_factory.mktemp("api-keys")
    with running_world(f"sqlite:///{directory}/authsvc.db", directory) as world:
        yield with_keys(world)


@pytest.fixture
def small_keys(small_world: World) -> Keys:
    return with_keys(small_world)


def fields_of(answer: httpx.Response) -> set[str]:
    assert answer.status_code == 422, answer.text
    return {error["field"] for error in answer.json()["errors"]}


def test_a_person_makes_a_key_that_is_told_once(keys: Keys):
    answer = keys.create()
    made = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (201, f"{ISSUER}/api-keys/{made['id']}")
    assert answer.headers["cache-control"] == "no-store"
    assert opaque.is_well_formed(opaque.API_KEY, made["key"])
    assert made["key"].startswith(made["hint"])
    assert (made["name"], made["scopes"], made["resources"]) == ("nightly", ["es256:read"], [ORDERS])
    own = keys.bearer()
    told = {name: value for name, value in made.items() if name != "key"}
    read = keys.world.http.get(answer.headers["location"], headers=own)
    assert (read.status_code, read.json()) == (200, told)
    assert keys.world.http.get("/api-keys", headers=own).json() == {"api_keys": [told]}


def test_a_service_makes_a_key_with_its_own_secret(keys: Keys):
    made = keys.service()
    read = keys.world.http.get(f"/api-keys/{made['id']}", auth=keys.basic())
    assert (read.status_code, "key" in read.json()) == (200, False)
    listed = keys.world.http.get("/api-keys", auth=keys.basic())
    assert [key["id"] for key in listed.json()["api_keys"]] == [made["id"]]
    assert keys.world.http.delete(f"/api-keys/{made['id']}", auth=keys.basic()).status_code == 204
    assert not keys.is_good(made["key"])


def test_a_service_that_sends_its_secret_in_bodies_elsewhere_sends_it_in_the_header_here(keys: Keys):
    assert keys.service("svc2")["scopes"] == ["es256:read"]


def test_a_form_parts_scopes_by_spaces(small_keys: Keys):
    form = {"name": "form", "scopes": "es256:read es256:write", "expires_in": "600"}
    answer = small_keys.world.http.post("/api-keys", data=form, headers=small_keys.bearer())
    assert answer.json()["scopes"] == ["es256:read", "es256:write"]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        pytest.param({"name": None}, "name", id="no-name"),
        pytest.param({"name": ""}, "name", id="empty-name"),
        pytest.param({"name": "  "}, "name", id="blank-name"),
        pytest.param({"name": "x" * 101}, "name", id="long-name"),
        pytest.param({"name": ["x"]}, "name", id="name-in-a-list"),
        pytest.param({"scopes": None}, "scopes", id="no-scopes"),
        pytest.param({"scopes": []}, "scopes", id="empty-scopes"),
        pytest.param({"scopes": ["account"]}, "scopes", id="account"),
        pytest.param({"scopes": ["es256:read", "openid"]}, "scopes", id="openid"),
        pytest.param({"scopes": ["email"]}, "scopes", id="identity"),
        pytest.param({"scopes": ["admin"]}, "scopes", id="unknown-scope"),
        pytest.param({"scopes": ["es256:read"] * 101}, "scopes", id="too-many-scopes"),
        pytest.param({"scopes": {"es256:read": True}}, "scopes", id="scopes-in-an-object"),
        pytest.param({"scopes": [["es256:read"]]}, "scopes.0", id="nested-scope"),
        pytest.param({"resources": []}, "resources", id="empty-resources"),
        pytest.param({"resources": ["https://x.example"]}, "resources", id="unknown-resource"),
        pytest.param({"resources": [ISSUER]}, "resources", id="the-issuer-itself"),
        pytest.param({"resources": [BILLS]}, "scopes", id="scope-of-another-resource"),
        pytest.param({"expires_in": 59}, "expires_in", id="too-short"),
        pytest.param({"expires_in": 366 * 86_400}, "expires_in", id="too-long"),
        pytest.param({"expires_in": "soon"}, "expires_in", id="no-number"),
        pytest.param({"expires_in": 1e300}, "expires_in", id="huge-number"),
        pytest.param({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at", id="past"),
        pytest.param({"expires_at": "2999-01-01T00:00:00Z"}, "expires_at", id="far-future"),
        pytest.param({"expires_at": "2027-01-01T00:00:00"}, "expires_at", id="no-offset"),
        pytest.param({"expires_at": "tomorrow"}, "expires_at", id="no-instant"),
        pytest.param({"expires_in": 600, "expires_at": "2027-01-01T00:00:00Z"}, "expires_at", id="two-ends"),
        pytest.param({"never_expires": True}, "never_expires", id="never"),
        pytest.param({"user_id": "x"}, "user_id", id="another-owner"),
        pytest.param({"client_id": "svc"}, "client_id", id="another-client"),
        pytest.param({"id": "x"}, "id", id="id"),
        pytest.param({"key": "as_ak_chosen"}, "key", id="chosen-key"),
    ],
)
def test_a_key_that_must_not_be_is_refused_by_field_and_nothing_is_stored(shared_keys: Keys, changed, field):
    given = {name: value for name, value in {**WANTED, **changed}.items() if value is not None}
    for how in ({"headers": shared_keys.bearer()}, {"auth": shared_keys.basic()}):
        before = shared_keys.world.rows()
        answer = shared_keys.world.http.post("/api-keys", json=given, **how)
        assert fields_of(answer) == {field}
        assert shared_keys.world.rows() == before
        assert not any(f'"{value}"' in answer.text for value in changed.values() if isinstance(value, str) and value)


def test_what_is_no_json_in_one_reading_is_refused(small_keys: Keys):
    own = small_keys.bearer() | {"Content-Type": "application/json"}
    for body in (
        b'{"name": "x", "name": "y", "scopes": ["es256:read"]}',
        b'{"name": "\\ud800"}',
        b"[]",
        b'{"name": NaN}',
    ):
        assert small_keys.world.http.post("/api-keys", content=body, headers=own).status_code == 400


def test_no_key_reaches_further_than_the_app_or_the_service(keys: Keys):
    narrow = keys.bearer(client="app2")
    keys.change_client("app2", scopes=frozenset({"account", "es256:read"}), resources=frozenset({ORDERS}))
    for scopes, resources in ((["es256:write"], None), (["eddsa:read"], None), (["es256:read"], [ORDERS, BILLS])):
        asked = {"name": "x", "scopes": scopes, **({"resources": resources} if resources else {})}
        assert fields_of(keys.world.http.post("/api-keys", json=asked, headers=narrow))
    assert keys.world.http.post("/api-keys", json=WANTED, headers=narrow).status_code == 201
    assert fields_of(keys.create_service("svc2", scopes=["es256:write"])) == {"scopes"}
    assert fields_of(keys.create_service("svc2", resources=[BILLS, ORDERS])) == {"resources"}


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/api-keys"), ("GET", "/api-keys"), ("GET", "/api-keys/x"), ("DELETE", "/api-keys/x")],
)
def test_who_does_not_prove_who_they_are_is_told_nothing(shared_keys: Keys, method, path):
    def status(**how):
        answer = shared_keys.world.http.request(method, path, json=WANTED if method == "POST" else None, **how)
        assert "www-authenticate" in answer.headers
        return answer.status_code, answer.json()["error"]

    tokens = shared_keys.world.tokens(scope="openid es256:read")
    machine = shared_keys.world.token("svc", scope="es256:read").json()["access_token"]
    key = shared_keys.personal()["key"]
    assert status() == (401, "missing_token")
    assert status(headers={"Authorization": f"Bearer {tokens['access_token']}"})[0] in (401, 403)
    assert status(headers={"Authorization": f"Bearer {tokens['id_token']}"})[0] == 401
    assert status(headers={"Authorization": f"Bearer {machine}"})[0] == 401
    assert status(headers={"Authorization": f"Bearer {key}"}) == (401, "invalid_token")
    assert status(headers={"Authorization": f"ApiKey {key}"})[0] == 401
    assert status(auth=("svc", "wrong")) == (401, "invalid_client")
    assert status(auth=("nobody", "wrong")) == (401, "invalid_client")
    assert status(auth=("app", "x")) == (401, "invalid_client")
    assert status(auth=("svc", key)) == (401, "invalid_client")


def test_a_client_that_may_not_act_for_itself_has_no_keys(keys: Keys):
    refused = keys.create_service("web")
    assert (refused.status_code, refused.json()["error"]) == (400, "unauthorized_client")


def test_a_key_needs_a_recent_login_but_its_end_does_not(keys: Keys):
    tokens = keys.world.tokens(scope="account")
    made = keys.personal()
    keys.world.clock.move(seconds=301)
    fresh = keys.world.refresh(tokens["refresh_token"]).json()
    own = {"Authorization": f"Bearer {fresh['access_token']}"}
    refused = keys.world.http.post("/api-keys", json=WANTED, headers=own)
    assert (refused.status_code, refused.json()["error"]) == (401, "insufficient_user_authentication")
    assert 'max_age="300"' in refused.headers["www-authenticate"]
    assert keys.world.http.get("/api-keys", headers=own).status_code == 200
    assert keys.world.http.delete(f"/api-keys/{made['id']}", headers=own).status_code == 204


def test_the_keys_of_others_are_as_unknown_as_those_that_never_were(keys: Keys):
    alices, services = keys.personal(), keys.service()
    other = {"username": "alice", "password": OTHER_PASSWORD, "client_id": "app", "scope": "account"}
    elsewhere = keys.world.http.post("/t/other/login", json=other).json()["access_token"]
    strangers: list[tuple[str, str, dict[str, Any]]] = [
        ("", alices["id"], {"headers": keys.bearer("bob")}),
        ("", services["id"], {"headers": keys.bearer("alice")}),
        ("", alices["id"], {"auth": keys.basic()}),
        ("", services["id"], {"auth": keys.basic("svc2")}),
        ("/t/other", alices["id"], {"headers": {"Authorization": f"Bearer {elsewhere}"}}),
        ("", "00000000-0000-4000-8000-000000000000", {"headers": keys.bearer("alice")}),
        ("", alices["id"].upper(), {"headers": keys.bearer("alice")}),
        ("", alices["id"].replace("-", ""), {"headers": keys.bearer("alice")}),
        ("", "x" * 1_000, {"headers": keys.bearer("alice")}),
        ("", alices["key"], {"headers": keys.bearer("alice")}),
    ]
    answers = [
        keys.world.http.request(method, f"{tenant}/api-keys/{key_id}", **how)
        for tenant, key_id, how in strangers
        for method in ("GET", "DELETE")
    ]
    told = {json.dumps({**answer.json(), "request_id": ""}) for answer in answers}
    assert {answer.status_code for answer in answers} == {404}
    assert len(told) == 1
    for tenant, how in (strangers[0][::2], strangers[3][::2], strangers[4][::2]):
        assert keys.world.http.get(f"{tenant}/api-keys", **how).json() == {"api_keys": []}
    assert keys.is_good(alices["key"])
    assert keys.is_good(services["key"])


def test_of_many_revocations_one_is_told_that_it_did_it(keys: Keys):
    made, own = keys.personal(), keys.bearer()

    def revoke(_: int) -> int:
        return keys.world.http.delete(f"/api-keys/{made['id']}", headers=own).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(revoke, range(16)))
    assert sorted(statuses) == [204] + [404] * 15
    assert keys.world.http.get(f"/api-keys/{made['id']}", headers=own).status_code == 404
    assert keys.world.http.get("/api-keys", headers=own).json() == {"api_keys": []}


def test_nobody_has_more_than_so_many_live_keys(small_keys: Keys):
    made = [small_keys.service(expires_in=600) for _ in range(MAX_LIVE_KEYS)]
    refused = small_keys.create_service()
    assert (refused.status_code, refused.json()["error"]) == (409, "too_many_api_keys")
    assert small_keys.personal()["id"]
    small_keys.world.http.delete(f"/api-keys/{made[0]['id']}", auth=small_keys.basic())
    assert small_keys.service()["id"]
    assert small_keys.create_service().status_code == 409
    small_keys.world.clock.move(seconds=600)
    assert small_keys.service()["id"]


def test_nobody_gets_more_by_asking_at_the_very_same_instant(keys: Keys):
    for _ in range(MAX_LIVE_KEYS - 1):
        keys.service()
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: keys.create_service().status_code, range(8)))
    assert sorted(statuses) == [201] + [409] * 7


def test_who_made_and_revoked_a_key_is_in_the_audit_trail(keys: Keys):
    made = keys.create()
    gone = keys.world.http.delete(f"/api-keys/{made.json()['id']}", headers=keys.bearer())
    served = keys.create_service()
    with keys.world.change() as uow:
        rows = [uow.audit.find_request(answer.headers["x-request-id"]) for answer in (made, gone, served)]
    alice = keys.world.user().id
    assert [(event.event, event.user_id, event.client_id) for (event,) in rows] == [
        ("api_key.created", alice, None),
        ("api_key.revoked", alice, None),
        ("api_key.created", None, "svc"),
    ]
    assert rows[0][0].detail == f"API key {made.json()['id']}"


def test_a_disabled_person_has_no_keys_to_make_or_see(keys: Keys):
    own = keys.bearer()
    with keys.world.change() as uow:
        uow.users.disable(keys.world.user().id, keys.world.clock())
    assert keys.world.http.post("/api-keys", json=WANTED, headers=own).status_code == 401
    assert keys.world.http.get("/api-keys", headers=own).status_code == 401


def test_two_authorization_headers_are_refused(small_keys: Keys):
    basic = next(small_keys.basic().sync_auth_flow(httpx.Request("GET", ISSUER))).headers["authorization"]
    twice = [("Authorization", basic), *small_keys.bearer().items()]
    assert small_keys.world.http.get("/api-keys", headers=twice).status_code == 400
