"""Which browsers on other origins may read answers: registered ones, and never with cookies."""

import pytest

from tests.flows.world import ORIGIN, World


@pytest.mark.parametrize("path", ["/token", "/login", "/logout", "/me", "/register"])
def test_a_registered_origin_gets_its_preflight(small_world: World, path):
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    answer = small_world.http.options(path, headers=asked)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, ORIGIN)
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "authorization" in answer.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in answer.headers
    assert "origin" in answer.headers["vary"]


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "", ORIGIN + ".evil.example", ORIGIN + "/", ORIGIN.upper(), "*", "é"]
)
@pytest.mark.parametrize("method", ["OPTIONS", "POST"])
def test_another_origin_reads_nothing(small_world: World, origin, method):
    headers = [(b"origin", origin.encode())]
    answer = small_world.http.request(method, "/token", headers=headers)
    assert "access-control-allow-origin" not in answer.headers
    assert "origin" in answer.headers["vary"]


def test_an_origin_of_one_tenant_is_foreign_to_the_other(small_world: World):
    with small_world.change(small_world.other) as uow:
        uow.clients.disable("app", small_world.clock())
    asked = {"Origin": ORIGIN}
    assert "access-control-allow-origin" in small_world.http.options("/token", headers=asked).headers
    assert "access-control-allow-origin" not in small_world.http.options("/t/other/token", headers=asked).headers


def test_a_refusal_can_be_read_by_a_registered_origin(small_world: World):
    answer = small_world.http.post("/token", headers={"Origin": ORIGIN})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (401, ORIGIN)
    assert "x-request-id" in answer.headers["access-control-expose-headers"]
