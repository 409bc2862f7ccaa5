"""The edge: where handlers run, when the transaction is committed, and what a fault looks like."""

import threading
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from authsvc.errors import StorageUnavailable
from authsvc.storage.sql.unit_of_work import SqlUnitOfWork
from authsvc.storage.sql.work import Work
from authsvc.web import endpoint as endpoint_module
from authsvc.web.permits import Turns
from tests.flows import assertions
from tests.flows.world import PASSWORD, World, running_world


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The path of each request with the thread that answered it."""
    seen: list[tuple[str, str]] = []
    original: Callable[..., Any] = endpoint_module._in_transaction

    @wraps(original)
    def noting(arrival: Any, call: Any) -> Any:
        answer = original(arrival, call)
        seen.append((call.request.path, threading.current_thread().name))
        return answer

    monkeypatch.setattr(endpoint_module, "_in_transaction", noting)
    return seen


def test_every_handler_that_needs_a_database_runs_on_a_named_lane(small_world: World, threads: list[tuple[str, str]]):
    found = small_world.tokens(scope="account openid")
    small_world.refresh(found["refresh_token"])
    small_world.get("/me", found["access_token"])
    small_world.token("legacy", "password", username="bob", password=PASSWORD, scope="openid")
    small_world.http.post("/register", json={"username": "karl", "password": PASSWORD})
    small_world.http.post("/logout", headers={"Authorization": f"Bearer {found['access_token']}"})
    assert {path: name for path, name in threads if path != "/token"} == {
        "/login": "lane-people", "/me": "lane-people", "/register": "lane-people", "/logout": "lane-people",
    }  # fmt: skip
    assert [name for path, name in threads if path == "/token"] == ["lane-machine", "lane-people"]


def test_what_the_caches_know_is_answered_on_the_loop_but_for_slow_signatures(
    tmp_path: Path, threads: list[tuple[str, str]]
):
    with running_world(f"sqlite:///{tmp_path}/authsvc.db", tmp_path) as world:
        for algorithm in ("ES256", "RS256", "EdDSA"):
            assert world.token(scope=f"{algorithm.lower()}:read").status_code == 200
        # The change feed is read once a second: then a thread is needed whatever the algorithm.
        on_loop = {
            algorithm: "app-loop" in {_thread_of(world, threads, algorithm) for _ in range(20)}
            for algorithm in ("ES256", "RS256", "EdDSA")
        }
    assert on_loop == {"ES256": True, "RS256": False, "EdDSA": True}


def test_an_assertion_that_is_judged_on_the_loop_counts_once(tmp_path: Path, threads: list[tuple[str, str]]):
    with running_world(f"sqlite:///{tmp_path}/authsvc.db", tmp_path) as world:

        def body() -> bytes:
            fields = assertions.fields("signer", None, world.tenant.issuer, world.clock())
            return urlencode({"grant_type": "client_credentials", "scope": "es256:read", **fields}).encode()

        used = [body() for _ in range(20)]
        assert {world.raw("/token", each).status_code for each in used} == {200}
        assert "app-loop" in {thread for _, thread in threads}
        assert {world.raw("/token", each).json()["error"] for each in used} == {"invalid_client"}


def _thread_of(world: World, threads: list[tuple[str, str]], algorithm: str) -> str:
    assert world.token(scope=f"{algorithm.lower()}:read").status_code == 200
    return threads[-1][1]


def test_the_transaction_is_committed_before_the_answer_leaves(small_world: World, monkeypatch: pytest.MonkeyPatch):
    order: list[str] = []
    commit = SqlUnitOfWork.commit

    def noting(uow: SqlUnitOfWork) -> None:
        commit(uow)
        # The jobs commit too, at moments of their own.
        if threading.current_thread().name.startswith("lane-"):
            order.append("committed")

    monkeypatch.setattr(SqlUnitOfWork, "commit", noting)

    async def send(message: Any) -> None:
        order.append(message["type"])

    body = f"username=alice&password={PASSWORD.replace(' ', '+')}&client_id=app&scope=openid".encode()
    scope = {
        "type": "http", "method": "POST", "path": "/login", "raw_path": b"/login", "query_string": b"",
        "headers": [(b"content-type", b"application/x-www-form-urlencoded"), (b"host", b"localhost:8000")],
        "client": ("127.0.0.1", 1), "server": ("localhost", 8000), "scheme": "http", "http_version": "1.1",
    }  # fmt: skip
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:
        return messages.pop(0)

    async def call() -> None:
        await small_world.app(scope, receive, send)

    small_world.run(call())
    assert order[-3:] == ["committed", "http.response.start", "http.response.body"]


def test_a_commit_that_fails_is_no_success(small_world: World, monkeypatch: pytest.MonkeyPatch):
    token = small_world.refresh_token()
    before = small_world.rows()
    commit = Work.commit

    def failing(work: Work) -> None:
        if work.begun:
            work.rollback()
            raise StorageUnavailable("the disk is full")
        commit(work)

    monkeypatch.setattr(Work, "commit", failing)
    answers = [small_world.refresh(token), small_world.http.post("/logout", data={
        "refresh_token": token, "client_id": "app",
    })]  # fmt: skip
    monkeypatch.undo()
    for answer in answers:
        assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
        assert answer.headers["retry-after"] == "1"
        assert "disk" not in answer.text
    assert small_world.rows() == before
    assert small_world.refresh(token).status_code == 200


def test_the_end_of_a_family_that_cannot_be_stored_is_said(small_world: World, monkeypatch: pytest.MonkeyPatch):
    """A reuse whose effect is lost must not be answered as if the family had ended (THREATS: fosite)."""
    token = small_world.refresh_token()
    successor = small_world.refresh(token).json()["refresh_token"]
    small_world.clock.move(seconds=11)
    commit = Work.commit

    def failing(work: Work) -> None:
        if work.begun:
            work.rollback()
            raise StorageUnavailable("away")
        commit(work)

    monkeypatch.setattr(Work, "commit", failing)
    assert small_world.refresh(token).status_code == 503
    monkeypatch.undo()
    assert small_world.refresh(token).json()["error"] == "invalid_grant"
    assert small_world.refresh(successor).json()["error"] == "invalid_grant"


def test_a_fault_nobody_thought_of_is_told_without_its_words(small_world: World, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> None:
        raise RuntimeError("SELECT secret FROM clients; driver says no")

    monkeypatch.setattr(endpoint_module, "_in_transaction", broken)
    answer = small_world.token("svc2")
    assert (answer.status_code, answer.json()["error"]) == (500, "server_error")
    assert "SELECT" not in answer.text
    assert "driver" not in answer.text
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_a_long_text_does_not_swell_the_audit_trail(small_world: World):
    answer = small_world.token("svc", scope="es256:read", resource="https://nowhere.example/" + "x" * 20_000)
    with small_world.change() as uow:
        (event,) = uow.audit.find_request(answer.json()["request_id"])
    assert event.detail is not None
    assert 0 < len(event.detail) <= 256


def test_a_secret_in_the_wrong_field_is_not_kept_in_the_audit_trail(small_world: World):
    secret = small_world.secrets["svc2"]
    answer = small_world.token("svc", scope="es256:read", resource=secret)
    with small_world.change() as uow:
        (event,) = uow.audit.find_request(answer.json()["request_id"])
    assert secret not in str(event)


def test_one_name_signs_in_one_at_a_time_but_waits_for_no_other_address(
    small_world: World, monkeypatch: pytest.MonkeyPatch
):
    """A crowd that guesses at a name must not keep its owner, elsewhere, waiting."""
    keys: list[str] = []
    original = Turns.of

    def noting(turns: Turns, key: str) -> Any:
        keys.append(key)
        return original(turns, key)

    monkeypatch.setattr(Turns, "of", noting)
    form = {"username": "alice", "password": "wrong", "client_id": "app", "scope": "openid"}
    small_world.http.post("/login", data=form)
    small_world.http.post("/login", data={**form, "username": " ALICE"})
    small_world.token("legacy", "password", username="alice", password="wrong")
    with small_world.from_address("203.0.113.9") as elsewhere:
        elsewhere.post("/login", data=form)
    assert len(keys) == 4
    assert keys[0] == keys[1] == keys[2] != keys[3]
