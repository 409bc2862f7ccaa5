"""Key sets whose hosts are away, slow or hostile: bounded waits, plain answers, and nobody else held up."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx
import pytest

from authsvc.outbound.fetcher import FetchLimits, GuardedFetcher
from authsvc.settings import Outbound
from authsvc.storage.cache import Cache
from tests.flows.assertions import a_key, fields, jwks
from tests.flows.hasty_cache import hasty_cache
from tests.flows.world import World, running_world
from tests.outbound.strangers import Held, Stranger, an_answer, eventually, stranger

GOOD = an_answer(jwks(a_key("ES256", "signer")).encode())


@contextmanager
def world_beside(*servers: Stranger, directory: Path, waiting: int = 1) -> Iterator[World]:
    hosts = tuple(f"127.0.0.1:{server.port}" for server in servers)
    outbound = Outbound(allowed_hosts=hosts, waiting_threads=waiting)
    with running_world(f"sqlite:///{directory}/authsvc.db", directory, outbound=outbound) as world:
        yield world


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("authsvc.app.Cache", hasty_cache)
    # For the stranger's answer, while the test asks for other things.
    monkeypatch.setattr("authsvc.app.FetchLimits", partial(FetchLimits, deadline_seconds=20.0))


def keys_at(world: World, client: str, server: Stranger) -> None:
    with world.change() as uow:
        stored = uow.clients.get(client)
        assert stored is not None
        uow.clients.save(replace(stored, jwks=None, jwks_uri=f"http://127.0.0.1:{server.port}/{client}"))


def ask(world: World, client: str = "signer") -> httpx.Response:
    proof = fields(client, None, world.tenant.issuer, world.clock())
    return world.http.post("/token", data=proof | {"grant_type": "client_credentials", "scope": "es256:read"})


def test_while_one_waits_for_a_stranger_the_next_is_told_to_come_back_and_others_are_served(tmp_path: Path):
    held = Held(GOOD)
    with (
        stranger(held) as slow,
        stranger(GOOD) as quick,
        world_beside(slow, quick, directory=tmp_path) as world,
        ThreadPoolExecutor(1) as pool,
    ):
        keys_at(world, "signer", slow)
        keys_at(world, "signer-rsa", quick)
        waiting = pool.submit(ask, world)
        eventually(lambda: held.waiting)
        refused = ask(world, "signer-rsa")
        assert (refused.status_code, refused.json()["error"]) == (503, "temporarily_unavailable")
        assert int(refused.headers["Retry-After"]) >= 1
        assert quick.connections == 0
        assert world.token("svc", scope="es256:read").status_code == 200
        assert world.token("sharer", scope="es256:read").status_code == 200
        held.free.set()
        assert waiting.result(60).status_code == 200


def test_the_event_loop_waits_for_no_stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("authsvc.app.Cache", Cache)
    held, client = Held(GOOD), "signer"
    with stranger(held) as slow, world_beside(slow, directory=tmp_path) as world, ThreadPoolExecutor(1) as pool:
        keys_at(world, client, slow)
        # The caches know the client, so that no look at the database sends the request to a thread.
        unproved = {"grant_type": "client_credentials", "client_id": client, "client_secret": "x"}
        assert [world.http.post("/token", data=unproved).status_code for _ in range(2)] == [401, 401]
        waiting = pool.submit(ask, world, client)
        eventually(lambda: held.waiting)
        assert world.http.get("/jwks").status_code == 200
        held.free.set()
        assert waiting.result(60).status_code == 200
        # Had the loop waited, then until the fetch was given up and a thread began another.
        assert slow.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(an_answer(status="500 Oops"), id="fault"),
        pytest.param(an_answer(status="302 Found", headers={"Location": "http://127.0.0.1/"}), id="redirect"),
        pytest.param(an_answer(b"{}"), id="no key set"),
        pytest.param(an_answer(b"x" * 70_000), id="huge"),
        pytest.param(an_answer(b"\xff\x00{"), id="no text"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_keys_that_cannot_be_read_fail_the_attempt_and_nothing_else(tmp_path: Path, answer: bytes):
    with stranger(answer) as bad, world_beside(bad, directory=tmp_path) as world:
        keys_at(world, "signer", bad)
        for _ in range(5):
            refused = ask(world)
            assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
        assert 1 <= bad.connections <= 3


def test_keys_that_were_read_once_serve_while_their_host_is_away(tmp_path: Path):
    with stranger(GOOD) as server, world_beside(server, directory=tmp_path) as world:
        keys_at(world, "signer", server)
        assert ask(world).status_code == 200
        server.close()
        assert ask(world).status_code == 200


def test_the_fetcher_ends_with_the_application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    closed: list[bool] = []

    class Noted(GuardedFetcher):
        def close(self) -> None:
            super().close()
            closed.append(True)

    monkeypatch.setattr("authsvc.app.GuardedFetcher", Noted)
    with world_beside(directory=tmp_path):
        assert closed == []
    assert closed == [True]
