"""client_credentials and the password grant (RFC 6749 §4.3, §4.4), and what every refusal looks like (§5.2)."""

import re
from dataclasses import replace

import jwt
import pytest

from tests.flows.world import PASSWORD, World, audience

DESCRIPTION = re.compile(r"[\x20-\x21\x23-\x5B\x5D-\x7E]+")


def claims(answer):
    return jwt.decode(answer.json()["access_token"], options={"verify_signature": False})


def test_a_service_gets_a_token_for_itself_and_no_refresh_token(world: World):
    answer = world.token("svc2")
    assert answer.status_code == 200
    assert set(answer.json()) == {"access_token", "token_type", "expires_in", "scope"}
    assert (answer.json()["token_type"], answer.json()["expires_in"]) == ("Bearer", 900)
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    found = claims(answer)
    assert {name: found[name] for name in ("iss", "sub", "client_id", "aud", "scope")} == {
        "iss": world.tenant.issuer, "sub": "svc2", "client_id": "svc2", "aud": audience("ES256"), "scope": "es256:read",
    }  # fmt: skip
    assert found["exp"] - found["iat"] == 900
    assert not {"sid", "auth_time", "amr"} & set(found)
    assert jwt.get_unverified_header(answer.json()["access_token"])["typ"] == "at+jwt"


@pytest.mark.parametrize("client", ["app", "stranger"])
def test_a_public_client_never_gets_a_token_for_itself(small_world: World, client):
    with small_world.change() as uow:
        stored = uow.clients.get(client)
        assert stored is not None
        uow.clients.save(replace(stored, grant_types=stored.grant_types | {"client_credentials"}))
    answer = small_world.token(client, scope="es256:read")
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")


@pytest.mark.parametrize("scope", ["openid", "profile", "account", "email", "offline_access", "openid es256:read"])
def test_a_service_gets_no_scope_that_speaks_of_a_person(small_world: World, scope):
    with small_world.change() as uow:
        stored = uow.clients.get("svc2")
        assert stored is not None
        everything = frozenset({"openid", "profile", "account", "email", "offline_access", "es256:read"})
        uow.clients.save(replace(stored, scopes=everything))
    answer = small_world.token("svc2", scope=scope)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")
    assert small_world.token("svc2").json()["scope"] == "es256:read"


def test_the_password_grant_is_off(small_world: World):
    for client in ("app", "web", "svc"):
        answer = small_world.token(client, "password", username="alice", password=PASSWORD)
        assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client"), client


def test_the_password_grant_works_for_the_one_client_it_is_switched_on_for(world: World):
    answer = world.token("legacy", "password", username="alice", password=PASSWORD, scope="openid es256:read")
    assert answer.status_code == 200
    assert set(answer.json()) == {"access_token", "token_type", "expires_in", "refresh_token", "id_token", "scope"}
    assert claims(answer)["amr"] == ["pwd"]
    assert world.refresh(answer.json()["refresh_token"], "legacy").status_code == 200


@pytest.mark.parametrize(
    ("username", "password", "description"),
    [
        pytest.param("alice", "wrong", "wrong username or password", id="wrong password"),
        pytest.param("nobody", PASSWORD, "wrong username or password", id="unknown name"),
        pytest.param("dora", "wrong", "wrong username or password", id="disabled, wrong password"),
        pytest.param("dora", PASSWORD, "the account is disabled", id="disabled, right password"),
    ],
)
def test_the_password_grant_refuses_as_the_login_does(small_world: World, username, password, description):
    answer = small_world.token("legacy", "password", username=username, password=password, scope="es256:read")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert answer.json()["error_description"] == description


def test_the_password_grant_shares_the_counters_of_the_login(small_world: World):
    for _ in range(5):
        small_world.login(password="wrong", scope="es256:read")
    answer = small_world.token("legacy", "password", username="alice", password=PASSWORD, scope="es256:read")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "30")


def test_an_unknown_grant_type_is_told_only_to_a_client(small_world: World):
    answer = small_world.token("svc", "urn:example:nothing")
    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")
    anonymous = small_world.raw("/token", b"grant_type=urn:example:nothing")
    assert (anonymous.status_code, anonymous.json()["error"]) == (401, "invalid_client")


def test_parameters_of_other_grants_are_dropped(small_world: World):
    token = small_world.refresh_token()
    answer = small_world.token("svc2", refresh_token=token, username="alice", password="wrong", code="x")
    assert answer.status_code == 200
    small_world.clock.move(seconds=20)
    assert small_world.refresh(token).status_code == 200, "the refresh token was not used"


@pytest.mark.parametrize(
    ("client", "grant_type", "fields"),
    [
        pytest.param("svc", "client_credentials", {"scope": "rs256:admin"}, id="scope"),
        pytest.param("svc", "client_credentials", {"scope": "x\\y"}, id="malformed scope"),
        pytest.param("svc", "client_credentials", {"resource": 'https://x"\\'}, id="resource"),
        pytest.param("svc", "refresh_token", {}, id="not allowed"),
        pytest.param("app", "refresh_token", {}, id="no refresh token"),
        pytest.param("app", "refresh_token", {"refresh_token": 'as_rt_"\\é'}, id="malformed"),
        pytest.param("app", 'x"y', {}, id="grant type with a quote"),
        pytest.param("app", "", {}, id="no grant type"),
        pytest.param(None, "client_credentials", {}, id="no client"),
        pytest.param("legacy", "password", {"username": "alice"}, id="no password"),
        pytest.param("legacy", "password", {"username": "a" * 2_000, "password": "x"}, id="overlong name"),
    ],
)
def test_every_refusal_is_error_json_that_stores_nothing(small_world: World, client, grant_type, fields):
    before = small_world.rows()
    answer = small_world.token(client, grant_type, **fields)
    assert answer.status_code in (400, 401)
    body = answer.json()
    assert set(body) == {"error", "error_description", "request_id"}
    assert DESCRIPTION.fullmatch(body["error_description"]), "RFC 6749 §5.2: no quote, no backslash, ASCII"
    assert answer.headers["x-request-id"] == body["request_id"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"
    after = small_world.rows()
    assert {**after, "audit_events": 0} == {**before, "audit_events": 0}


def test_no_answer_sets_a_cookie(small_world: World):
    answers = [small_world.login(scope="openid"), small_world.token("svc2"), small_world.login(password="wrong")]
    assert not any("set-cookie" in answer.headers for answer in answers)
