"""Refresh tokens (RFC 6749 §6, RFC 9700 §4.14, DESIGN 6.9) over HTTP, on both databases."""

from dataclasses import replace

import jwt
import pytest

from authsvc.domain.parties.resources import Resource
from tests.flows.world import ALGORITHMS, OTHER_PASSWORD, World, audience


def refused(answer, code: str = "invalid_grant") -> bool:
    return bool(answer.status_code == 400 and answer.json()["error"] == code)


def claims(answer):
    return jwt.decode(answer.json()["access_token"], options={"verify_signature": False})


def test_a_refresh_gives_a_successor_and_tokens_of_the_same_sign_in(world: World):
    first = world.tokens()
    answer = world.refresh(first["refresh_token"])
    assert answer.status_code == 200
    assert answer.json()["refresh_token"] != first["refresh_token"]
    before = jwt.decode(first["access_token"], options={"verify_signature": False})
    assert {name: claims(answer)[name] for name in ("sub", "sid", "auth_time", "amr", "aud", "scope")} == {
        name: before[name] for name in ("sub", "sid", "auth_time", "amr", "aud", "scope")
    }
    assert claims(answer)["jti"] != before["jti"]
    assert "id_token" in answer.json()


def test_a_million_refreshes_would_add_no_row(world: World):
    token = world.refresh_token()
    before = world.rows()
    for _ in range(5):
        token = world.refresh(token).json()["refresh_token"]
    assert world.rows() == before


def test_a_retry_within_ten_seconds_gets_the_same_successor(world: World):
    token = world.refresh_token()
    answers = [world.refresh(token) for _ in range(3)]
    world.clock.move(seconds=9)
    answers.append(world.refresh(token))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1


def test_a_retry_leaves_the_successor_alive(world: World):
    token = world.refresh_token()
    successor = world.refresh(token).json()["refresh_token"]
    world.refresh(token)
    assert world.refresh(successor).status_code == 200


def test_reuse_after_ten_seconds_is_refused_and_ends_the_family(world: World):
    token = world.refresh_token()
    successor = world.refresh(token).json()["refresh_token"]
    world.clock.move(seconds=11)
    assert refused(world.refresh(token))
    assert refused(world.refresh(successor)), "the end of the family outlives the refusal"


def test_the_end_of_a_family_is_in_the_audit_trail(world: World):
    token = world.refresh_token()
    world.refresh(token)
    world.clock.move(seconds=11)
    answer = world.refresh(token)
    with world.change() as uow:
        (event,) = uow.audit.find_request(answer.json()["request_id"])
    assert (event.event, event.rule, event.client_id) == ("token.refused", "refresh_token_reused", "app")


def test_an_older_generation_within_ten_seconds_is_refused_and_ends_nothing(world: World):
    oldest = world.refresh_token()
    second = world.refresh(oldest).json()["refresh_token"]
    third = world.refresh(second).json()["refresh_token"]
    assert refused(world.refresh(oldest))
    assert world.refresh(third).status_code == 200


def test_an_older_generation_later_ends_the_family(world: World):
    oldest = world.refresh_token()
    third = world.refresh(world.refresh(oldest).json()["refresh_token"]).json()["refresh_token"]
    world.clock.move(seconds=11)
    assert refused(world.refresh(oldest))
    assert refused(world.refresh(third))


@pytest.mark.parametrize("client", ["app2", "web", "stranger"])
def test_another_clients_token_is_refused_and_its_family_lives_on(world: World, client):
    token = world.refresh_token()
    assert refused(world.refresh(token, client))
    successor = world.refresh(token).json()["refresh_token"]
    world.clock.move(seconds=11)
    assert refused(world.refresh(token, client)), "a stranger with a used token cannot end the family"
    assert world.refresh(successor).status_code == 200


def test_the_same_client_id_in_another_tenant_is_another_client(world: World):
    token = world.refresh_token()
    form = f"grant_type=refresh_token&client_id=app&refresh_token={token}".encode()
    assert refused(world.raw("/t/other/token", form))
    assert world.refresh(token).status_code == 200
    posted = {"username": "alice", "password": OTHER_PASSWORD, "client_id": "app"}
    foreign = world.http.post("/t/other/login", data={**posted, "scope": "es256:read"}).json()["refresh_token"]
    assert refused(world.refresh(foreign))


