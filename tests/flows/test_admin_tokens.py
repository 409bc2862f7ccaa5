"""Who gets a token for the admin API, and what it is good for."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from authsvc.domain.administration import admin_audience
from authsvc.domain.parties.resources import Resource
from tests.flows.administrators import Admins
from tests.flows.asking import introspect
from tests.flows.test_rfc6750_bearer import claims
from tests.flows.world import AUDIENCES, ISSUER, World, audience, running_world

ADMIN = admin_audience(ISSUER)
READ, WRITE = "admin:users:read", "admin:users:write"


@pytest.fixture
def admins(small_world: World) -> Admins:
    return Admins(small_world)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Admins]:
    """One world for what stores nothing."""
    directory = tmp_path_factory.mktemp("admin-tokens")
    with running_world(f"sqlite:///{directory}/authsvc.db", directory) as world:
        yield Admins(world)


def test_a_client_that_has_nothing_else_asks_for_no_scope(shared: Admins):
    token = claims(shared.ask(shared.client(READ, WRITE)).json()["access_token"])
    assert (token["aud"], token["scope"]) == (ADMIN, f"{READ} {WRITE}")
    assert token["sub"] == token["client_id"]


def test_a_client_that_has_more_asks_by_name_or_by_scope(shared: Admins):
    both: dict[str, Any] = {
        "scopes": frozenset({READ, WRITE, "es256:read"}),
        "resources": frozenset({ADMIN, audience("ES256")}),
    }
    client = shared.client(**both)
    by_scope, by_name = shared.ask(client, scope=READ), shared.ask(client, resource=ADMIN)
    assert claims(by_scope.json()["access_token"])["aud"] == ADMIN
    assert by_name.json()["scope"] == f"{READ} {WRITE}"
    ordinary = claims(shared.ask(client).json()["access_token"])
    assert (ordinary["aud"], ordinary["scope"]) == (audience("ES256"), "es256:read")


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        pytest.param({"scope": f"{READ} es256:read"}, "invalid_scope", id="with-another-scope"),
        pytest.param({"resource": [ADMIN, audience("ES256")]}, "invalid_target", id="with-another-resource"),
        pytest.param({"resource": ADMIN, "scope": "es256:read"}, "invalid_scope", id="another-scope-there"),
        pytest.param({"resource": audience("ES256"), "scope": READ}, "invalid_scope", id="its-scope-elsewhere"),
        pytest.param({"scope": "admin:clients:read"}, "invalid_scope", id="a-scope-it-has-not"),
    ],
)
def test_a_token_for_the_admin_api_is_for_nothing_else(shared: Admins, fields: dict[str, Any], error: str):
    both: dict[str, Any] = {
        "scopes": frozenset({READ, "es256:read"}),
        "resources": frozenset({ADMIN, audience("ES256")}),
    }
    refused = shared.ask(shared.client(**both), **fields)
    assert (refused.status_code, refused.json()["error"]) == (400, error)


def test_scopes_alone_make_no_administrator(shared: Admins):
    client = shared.client(READ, resources=frozenset({audience("ES256")}))
    asked: tuple[dict[str, Any], ...] = (
        {"scope": READ},
        {"resource": ADMIN},
        {"scope": READ, "resource": audience("ES256")},
    )
    for fields in asked:
        assert shared.ask(client, **fields).status_code == 400


def test_no_person_signs_in_to_the_admin_api(admins: Admins):
    """Whatever the app may have: else everybody who uses it would be an administrator."""
    with admins.world.change() as uow:
        app = uow.clients.get("app")
        assert app is not None
        uow.clients.save(replace(app, scopes=app.scopes | {READ}, resources=app.resources | {ADMIN}))
    refused = admins.world.login(scope=f"openid {READ}")
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")
    assert admins.world.login(resource=ADMIN, scope=READ).status_code == 400


def test_a_persons_token_is_no_administrators_whatever_it_says(admins: Admins):
    """Somebody has registered a resource of that very name and scope: its tokens are signed and true, and refused."""
    world = admins.world
    with world.change() as uow:
        uow.resources.add(Resource(ADMIN, "A trap", frozenset({READ}), "ES256", None, world.clock()))
        web = uow.clients.get("web")
        assert web is not None
        grants = web.grant_types | {"client_credentials"}
        uow.clients.save(
            replace(web, scopes=web.scopes | {READ}, resources=web.resources | {ADMIN}, grant_types=grants)
        )
    token = world.tokens(client="web", scope=READ, resource=ADMIN)["access_token"]
    assert (claims(token)["aud"], claims(token)["scope"]) == (ADMIN, READ)
    assert world.get("/admin/users", token).status_code == 401


def test_what_is_taken_from_an_administrator_is_gone_from_its_tokens(admins: Admins):
    world = admins.world
    changes = (
        {"scopes": frozenset({WRITE})},
        {"resources": AUDIENCES},
        {"grant_types": frozenset({"refresh_token"})},
        {"disabled_at": world.clock()},
    )
    for changed in changes:
        client = admins.client(READ)
        token = admins.ask(client).json()["access_token"]
        assert world.get("/admin/users", token).status_code == 200
        with world.change() as uow:
            found = uow.clients.get(client[0])
            assert found is not None
            uow.clients.save(replace(found, **changed))
        assert world.get("/admin/users", token).status_code in (401, 403), changed


def test_an_admin_token_can_be_revoked_and_asked_about_by_its_own_client(admins: Admins):
    client = admins.client(READ)
    token = admins.ask(client).json()["access_token"]
    asked = admins.world.http.post("/introspect", data={"token": token}, auth=client)
    assert (asked.json()["active"], asked.json()["aud"]) == (True, ADMIN)
    assert introspect(admins.world, token, "svc").json() == {"active": False}
    assert admins.world.http.post("/revoke", data={"token": token}, auth=client).status_code == 200
    assert admins.world.get("/admin/users", token).status_code == 401


def test_no_key_leads_to_the_admin_api_and_no_metadata_tells_of_its_scopes(shared: Admins):
    client = shared.client(READ, "es256:read", resources=frozenset({ADMIN, audience("ES256")}))
    for asked in ({"scopes": [READ]}, {"scopes": ["es256:read"], "resources": [ADMIN]}):
        made = shared.world.http.post("/api-keys", json={"name": "x", **asked}, auth=client)
        assert made.status_code == 422, made.text
    assert READ not in shared.world.get("/.well-known/openid-configuration").text
