"""The end of tokens at their client's wish: success is told only when nothing of the token is alive (RFC 7009)."""

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import jwt
import pytest

from authsvc.crypto import opaque
from authsvc.crypto.algorithms import SIGNING_ALGORITHMS
from tests.flows.api_keys import with_keys
from tests.flows.asking import INACTIVE, add_client, add_server, ask, change_resource, introspect, make_opaque, revoke
from tests.flows.assertions import JWT_BEARER, own
from tests.flows.world import ISSUER, OTHER_PASSWORD, World, a_client, audience


def claims(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, options={"verify_signature": False}))


@pytest.mark.parametrize("form", ["jwt", "opaque"])
def test_a_revoked_access_token_is_dead_and_its_sign_in_lives_on(world: World, form: str) -> None:
    add_server(world)
    if form == "opaque":
        make_opaque(world)
    found = world.tokens()
    other = world.refresh(found["refresh_token"]).json()
    for _ in range(2):
        answer = revoke(world, found["access_token"])
        assert (answer.status_code, answer.content) == (200, b"")
    assert introspect(world, found["access_token"]).content == INACTIVE
    assert introspect(world, other["access_token"]).json()["active"]
    assert world.refresh(other["refresh_token"]).status_code == 200


def test_a_revoked_account_token_opens_nothing_here_any_more(world: World) -> None:
    token = world.tokens(scope="account openid")["access_token"]
    assert (world.get("/me", token).status_code, world.get("/userinfo", token).status_code) == (200, 200)
    assert revoke(world, token).status_code == 200
    assert (world.get("/me", token).status_code, world.get("/userinfo", token).status_code) == (401, 401)
    assert world.http.post("/logout", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_a_revoked_refresh_token_takes_the_access_tokens_of_its_family_along(world: World) -> None:
    add_server(world)
    first = world.tokens()
    second = world.refresh(first["refresh_token"]).json()
    bystander = world.tokens()
    # A superseded one ends the family all the same.
    assert revoke(world, first["refresh_token"]).status_code == 200
    assert world.refresh(second["refresh_token"]).json()["error"] == "invalid_grant"
    for found in (first, second):
        assert introspect(world, found["access_token"]).content == INACTIVE
        assert world.get("/userinfo", found["access_token"]).status_code == 401
    assert introspect(world, bystander["access_token"]).json()["active"]
    assert revoke(world, first["refresh_token"]).status_code == 200


def test_each_end_is_in_the_audit_trail_once(small_world: World) -> None:
    found = small_world.tokens()
    before = small_world.rows()["audit_events"]
    for token in (found["access_token"], found["refresh_token"]) * 3:
        revoke(small_world, token)
    assert small_world.rows()["audit_events"] == before + 2


@pytest.mark.parametrize("algorithm", SIGNING_ALGORITHMS)
def test_a_token_of_any_algorithm_is_revoked(small_world: World, algorithm: str) -> None:
    change_resource(small_world, "ES256", algorithm=algorithm)
    add_server(small_world)
    token = small_world.token("svc2").json()["access_token"]
    assert introspect(small_world, token).json()["active"]
    assert revoke(small_world, token, "svc2").status_code == 200
    assert introspect(small_world, token).content == INACTIVE


def _disable_user(world: World, *, again: bool) -> None:
    user = world.user()
    with world.change() as uow:
        assert uow.users.enable(user.id) if again else uow.users.disable(user.id, world.clock())


def _disable_resource(world: World, *, again: bool) -> None:
    with world.change() as uow:
        name = audience("ES256")
        assert uow.resources.enable(name) if again else uow.resources.disable(name, world.clock())


@pytest.mark.parametrize("form", ["jwt", "opaque"])
@pytest.mark.parametrize("disable", [_disable_user, _disable_resource])
def test_a_token_that_is_dead_for_now_does_not_come_to_life_again(small_world: World, disable: Any, form: str) -> None:
    add_server(small_world)
    if form == "opaque":
        make_opaque(small_world)
    found = small_world.tokens()
    disable(small_world, again=False)
    assert revoke(small_world, found["access_token"]).status_code == 200
    disable(small_world, again=True)
    assert introspect(small_world, found["access_token"]).content == INACTIVE


def test_a_clock_that_is_behind_does_not_bring_a_token_back(small_world: World) -> None:
    """The node that revoked it took it for expired already."""
    add_server(small_world)
    token = small_world.tokens()["access_token"]
    small_world.clock.move(seconds=301)
    assert revoke(small_world, token).status_code == 200
    small_world.clock.move(seconds=-50)
    assert introspect(small_world, token).content == INACTIVE


def test_another_clients_token_is_refused_and_lives_on(world: World) -> None:
    add_server(world)
    add_client(world, "rich", serves=frozenset({audience("ES256")}))
    make_opaque(world, "PS256")
    found, opaque_one = world.tokens(), world.tokens(scope="openid ps256:read")
    for client in ("app2", "rich", "api", "legacy"):
        for token in (found["access_token"], found["refresh_token"], opaque_one["access_token"]):
            answer = revoke(world, token, client)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert introspect(world, found["access_token"]).json()["active"]
    assert world.refresh(found["refresh_token"]).status_code == 200


def test_a_client_that_takes_the_id_of_a_deleted_one_cannot_revoke_its_tokens(world: World) -> None:
    found = world.tokens()
    world.clock.move(seconds=5)
    with world.change() as uow:
        uow.clients.delete("app")
        uow.clients.add(a_client("app", world.clock()))
    for token in (found["access_token"], found["refresh_token"]):
        assert revoke(world, token).status_code == 400


def test_a_service_ends_its_own_api_key_and_no_other(world: World) -> None:
    keys = with_keys(world)
    own, personal = keys.service("svc2")["key"], keys.personal()["key"]
    assert revoke(world, personal, "svc2").json()["error"] == "invalid_grant"
    assert revoke(world, own, "api").json()["error"] == "invalid_grant"
    assert keys.is_active(own)
    for _ in range(2):
        assert revoke(world, own, "svc2").status_code == 200
    assert (keys.is_active(own), keys.is_active(personal)) == (False, True)


@pytest.mark.parametrize("path", ["/revoke", "/introspect"])
def test_an_assertion_is_good_for_one_request(world: World, path: str) -> None:
    sign_in = {"token": "x", "client_assertion_type": JWT_BEARER}
    assertion = own("signer", None, ISSUER, world.clock())
    answers = [ask(world, path, None, client_assertion=assertion, **sign_in) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 401]


def test_a_refusal_leaves_the_assertion_unused_and_a_used_one_revokes_nothing(world: World) -> None:
    assertion = own("signer", None, ISSUER, world.clock())
    sign_in = {"client_assertion_type": JWT_BEARER, "client_assertion": assertion}
    other = world.tokens()["access_token"]
    assert ask(world, "/revoke", None, token=other, **sign_in).status_code == 400
    fresh = {**sign_in, "client_assertion": own("signer", None, ISSUER, world.clock())}
    granted = ask(world, "/token", None, grant_type="client_credentials", scope="es256:read", **fresh)
    token = granted.json()["access_token"]
    add_server(world)
    assert ask(world, "/revoke", None, token=token, **fresh).status_code == 401
    assert introspect(world, token).json()["active"]
    assert ask(world, "/revoke", None, token=token, **sign_in).status_code == 200
    assert introspect(world, token).content == INACTIVE


def _foreign(world: World) -> dict[str, Any]:
    form = {"username": "alice", "password": OTHER_PASSWORD, "client_id": "app", "scope": "openid es256:read"}
    return dict(world.http.post("/t/other/login", data=form).json())


def test_what_is_no_token_here_needs_no_end(small_world: World) -> None:
    found, foreign = small_world.tokens(), _foreign(small_world)
    head, payload, signature = found["access_token"].split(".")
    nothing = {
        "nonsense": "nonsense",
        "dots": "..",
        "huge": "a" * 20_000,
        "not text": "\u2028\U0001f511",
        "forged": f"{head}.{payload}.{signature[::-1]}",
        "unsigned": f"{head}.{payload}.",
        "unknown opaque": "as_at_" + "A" * 48,
        "unknown refresh token": "as_rt_" + "A" * 96,
        "unknown API key": "as_ak_" + "A" * 48,
        "access token of another tenant": foreign["access_token"],
        "refresh token of another tenant": foreign["refresh_token"],
    }
    before = small_world.rows()
    for name, token in nothing.items():
        answer = revoke(small_world, token)
        assert (answer.status_code, answer.content) == (200, b""), name
    assert small_world.rows() == before
    assert small_world.get("/userinfo", found["access_token"]).status_code == 200
    form = {"grant_type": "refresh_token", "client_id": "app", "refresh_token": foreign["refresh_token"]}
    assert small_world.http.post("/t/other/token", data=form).status_code == 200


def test_what_cannot_be_revoked_is_not_said_to_be(small_world: World) -> None:
    found = small_world.tokens()
    for token in (found["id_token"], small_world.secrets["web"], opaque.new_secret(opaque.MAILED_TOKEN)):
        answer = revoke(small_world, token)
        assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_token_type")


def test_a_young_token_of_a_key_that_is_not_known_yet_is_not_said_to_be_dead(small_world: World) -> None:
    """Another node may have made the key a moment ago."""
    token = small_world.tokens()["access_token"]
    kid = jwt.get_unverified_header(token)["kid"]
    path = small_world.settings.database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE signing_keys SET kid = 'elsewhere' WHERE kid = ?", (kid,))
        database.execute("UPDATE change_feed SET counter = counter + 1")
        database.commit()
    answer = revoke(small_world, token)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    small_world.clock.move(seconds=61)
    assert revoke(small_world, token).status_code == 200


@pytest.mark.parametrize(
    ("client", "fields", "status", "error"),
    [
        pytest.param(None, {}, 401, "invalid_client", id="nobody"),
        pytest.param("web", {"client_secret": "wrong"}, 401, "invalid_client", id="wrong secret"),
        pytest.param("web", {"client_secret": None}, 401, "invalid_client", id="confidential without its secret"),
        pytest.param("app", {"token": None}, 400, "invalid_request", id="no token"),
        pytest.param("app", {"token": ["a", "b"]}, 400, "invalid_request", id="two tokens"),
    ],
)
def test_who_may_not_revoke_is_refused(
    small_world: World, client: str | None, fields: dict[str, Any], status: int, error: str
) -> None:
    token = small_world.tokens(client="web")["access_token"]
    named = {} if client is None else {"client_id": client}
    answer = ask(small_world, "/revoke", None, **{"token": token, **named, **fields})
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert small_world.get("/userinfo", token).status_code == 200


def test_a_browser_of_a_registered_origin_reads_the_answer(small_world: World) -> None:
    form = {"client_id": "app", "token": small_world.tokens()["access_token"]}
    answer = small_world.http.post("/revoke", data=form, headers={"Origin": "https://app.example"})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "https://app.example")


