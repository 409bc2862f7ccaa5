"""Idempotency-Key: what is sent again is answered again, and done once."""

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import httpx
import pytest

from authsvc.domain.administration import ADMIN_SCOPES
from authsvc.web.api.admin.rules import RULES
from tests.flows.administrators import Admins
from tests.flows.api_keys import WANTED, Keys, with_keys
from tests.flows.world import World, audience, running_world

USERS, CLIENTS = "admin:users:write", "admin:clients:write"
BODIES: dict[str, dict[str, Any]] = {
    "POST /admin/users": {"username": "twice"},
    "POST /admin/clients": {"client_name": "Twice"},
    "POST /admin/clients/{client_id}/secrets": {},
    "POST /admin/resources": {"audience": "https://twice.example"},
    "POST /admin/tenants": {"name": "twice", "issuer": "https://twice.example"},
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Admins]:
    """One world for the tables."""
    directory = tmp_path_factory.mktemp("idempotency")
    with running_world(f"sqlite:///{directory}/authsvc.db", directory) as world:
        yield Admins(world)


def send(admins: Admins, path: str, key: str, scope: str, body: Any) -> httpx.Response:
    return admins.call(scope, "POST", path, json=body, headers={"Idempotency-Key": key})


def create(admins: Admins, key: str, **given: Any) -> httpx.Response:
    return send(admins, "/admin/users", key, USERS, {"username": "grace", **given})


def shown(answer: httpx.Response, *without: str) -> tuple[int, Any, dict[str, str]]:
    """What an answer says, but for what is another one's each time."""
    content = {name: value for name, value in answer.json().items() if name not in without}
    names = ("location", "etag", "content-type", "cache-control")
    return answer.status_code, content, {name: answer.headers[name] for name in names if name in answer.headers}


def test_every_route_that_creates_takes_a_key():
    elsewhere = {"POST /admin/users/import"}  # It takes a file: test_admin_user_import.py.
    assert {name for name in RULES if name.startswith("POST ")} - elsewhere == set(BODIES)


@pytest.mark.parametrize("name", sorted(BODIES))
def test_what_is_sent_again_is_answered_again_and_done_once(shared: Admins, name: str):
    path = name.removeprefix("POST ").replace("{client_id}", "svc")
    first = send(shared, path, "one", RULES[name], BODIES[name])
    assert first.status_code == 201, first.text
    rows = shared.world.rows()
    again = send(shared, path, "one", RULES[name], BODIES[name])
    assert shown(again) == shown(first, "client_secret")
    assert (again.headers["idempotent-replayed"], "idempotent-replayed" in first.headers) == ("true", False)
    assert shared.world.rows() == rows


def test_a_secret_is_told_once_and_kept_nowhere(admins: Admins):
    wanted = {"client_id": "once", "scope": "es256:read", "resources": [audience("ES256")]}
    first = send(admins, "/admin/clients", "one", CLIENTS, wanted)
    secret = first.json()["client_secret"]
    again = send(admins, "/admin/clients", "one", CLIENTS, wanted)
    assert (again.status_code, "client_secret" in again.json()) == (201, False)
    assert secret not in again.text
    assert admins.world.http.post("/token", data={"grant_type": "client_credentials"}, auth=("once", secret)).is_success


def test_an_api_key_is_made_once_and_told_once(world: World):
    keys: Keys = with_keys(world)
    callers: tuple[Callable[[], dict[str, Any]], ...] = (
        lambda: {"headers": keys.bearer() | {"Idempotency-Key": "one"}},
        lambda: {"headers": {"Idempotency-Key": "one"}, "auth": keys.basic()},
    )
    made = []
    for caller in callers:
        first = world.http.post("/api-keys", json=WANTED, **caller())
        again = world.http.post("/api-keys", json=WANTED, **caller())
        assert shown(again) == shown(first, "key")
        assert first.json()["key"] not in again.text
        made.append(first.json()["id"])
    assert len(set(made)) == 2, "each principal has keys of its own"
    assert [key["id"] for key in world.http.get("/api-keys", headers=keys.bearer()).json()["api_keys"]] == made[:1]


