import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from authsvc.protocol.client_auth import METHODS
from authsvc.protocol.grants import GRANTS
from authsvc.settings import Registration
from authsvc.web.documented import bodies
from authsvc.web.documented.operations import OPERATIONS
from authsvc.web.documented.schemas import SCHEMAS
from authsvc.web.edge import Edge
from authsvc.web.openapi import openapi_document
from tests.flows.world import FORM, ISSUER, PASSWORD, World, running_world

JSON = "application/json"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("openapi")
    with running_world(f"sqlite:///{directory}/authsvc.db", directory) as running:
        yield running


@pytest.fixture(scope="module")
def document(world: World) -> dict[str, Any]:
    return dict(world.http.get("/openapi.json").json())


def running_operations(edge: object) -> set[str]:
    """Every method and path that the application answers."""
    assert isinstance(edge, Edge)
    application = edge._app
    assert isinstance(application, FastAPI)
    found = {f"{method} {path}" for path, endpoint in edge._endpoints.items() for method in endpoint.handlers}
    for route in application.router.routes:
        assert isinstance(route, APIRoute), f"{route}: how is it described?"
        found |= {f"{method} {route.path}" for method in route.methods or ()}
    return found


def documented_operations(document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def check_documented(document: Mapping[str, Any], answer: httpx.Response) -> None:
    """That status, media type, members and error code of an answer are in the document."""
    key = f"{answer.request.method} {answer.request.url.path}"
    described = documented_operations(document)[key]["responses"]
    assert str(answer.status_code) in described, f"{key} answered {answer.status_code}: {answer.text}"
    content = described[str(answer.status_code)].get("content", {})
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    assert media_type in content or (not content and not answer.content)
    if not media_type.endswith("json"):
        return
    schema = content[media_type]["schema"]
    for part in schema.get("allOf", [schema]):
        name = part.get("$ref", "").rpartition("/")[2]
        shape = document["components"]["schemas"][name] if name else part
        assert set(shape.get("required", ())) <= answer.json().keys()
        if "required" in shape and name != "Metadata":
            assert answer.json().keys() <= shape["properties"].keys()
        if "enum" in shape.get("properties", {}).get("error", {}):
            assert answer.json()["error"] in shape["properties"]["error"]["enum"]
    for header in described[str(answer.status_code)].get("headers", {}):
        assert header in answer.headers or header == "Accept-Post"


def test_every_route_of_the_running_application_is_in_the_document_and_nothing_else_is(
    world: World, document: dict[str, Any]
) -> None:
    assert documented_operations(document).keys() == running_operations(world.app)


def test_every_route_has_its_row_and_every_row_its_route(world: World) -> None:
    # `authsvc dev` alone has the outbox.
    assert running_operations(world.app) | {"GET /dev/outbox"} == set(OPERATIONS)


def test_every_documented_path_answers_as_documented(world: World, document: dict[str, Any]) -> None:
    for key in documented_operations(document):
        method, path = key.split(" ")
        answer = world.http.request(method, path)
        assert answer.status_code not in {404, 405, 500}, key
        check_documented(document, answer)


def test_the_url_of_a_registration_names_its_client(document: dict[str, Any]) -> None:
    described = document["paths"]["/connect/register"]
    for method, operation in described.items():
        names = [each["name"] for each in operation.get("parameters", ())]
        assert names == ([] if method == "post" else ["client_id"])


def test_a_route_that_is_switched_off_is_not_documented(tmp_path: Path) -> None:
    closed = Registration(open=False)
    with running_world(f"sqlite:///{tmp_path}/authsvc.db", tmp_path, registration=closed) as world:
        document = world.http.get("/openapi.json").json()
    assert "/register" not in document["paths"]
    assert "/me" in document["paths"]


@pytest.mark.parametrize(
    ("path", "headers", "body", "status", "code"),
    [
        pytest.param("/token", {}, "grant_type=client_credentials", 401, "invalid_client", id="no-client"),
        pytest.param("/token", {}, "client_id=app", 400, "invalid_request", id="no-grant-type"),
        pytest.param("/token", {}, "client_id=app&grant_type=x", 400, "unsupported_grant_type", id="unknown-grant"),
        pytest.param(
            "/token", {}, "client_id=app&grant_type=client_credentials", 400, "unauthorized_client", id="not-its-grant"
        ),
        pytest.param(
            "/token", {}, "client_id=app&grant_type=refresh_token&refresh_token=x", 400, "invalid_grant", id="bad-grant"
        ),
        pytest.param("/token", {"content-type": "text/plain"}, "x", 415, "invalid_request", id="media-type"),
        pytest.param("/token", {}, "x=" + "x" * 70_000, 413, "invalid_request", id="too-large"),
        pytest.param("/token", {}, "%ff=%ff", 400, "invalid_request", id="not-utf-8"),
        pytest.param(
            "/login", {}, "client_id=app&username=nobody&password=wrong", 401, "invalid_credentials", id="bad-password"
        ),
        pytest.param(
            "/login", {}, f"client_id=app&username=dora&password={PASSWORD}", 403, "account_disabled", id="disabled"
        ),
        pytest.param("/login", {}, "client_id=stranger", 400, "unauthorized_client", id="not-first-party"),
        pytest.param(
            "/login", {"origin": "https://evil.example"}, "client_id=app", 403, "invalid_request", id="foreign-origin"
        ),
        pytest.param(
            "/login", {}, f"client_id=app&username=bob&password={PASSWORD}&scope=no", 400, "invalid_scope", id="scope"
        ),
        pytest.param(
            "/login", {}, f"client_id=app&username=bob&password={PASSWORD}&resource=https://x.example", 400,
            "invalid_target", id="target",
        ),
        pytest.param("/logout", {}, "", 401, "missing_token", id="logout-without-token"),
        pytest.param("/logout", {"authorization": "Bearer x"}, "", 401, "invalid_token", id="logout-bad-token"),
        pytest.param("/register", {}, "username=x", 422, "invalid_fields", id="fields"),
        pytest.param("/register", {}, f"username=alice&password={PASSWORD}", 409, "conflict", id="name-taken"),
        pytest.param("/register/confirm", {}, f"token=x&password={PASSWORD}", 400, "invalid_token", id="bad-link"),
        pytest.param("/api-keys", {}, "name=x", 422, "invalid_fields", id="api-key-fields"),
        pytest.param("/api-keys", {}, "name=x&scopes=x", 401, "missing_token", id="api-key-without-token"),
        pytest.param(
            "/api-keys", {"authorization": "Basic c3ZjOng="}, "name=x&scopes=x", 401, "invalid_client", id="api-basic"
        ),
        pytest.param("/me/password", {}, "current_password=x&new_password=y", 401, "missing_token", id="no-token"),
    ],
)  # fmt: skip
def test_every_refusal_is_documented(
    world: World, document: dict[str, Any], path: str, headers: dict[str, str], body: str, status: int, code: str
) -> None:
    answer = world.http.post(path, content=body, headers={"content-type": FORM, **headers})
    assert (answer.status_code, answer.json()["error"]) == (status, code)
    check_documented(document, answer)


def test_every_success_is_documented(world: World, document: dict[str, Any]) -> None:
    tokens = world.login(scope="openid account")
    bearer = {"authorization": f"Bearer {tokens.json()['access_token']}"}
    answers = [
        tokens,
        world.token("svc", scope="es256:read"),
        world.refresh(tokens.json()["refresh_token"]),
        world.http.post("/register", json={"username": "nina", "password": PASSWORD}),
        world.http.get("/me", headers=bearer),
        world.http.patch("/me", json={"name": "Alice Doe"}, headers=bearer),
        world.http.post("/api-keys", json={"name": "x", "scopes": ["es256:read"]}, headers=bearer),
        world.http.get("/api-keys", headers=bearer),
        world.http.post("/logout", headers=bearer),
    ]
    for answer in answers:
        assert answer.is_success, answer.text
        check_documented(document, answer)


def test_a_throttled_sign_in_is_documented(world: World, document: dict[str, Any]) -> None:
    answers = [world.login(username="irma", password="wrong") for _ in range(6)]
    assert answers[-1].status_code == 429
    check_documented(document, answers[-1])


def test_a_new_grant_type_is_documented_by_being_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    grant = SimpleNamespace(__doc__="A new one.", GRANT_TYPE="urn:new", PARAMETERS=frozenset({"assertion"}))
    monkeypatch.setitem(GRANTS, "urn:new", grant)
    shapes = {shape["title"]: shape for shape in bodies.token_body()["oneOf"]}
    assert shapes.keys() == GRANTS.keys()
    assert shapes["urn:new"]["properties"]["grant_type"]["const"] == "urn:new"
    assert "assertion" in shapes["urn:new"]["properties"]


def test_each_grant_type_names_its_parameters_and_which_of_them_it_needs(document: dict[str, Any]) -> None:
    body = document["paths"]["/token"]["post"]["requestBody"]["content"][FORM]["schema"]
    shapes = {shape["title"]: shape for shape in body["oneOf"]}
    for name, grant in GRANTS.items():
        assert shapes[name]["properties"].keys() >= grant.PARAMETERS
        optional = {"actor_token", "actor_token_type", "requested_token_type", "audience"}
        optional |= {"redirect_uri", "code_verifier"}
        assert set(shapes[name]["required"]) == {"grant_type"} | (grant.PARAMETERS - optional)


def test_each_client_authentication_method_is_told(document: dict[str, Any]) -> None:
    assert document["x-client-authentication"].keys() == METHODS.keys()
    assert all(document["x-client-authentication"].values())


def test_everything_is_described_and_every_reference_resolves(document: dict[str, Any]) -> None:
    identifiers = [operation["operationId"] for operation in documented_operations(document).values()]
    assert len(set(identifiers)) == len(identifiers)
    for key, operation in documented_operations(document).items():
        assert operation["summary"].endswith("."), key
        for content in operation.get("requestBody", {}).get("content", {}).values():
            for shape in content["schema"].get("oneOf", [content["schema"]]):
                fields = shape["properties"].values() if "properties" in shape else [shape]
                assert all(field.get("description") for field in fields), key
    used = set(re.findall(r"#/components/schemas/(\w+)", str(document)))
    assert used == document["components"]["schemas"].keys() == SCHEMAS.keys()
    tags = {tag["name"] for tag in document["tags"]}
    assert {tag for operation in documented_operations(document).values() for tag in operation["tags"]} == tags


def test_post_endpoints_name_the_media_types_that_they_take(document: dict[str, Any]) -> None:
    posts = {path: methods["post"] for path, methods in document["paths"].items() if "post" in methods}
    assert "requestBody" not in posts.pop("/admin/clients/{client_id}/secrets"), "there is nothing to say"
    taken = {path: set(operation["requestBody"]["content"]) for path, operation in posts.items()}
    for path in ("/authorize", "/connect/logout", "/token", "/introspect", "/revoke", "/userinfo"):
        assert taken.pop(path) == {FORM}, path
    assert taken.pop("/connect/register") == {JSON}
    files = {"text/csv", "application/jsonl", "application/x-ndjson", "multipart/form-data"}
    assert taken.pop("/admin/users/import") == files
    for path, media_types in taken.items():
        assert media_types == ({FORM} if path.startswith("/ui/") else {JSON, FORM}), path


def test_a_file_in_a_form_is_described_so_that_programs_send_one(document: dict[str, Any]) -> None:
    content = document["paths"]["/admin/users/import"]["post"]["requestBody"]["content"]["multipart/form-data"]
    assert content["schema"]["properties"]["file"]["contentMediaType"] == "application/octet-stream"
    assert content["encoding"]["file"]["contentType"] == "text/csv, application/jsonl, application/x-ndjson"


def test_a_tenant_gets_the_document_of_its_own_issuer(world: World) -> None:
    answer = world.http.get("/t/other/openapi.json")
    assert answer.json()["servers"] == [{"url": f"{ISSUER}/t/other"}]
    assert f"{ISSUER}/t/other/token" in answer.text
    assert answer.headers["access-control-allow-origin"] == "*"


def test_a_route_without_a_row_is_documented_all_the_same() -> None:
    document = openapi_document(ISSUER, {}, [APIRoute("/new", lambda: None, methods=["POST"])])
    assert document["paths"]["/new"]["post"]["tags"] == ["Other"]