@pytest.mark.parametrize(("kind", "table"), [("access_token", "revoked_tokens"), ("refresh_token", "refresh_families")])
def test_a_fault_of_the_database_is_no_success(small_world: World, kind: str, table: str) -> None:
    add_server(small_world)
    found = small_world.tokens()
    path = small_world.settings.database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"CREATE TRIGGER fault BEFORE INSERT ON {table} BEGIN INSERT INTO nowhere VALUES (1); END")
        database.execute(f"CREATE TRIGGER fault2 BEFORE UPDATE ON {table} BEGIN INSERT INTO nowhere VALUES (1); END")
        assert revoke(small_world, found[kind]).status_code >= 500
        assert introspect(small_world, found["access_token"]).json()["active"]
        database.execute("DROP TRIGGER fault")
        database.execute("DROP TRIGGER fault2")
    assert revoke(small_world, found[kind]).status_code == 200
    assert introspect(small_world, found["access_token"]).content == INACTIVE


def test_on_a_full_disk_a_success_is_true(small_world: World) -> None:
    add_server(small_world)
    issued = [small_world.token("svc2").json()["access_token"] for _ in range(12)]
    log = Path(small_world.settings.database_url.removeprefix("sqlite:///") + "-wal")
    with _full(log):
        statuses = {token: revoke(small_world, token, "svc2").status_code for token in issued}
    assert 503 in statuses.values()
    assert set(statuses.values()) <= {200, 503}
    for token, status in statuses.items():
        answer = introspect(small_world, token)
        assert answer.content == INACTIVE or status == 503
        assert revoke(small_world, token, "svc2").status_code == 200
        assert introspect(small_world, token).content == INACTIVE


@contextmanager
def _full(log: Path) -> Iterator[None]:
    """No file of this process grows beyond the write-ahead log's present size: its next COMMITs fail."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
