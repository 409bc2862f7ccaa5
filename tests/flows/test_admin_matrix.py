"""Every route of the admin API, called by everybody: a route without a rule, or open to one caller too many, fails."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from authsvc.domain.administration import ADMIN_SCOPES
from authsvc.web.api.admin.rules import RULES
from authsvc.web.edge import Edge
from tests.flows.administrators import Admins
from tests.flows.world import OTHER_PASSWORD, World, running_world

BODIES: dict[str, dict[str, Any]] = {
    "POST /admin/users": {"username": "matrix"},
    "PATCH /admin/users/{user_id}": {},
    "POST /admin/resources": {"audience": "https://matrix.example"},
    "PATCH /admin/resources/{resource_id}": {},
    "POST /admin/tenants": {"name": "matrix", "issuer": "https://matrix.example"},
    "PATCH /admin/tenants/{name}": {},
}
"""A body for each route that needs one: what is malformed is refused before anybody is asked who they are."""
IMPORT = "POST /admin/users/import"
"""Takes a file."""
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def admins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Admins]:
    directory = tmp_path_factory.mktemp("admin-matrix")
    with running_world(f"sqlite:///{directory}/authsvc.db", directory) as world:
        yield Admins(world)


def running_routes(world: World) -> set[str]:
    """Every method and path below /admin that the application answers."""
    assert isinstance(world.app, Edge)
    application = world.app._app
    assert isinstance(application, FastAPI)
    mapped = {f"{method} {path}" for path, endpoint in world.app._endpoints.items() for method in endpoint.handlers}
    for route in application.router.routes:
        assert isinstance(route, APIRoute)
        mapped |= {f"{method} {route.path}" for method in route.methods or ()}
    return {name for name in mapped if name.split(" ")[1].startswith("/admin")}


def everybody(admins: Admins) -> dict[str, tuple[str, str | None, frozenset[str]]]:
    """Each caller: the tenant's path, the token, and the scopes that it is worth; None: not known at all."""
    world, everything = admins.world, tuple(sorted(ADMIN_SCOPES))
    other = {"username": "alice", "password": OTHER_PASSWORD, "client_id": "app", "scope": "account"}
    here, elsewhere = admins.token(*everything), admins.token(*(everything[:4]), tenant=world.other)
    nothing = frozenset[str]()
    callers: dict[str, tuple[str, str | None, frozenset[str]]] = {
        "anonymous": ("", None, nothing),
        "nonsense": ("", "x", nothing),
        "person": ("", world.tokens(scope="account")["access_token"], nothing),
        "person's ID token": ("", world.tokens(scope="openid")["id_token"], nothing),
        "service": ("", world.token("svc", scope="es256:read").json()["access_token"], nothing),
        "person elsewhere": ("", world.http.post("/t/other/login", json=other).json()["access_token"], nothing),
        "administrator of another tenant": ("", elsewhere, nothing),
        "administrator at another tenant": ("/t/other", here, nothing),
    }
    return callers | {scope: ("", admins.token(scope), frozenset({scope})) for scope in everything}


def test_every_route_has_its_rule_and_every_rule_its_route(admins: Admins):
    assert running_routes(admins.world) == set(RULES)
    assert set(RULES.values()) <= ADMIN_SCOPES


def test_every_route_is_open_to_its_scope_and_to_nobody_else(admins: Admins):
    callers = everybody(admins)
    for name in sorted(running_routes(admins.world)):
        method, path = name.split(" ")
        path = re.sub(r"\{\w+\}", NOBODY, path)
        for who, (tenant, token, scopes) in callers.items():
            bearer = {"Authorization": f"Bearer {token}"} if token else {}
            body: dict[str, Any] = {"json": BODIES.get(name)}
            headers = {"If-Match": "*", **bearer}
            if name == IMPORT:
                body, headers = {"content": b"username\n"}, {"Content-Type": "text/csv", **bearer}
            answer = admins.world.http.request(method, f"{tenant}{path}", headers=headers, **body)
            case = f"{name} by {who}: {answer.status_code} {answer.text}"
            if RULES.get(name) in scopes:
                assert answer.status_code in (200, 201, 202, 404), case
            elif scopes:
                assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope"), case
                assert f'scope="{RULES[name]}"' in answer.headers["www-authenticate"], case
            else:
                assert answer.status_code == 401, case
                assert "www-authenticate" in answer.headers, case


def test_no_refusal_is_told_what_is_there(admins: Admins):
    """Whether a user exists, those who may not ask are told in the same words."""
    real, bearer = str(admins.world.user().id), {"Authorization": f"Bearer {admins.token('admin:users:write')}"}
    answers = [
        admins.world.http.get(f"/admin/users/{user_id}", headers=headers)
        for user_id in (real, NOBODY)
        for headers in ({}, bearer)
    ]
    told = [(answer.status_code, {**answer.json(), "request_id": ""}) for answer in answers]
    assert told[:2] == told[2:]