def test_a_confidential_client_must_authenticate_to_refresh(world: World):
    token = world.refresh_token(client="web")
    form = f"grant_type=refresh_token&client_id=web&refresh_token={token}".encode()
    assert world.raw("/token", form).status_code == 401
    assert world.refresh(token, "web").status_code == 200


def _disable_user(world: World):
    with world.change() as uow:
        uow.users.disable(world.user().id, world.clock())


def _disable_client(world: World):
    with world.change() as uow:
        uow.clients.disable("app", world.clock())


def _disable_tenant(world: World):
    with world.change() as uow:
        uow.tenants.disable(world.tenant.id, world.clock())


def _disable_resource(world: World):
    with world.change() as uow:
        uow.resources.disable(audience("ES256"), world.clock())


def _delete_user(world: World):
    with world.change() as uow:
        uow.users.delete(world.user().id)


def _delete_client(world: World):
    with world.change() as uow:
        uow.clients.delete("app")


def _end_sessions(world: World):
    with world.change() as uow:
        uow.sessions.end_all(world.user().id, world.clock())


def _take_the_grant(world: World):
    with world.change() as uow:
        client = uow.clients.get("app")
        assert client is not None
        uow.clients.save(replace(client, grant_types=frozenset()))


def _take_the_resource(world: World):
    with world.change() as uow:
        client = uow.clients.get("app")
        assert client is not None
        uow.clients.save(replace(client, resources=client.resources - {audience("ES256")}))


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        pytest.param(_disable_user, 400, "invalid_grant", id="user disabled"),
        pytest.param(_delete_user, 400, "invalid_grant", id="user deleted"),
        pytest.param(_disable_client, 401, "invalid_client", id="client disabled"),
        pytest.param(_delete_client, 401, "invalid_client", id="client deleted"),
        pytest.param(_disable_tenant, 404, "invalid_request", id="tenant disabled"),
        pytest.param(_disable_resource, 400, "invalid_target", id="resource disabled"),
        pytest.param(_end_sessions, 400, "invalid_grant", id="session ended"),
        pytest.param(_take_the_grant, 400, "unauthorized_client", id="grant type taken from the client"),
        pytest.param(_take_the_resource, 400, "invalid_target", id="resource taken from the client"),
    ],
)
def test_a_refresh_is_refused_once_what_it_stands_on_is_gone(world: World, change, status, code):
    token = world.refresh_token()
    change(world)
    answer = world.refresh(token)
    assert (answer.status_code, answer.json()["error"]) == (status, code)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param(_disable_user, "invalid_grant", id="user disabled"),
        pytest.param(_end_sessions, "invalid_grant", id="session ended"),
    ],
)
def test_nor_does_a_retry_help_then(world: World, change, code):
    token = world.refresh_token()
    assert world.refresh(token).status_code == 200
    change(world)
    assert refused(world.refresh(token), code)


@pytest.mark.parametrize(
    ("days", "step"),
    [pytest.param(31, 31, id="idle"), pytest.param(190, 10, id="older than it may become")],
)
def test_a_family_ends_by_itself(world: World, days, step):
    token = world.refresh_token()
    answers = []
    for _ in range(days // step):
        world.clock.move(days=step)
        answer = world.refresh(token)
        answers.append(answer)
        token = answer.json().get("refresh_token", token)
    assert refused(answers[-1])


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        pytest.param({"scope": "openid es256:read rs256:read"}, "invalid_scope", id="superset"),
        pytest.param({"scope": "profile"}, "invalid_scope", id="identity scope that was not granted"),
        pytest.param({"scope": "account"}, "invalid_scope", id="account that was not granted"),
        pytest.param({"scope": "es256:read es256:write"}, "invalid_scope", id="another scope of the same resource"),
        pytest.param({"scope": "a\tb"}, "invalid_request", id="control character"),
        pytest.param({"scope": "a  b"}, "invalid_scope", id="two spaces"),
        pytest.param({"scope": 'a"b'}, "invalid_scope", id="quote"),
        pytest.param({"scope": " ".join(f"s{n}" for n in range(200))}, "invalid_scope", id="too many"),
        pytest.param({"resource": audience("RS256")}, "invalid_target", id="resource that was not granted"),
        pytest.param({"resource": "https://nowhere.example"}, "invalid_target", id="unknown resource"),
        pytest.param(
            {"resource": [audience("ES256"), audience("RS256")]}, "invalid_target", id="one resource too many"
        ),
    ],
)
def test_a_wrong_scope_or_resource_is_refused_and_leaves_the_token_unused(small_world: World, fields, code):
    token = small_world.refresh_token()
    before = small_world.rows()
    assert refused(small_world.refresh(token, **fields), code)
    after = small_world.rows()
    assert {**after, "audit_events": 0} == {**before, "audit_events": 0}
    small_world.clock.move(seconds=30)
    assert small_world.refresh(token).status_code == 200, "as if the refused request had never been"


