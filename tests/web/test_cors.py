"""Which browsers on other origins may read answers: registered ones, and never with cookies."""

import pytest

from authsvc.errors import AuthsvcError, StorageUnavailable
from authsvc.web import cors
from authsvc.web.lanes import Lane
from authsvc.web.rush import Overloaded
from tests.flows.world import ISSUER, ORIGIN, World


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


@pytest.mark.parametrize("error", [Overloaded("lane machine"), StorageUnavailable("away")])
def test_what_could_not_be_read_is_not_done(
    small_world: World, monkeypatch: pytest.MonkeyPatch, error: AuthsvcError
):  # fmt: skip
    def nobody_can_tell(*_: object, **__: object) -> bool:
        raise error

    monkeypatch.setattr(cors, "_is_registered", nobody_can_tell)
    token, rows = small_world.tokens()["access_token"], small_world.rows()
    form = {"client_id": "app", "token": token}
    answer = small_world.http.post("/revoke", data=form, headers={"Origin": ORIGIN})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (503, "*")
    assert "retry-after" in answer.headers["access-control-expose-headers"]
    assert answer.json()["error"] == "temporarily_unavailable"
    assert int(answer.headers["retry-after"]) >= 1
    assert small_world.rows() == rows
    document = small_world.get("/jwks", Origin=ORIGIN)
    assert (document.status_code, document.headers["access-control-allow-origin"]) == (200, "*")
    assert "access-control-allow-origin" not in small_world.http.options("/token", headers={"Origin": ORIGIN}).headers
    own = small_world.http.post("/revoke", data=form, headers={"Origin": ISSUER})
    assert (own.status_code, small_world.get("/userinfo", token).status_code) == (200, 401)


def test_an_origin_that_the_caches_know_needs_no_thread(small_world: World, monkeypatch: pytest.MonkeyPatch):
    def known(*_: object, from_memory: bool = False) -> bool:
        return from_memory

    async def no_thread(*_: object, **__: object) -> None:
        raise Overloaded("lane machine")

    monkeypatch.setattr(cors, "_is_registered", known)
    monkeypatch.setattr(Lane, "run", no_thread)
    answer = small_world.http.options("/token", headers={"Origin": ORIGIN})
    assert answer.headers["access-control-allow-origin"] == ORIGIN