def test_a_key_that_comes_with_another_body_is_refused(small: Admins):
    assert create(small, "one").status_code == 201
    refused = create(small, "one", username="other")
    assert (refused.status_code, refused.json()["error"]) == (422, "idempotency_key_reused")
    assert "grace" not in refused.text
    assert create(small, "two", username="other").status_code == 201


def test_a_key_is_of_one_caller_one_route_and_one_tenant(small: Admins):
    """The same key and body elsewhere is a request of its own."""
    body = {"username": "grace"}
    assert create(small, "one").status_code == 201
    other = {"Idempotency-Key": "one", "Authorization": f"Bearer {small.token(*sorted(ADMIN_SCOPES))}"}
    assert small.world.http.post("/admin/users", json=body, headers=other).status_code == 409, "the name is taken"
    assert small.call(USERS, "POST", "/admin/users", tenant=small.world.other, json=body,
                      headers={"Idempotency-Key": "one"}).status_code == 201  # fmt: skip
    for name in ("a", "b"):
        made = send(small, "/admin/clients", "one", CLIENTS, {"client_id": name})
        assert made.status_code == (201 if name == "a" else 422)
        secret = send(small, "/admin/clients/a/secrets", "two", CLIENTS, {})
        assert "idempotent-replayed" in secret.headers or name == "a"


def test_a_refusal_is_not_kept(small: Admins):
    assert create(small, "one", password="short").status_code == 422
    assert create(small, "one").status_code == 201


def test_a_caller_who_may_no_longer_ask_is_not_answered_from_memory(small: Admins):
    assert create(small, "one").status_code == 201
    with small.world.change() as uow:
        uow.clients.disable(small.who(USERS), small.world.clock())
    assert create(small, "one").status_code == 401


def test_an_answer_is_kept_for_a_day(small: Admins):
    made = create(small, "one", username="first").json()
    small.world.clock.move(seconds=86_399)
    small.tokens.clear()
    client = made["id"]
    assert create(small, "two", username="first").status_code == 409
    small.world.clock.move(seconds=2)
    small.call(USERS, "DELETE", f"/admin/users/{client}")
    small.tokens.clear()
    assert create(small, "two", username="first").status_code == 201


def test_of_many_at_once_one_is_done(admins: Admins):
    admins.token(CLIENTS)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: send(admins, "/admin/clients", "one", CLIENTS, {}), range(4)))
    # Who waits too long for the one writer of SQLite is told to come again.
    assert {answer.status_code for answer in answers} <= {201, 409, 503}
    assert len({answer.json()["client_id"] for answer in answers if answer.status_code == 201}) == 1
    told = [answer for answer in answers if answer.status_code == 201 and "client_secret" in answer.json()]
    assert len(told) == 1
    assert send(admins, "/admin/clients", "one", CLIENTS, {}).status_code == 201


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "two words", "caf\xe9"])
def test_what_is_no_key_is_refused(shared: Admins, key: str):
    bearer = {"Authorization": f"Bearer {shared.token(USERS)}"}
    raw = [(b"Idempotency-Key", key.encode("latin-1")), *((k.encode(), v.encode()) for k, v in bearer.items())]
    answer = shared.world.http.post("/admin/users", json={"username": "nokey"}, headers=raw)
    assert answer.status_code == 400, answer.text


def test_two_keys_are_refused(shared: Admins):
    twice = [("Idempotency-Key", "one"), ("Idempotency-Key", "two"), ("Authorization", f"Bearer {shared.token(USERS)}")]
    assert shared.world.http.post("/admin/users", json={"username": "nokey"}, headers=twice).status_code == 400


def test_nothing_of_an_answer_lies_open_in_the_database(small: Admins):
    create(small, "one", password="eleven orange windmills", email="grace@example.com")
    with closing(sqlite3.connect(small.world.settings.database_url.removeprefix("sqlite:///"))) as database:
        ((kept,),) = database.execute("SELECT answer_encrypted FROM idempotent_answers").fetchall()
    assert b"grace" not in kept
    assert b"windmills" not in kept