def test_a_narrowed_refresh_narrows_its_own_token_only(small_world: World):
    token = small_world.refresh_token(scope="openid es256:read es256:write")
    narrowed = small_world.refresh(token, scope="es256:read")
    assert narrowed.json()["scope"] == claims(narrowed)["scope"] == "es256:read"
    assert "id_token" not in narrowed.json()
    whole = small_world.refresh(narrowed.json()["refresh_token"])
    assert whole.json()["scope"] == "es256:read es256:write openid"


def test_a_new_owner_of_a_granted_scope_gets_no_token_of_an_old_family(small_world: World):
    token = small_world.refresh_token()
    with small_world.change() as uow:
        client = uow.clients.get("app")
        assert client is not None
        late = "https://late.example"
        uow.resources.add(Resource(late, "late", frozenset({"es256:read"}), "ES256", None, small_world.clock()))
        uow.clients.save(replace(client, resources=client.resources | {late}))
    assert claims(small_world.refresh(token))["aud"] == audience("ES256")


def test_a_client_that_may_not_refresh_gets_no_refresh_token(small_world: World):
    with small_world.change() as uow:
        client = uow.clients.get("app2")
        assert client is not None
        uow.clients.save(replace(client, grant_types=frozenset()))
    assert "refresh_token" not in small_world.tokens(client="app2")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_refresh_signs_as_its_resource_wants(small_world: World, algorithm):
    token = small_world.refresh_token(scope=f"{algorithm.lower()}:read")
    answer = small_world.refresh(token)
    assert jwt.get_unverified_header(answer.json()["access_token"])["alg"] == algorithm
    assert claims(answer)["aud"] == audience(algorithm)


def test_every_prefix_suffix_and_case_change_of_a_token_is_refused(small_world: World):
    token = small_world.refresh_token()
    spoiled = [token[:cut] for cut in range(1, len(token))] + [token[cut:] for cut in range(1, len(token))]
    spoiled += [token[:at] + token[at].swapcase() + token[at + 1 :] for at in range(len(token)) if token[at].isalpha()]
    spoiled += [token + extra for extra in ("=", "==", "A", ".", "/", "\u200b", "%00")]
    spoiled += [f"{lead}{token}" for lead in ("as_rt_", "as_cs_", "Bearer ")]
    spoiled += [token.replace("as_rt_", "as_cs_"), token.upper(), token.lower(), token + token]
    answers = [small_world.refresh(presented) for presented in spoiled if presented != token]
    assert len(answers) > 250
    assert all(refused(answer) for answer in answers)
    assert small_world.refresh(token).status_code == 200


@pytest.mark.parametrize("spaced", [" {}", "{} ", "{}\u00a0"])
def test_white_space_is_no_part_of_a_token(small_world: World, spaced):
    assert refused(small_world.refresh(spaced.format(small_world.refresh_token())))


def test_two_secrets_live_at_once_and_a_removed_one_dies(small_world: World):
    from authsvc.domain.parties.clients import with_new_secret, without_secret  # noqa: PLC0415 - the rotation as a whole

    old = small_world.secrets["svc2"]
    with small_world.change() as uow:
        client = uow.clients.get("svc2")
        assert client is not None
        rotated, new = with_new_secret(client, small_world.clock())
        rotated = uow.clients.save(rotated)
    for secret in (old, new):
        small_world.secrets["svc2"] = secret
        assert small_world.token("svc2").status_code == 200
    with small_world.change() as uow:
        uow.clients.save(without_secret(rotated, rotated.secrets[0].id))
    assert small_world.token("svc2").status_code == 200
    small_world.secrets["svc2"] = old
    assert small_world.token("svc2").status_code == 401
