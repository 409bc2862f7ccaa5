"""An assertion is good once: at every endpoint, on every node, after a restart, if it was taken (RFC 7523 §3)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Event

import httpx
import jwt
import pytest

from authsvc.app import create_app
from authsvc.jobs.purge import purging
from tests.flows.asserting import CLIENTS, GRANT, good, is_refused, post
from tests.flows.assertions import JWT_BEARER, own
from tests.flows.in_process import serving
from tests.flows.processes import at_once, serving_processes
from tests.flows.world import ISSUER, World, install
from tests.harness.postgres import free_port


@pytest.mark.parametrize("client", CLIENTS)
def test_an_assertion_is_good_once(world: World, client):
    token = good(world, client)
    assert post(world, token).status_code == 200
    assert is_refused(post(world, token))
    again = good(world, client, jti=jwt.decode(token, options={"verify_signature": False})["jti"])
    assert is_refused(post(world, again)), "the id counts, not the token"


@contextmanager
def another_node(world: World) -> Iterator[World]:
    """The same installation, served by an application that shares nothing with the first but the database."""
    app = create_app(world.settings, world.clock)
    with serving(app) as transport, httpx.Client(transport=transport, base_url=ISSUER) as http:
        yield replace(world, http=http)


def test_a_restart_forgets_no_assertion(world: World):
    token = good(world)
    assert post(world, token).status_code == 200
    with another_node(world) as restarted:
        assert is_refused(post(restarted, token))
        assert post(restarted, good(world)).status_code == 200


def test_a_used_assertion_is_remembered_for_as_long_as_anybody_might_take_it(small_world: World):
    """The purge must not make room for a replay, even by a node whose clock is a minute behind the purging one."""
    token = good(small_world)
    assert post(small_world, token).status_code == 200
    for seconds in (60, 59, 59):
        small_world.clock.move(seconds=seconds)
        _purge(small_world)
        assert is_refused(post(small_world, token))
        assert small_world.rows()["used_assertions"] == 1
    small_world.clock.move(days=1)
    _purge(small_world)
    assert small_world.rows()["used_assertions"] == 0


def _purge(world: World) -> None:
    purging(world.storage, world.clock, audit_seconds=1)(Event())


ENDPOINTS = ("/token", "/introspect", "/revoke")


@pytest.mark.parametrize("second", ENDPOINTS)
@pytest.mark.parametrize("first", ENDPOINTS)
def test_an_assertion_that_one_endpoint_has_taken_is_used_for_all(small_world: World, first, second):
    assertion = good(small_world)
    token = small_world.token("signer", scope="es256:read").json()["access_token"]
    assert post(small_world, assertion, path=first, token=token).status_code == 200
    assert is_refused(post(small_world, assertion, path=second, token=token))


@pytest.mark.parametrize("path", ["/introspect", "/revoke"])
def test_a_request_without_a_token_leaves_the_assertion_unused(small_world: World, path):
    assertion = good(small_world)
    assert post(small_world, assertion, path=path).status_code == 400
    assert post(small_world, assertion).status_code == 200


def test_of_64_parallel_uses_on_two_nodes_one_gets_a_token(world: World):
    token = good(world)
    with another_node(world) as second:
        nodes = (world, second)
        answers = at_once([partial(post, nodes[node % 2], token) for node in range(64)])
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 401}


def test_ids_of_one_client_are_not_those_of_another(small_world: World):
    for client in CLIENTS:
        assert post(small_world, good(small_world, client, jti="the same")).status_code == 200


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"scope": "unknown"}, id="scope"),
        pytest.param({"resource": "https://unknown.example"}, id="resource"),
        pytest.param({"grant_type": "password"}, id="grant"),
        pytest.param({"grant_type": None}, id="no grant"),
    ],
)
def test_a_request_refused_for_another_reason_leaves_the_assertion_unused(small_world: World, fields):
    token = good(small_world)
    assert post(small_world, token, **fields).status_code == 400
    assert post(small_world, token).status_code == 200
    assert is_refused(post(small_world, token))


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        pytest.param("/token", {"scope": "unknown"}, 400, id="token"),
        pytest.param("/revoke", {"token": "as_cs_x"}, 400, id="revoke"),
        pytest.param("/logout", {"refresh_token": "as_rt_x"}, 400, id="logout"),
    ],
)
def test_a_used_assertion_learns_nothing_of_what_else_is_wrong(small_world: World, path, fields, status):
    token = good(small_world)
    assert post(small_world, token, path=path, **fields).status_code == status
    assert post(small_world, token).status_code == 200
    assert post(small_world, token, path=path, **fields).status_code == 401


def test_a_disabled_client_is_refused_and_its_assertion_stays_unused(small_world: World):
    token = good(small_world)
    with small_world.change() as uow:
        uow.clients.disable("signer", small_world.clock())
    assert is_refused(post(small_world, token))
    with small_world.change() as uow:
        uow.clients.enable("signer")
    assert post(small_world, token).status_code == 200


@pytest.mark.timeout(300)
def test_of_64_parallel_uses_over_two_processes_one_gets_a_token(migrated_url: str, tmp_path: Path):
    found = install(migrated_url, tmp_path)
    with serving_processes(found.settings, [free_port(), free_port()], tmp_path / "log") as addresses:
        for client in ("signer", "sharer"):
            token = own(client, found.secrets.get(client), ISSUER, datetime.now(UTC))
            fields = {
                "grant_type": GRANT, "scope": "es256:read", "client_assertion_type": JWT_BEARER,
                "client_assertion": token,
            }  # fmt: skip
            answers = at_once([
                partial(httpx.post, f"{addresses[node % 2]}/token", data=fields, timeout=60, trust_env=False)
                for node in range(64)
            ])  # fmt: skip
            statuses = [answer.status_code for answer in answers]
            assert statuses.count(200) == 1
            assert set(statuses) <= {200, 401, 503}
