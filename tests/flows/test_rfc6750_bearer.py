"""Tokens at the issuer's own API (RFC 6750, RFC 9470), and every artefact fed into every other's place."""

import base64
import json
from collections.abc import Callable

import jwt
import pytest

from authsvc.domain.people.login import PasswordAttempt
from tests.flows.asking import make_opaque
from tests.flows.world import PASSWORD, World, audience


def claims(token: str) -> dict[str, object]:
    return dict(jwt.decode(token, options={"verify_signature": False}))


@pytest.fixture
def account(world: World) -> str:
    return str(world.tokens(scope="account openid")["access_token"])


def test_an_account_token_opens_the_account_and_ends_the_session(world: World, account):
    assert world.get("/me", account).json()["username"] == "alice"
    assert world.http.post("/logout", headers={"Authorization": f"Bearer {account}"}).status_code == 204
    answer = world.get("/me", account)
    assert answer.status_code == 401, "the session is asked for, whatever the token says"
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_a_logout_ends_the_family_of_the_session(world: World):
    found = world.tokens(scope="account openid")
    world.http.post("/logout", headers={"Authorization": f"Bearer {found['access_token']}"})
    assert world.refresh(found["refresh_token"]).json()["error"] == "invalid_grant"


def test_a_refresh_token_ends_its_session_however_often(world: World):
    found = world.tokens(scope="account openid")
    for _ in range(2):
        answer = world.http.post("/logout", data={"refresh_token": found["refresh_token"], "client_id": "app"})
        assert answer.status_code == 204
    assert world.get("/me", found["access_token"]).status_code == 401


@pytest.mark.parametrize("client", ["app2", "stranger", None, "web"])
def test_a_logout_by_refresh_token_is_for_its_own_client(world: World, client):
    token = world.refresh_token()
    fields = {"refresh_token": token} | ({"client_id": client} if client else {})
    assert world.http.post("/logout", data=fields).status_code in (400, 401)
    assert world.refresh(token).status_code == 200


def test_another_session_of_the_same_person_lives_on(world: World, account):
    other = world.tokens(scope="account openid")
    world.http.post("/logout", headers={"Authorization": f"Bearer {account}"})
    assert world.get("/me", other["access_token"]).status_code == 200
    assert world.refresh(other["refresh_token"]).status_code == 200


def _in(world: World, verb: str) -> None:
    user = world.user()
    with world.change() as uow:
        if verb == "delete":
            uow.users.delete(user.id)
        else:
            uow.users.disable(user.id, world.clock())


def _revoke(world: World, token: str) -> None:
    with world.change() as uow:
        assert uow.keys.revoke(jwt.get_unverified_header(token)["kid"], world.clock())


@pytest.mark.parametrize(
    ("spoil", "status", "error"),
    [
        pytest.param(lambda w, t: w.clock.move(seconds=301), 401, "invalid_token", id="expired"),
        pytest.param(lambda w, t: _in(w, "disable"), 401, "invalid_token", id="user disabled"),
        pytest.param(lambda w, t: _in(w, "delete"), 401, "invalid_token", id="user deleted"),
        pytest.param(_revoke, 401, "invalid_token", id="key revoked"),
    ],
)
def test_a_token_dies_with_what_it_stands_on(world: World, account, spoil, status, error):
    assert world.get("/me", account).status_code == 200
    spoil(world, account)
    answer = world.get("/me", account)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def _re_signed(token: str, **header: object) -> str:
    head, payload, signature = token.split(".")
    found = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))) | header
    return ".".join((base64.urlsafe_b64encode(json.dumps(found).encode()).decode().rstrip("="), payload, signature))


@pytest.mark.parametrize(
    ("header", "status", "challenge"),
    [
        pytest.param(None, 401, 'Bearer realm="http://localhost:8000"', id="none"),
        pytest.param("Basic YTpi", 401, 'Bearer realm="http://localhost:8000"', id="another scheme"),
        pytest.param("Bearer", 401, 'error="invalid_token"', id="scheme alone"),
        pytest.param("Bearer ", 401, 'error="invalid_token"', id="no token"),
        pytest.param("Bearer a b", 401, 'error="invalid_token"', id="two tokens"),
        pytest.param("Bearer x.y.z", 401, 'error="invalid_token"', id="nonsense"),
        pytest.param("Bearer " + "a" * 20_000, 401, 'error="invalid_token"', id="huge"),
        pytest.param("DPoP {good}", 401, 'Bearer realm="http://localhost:8000"', id="scheme of proofs"),
        pytest.param("Bearer {foreign}", 401, 'error="invalid_token"', id="of another tenant"),
        pytest.param("Bearer {api}", 401, 'error="invalid_token"', id="for an API"),
        pytest.param("Bearer {identity}", 403, 'error="insufficient_scope"', id="without the scope account"),
        pytest.param("Bearer {machine}", 401, 'error="invalid_token"', id="of a service"),
        pytest.param("Bearer {none}", 401, 'error="invalid_token"', id="alg none"),
        pytest.param("Bearer {unsigned}", 401, 'error="invalid_token"', id="signature stripped"),
    ],
)
def test_what_is_no_account_token_is_refused_with_a_challenge(small_world: World, header, status, challenge):
    good = small_world.tokens(scope="account")["access_token"]
    form = {"username": "alice", "password": "nineteen silver anchors", "client_id": "app", "scope": "account"}
    values = {
        "good": good,
        "foreign": small_world.http.post("/t/other/login", data=form).json()["access_token"],
        "api": small_world.tokens(scope="openid es256:read")["access_token"],
        "identity": small_world.tokens(scope="openid")["access_token"],
        "machine": small_world.token("svc2").json()["access_token"],
        "none": _re_signed(good, alg="none").rpartition(".")[0] + ".",
        "unsigned": good.rpartition(".")[0] + ".",
    }
    headers = {"Authorization": header.format(**values)} if header else {}
    for answer in (small_world.get("/me", **headers), small_world.http.post("/logout", headers=headers)):
        assert answer.status_code == status
        assert challenge in answer.headers["www-authenticate"]


def test_two_authorization_headers_are_refused(small_world: World):
    good = small_world.tokens(scope="account")["access_token"]
    headers = [("Authorization", f"Bearer {good}"), ("Authorization", f"Bearer {good}")]
    assert small_world.http.get("/me", headers=headers).status_code == 400


def test_a_token_in_the_url_or_the_body_is_not_looked_at(small_world: World):
    good = small_world.tokens(scope="account")["access_token"]
    assert small_world.get(f"/me?access_token={good}").status_code == 401
    assert small_world.http.post("/logout", data={"access_token": good}).status_code == 401


def _artefacts(world: World) -> dict[str, str]:
    found = world.tokens(client="web", scope="account openid")
    api = world.tokens(client="app", scope="openid es256:read")
    make_opaque(world, "PS256")
    foreign = world.http.post("/t/other/login", data={
        "username": "alice", "password": "nineteen silver anchors", "client_id": "app", "scope": "account openid",
    }).json()  # fmt: skip
    return {
        "account token": found["access_token"],
        "api token": api["access_token"],
        "machine token": world.token("svc2").json()["access_token"],
        "opaque token": world.tokens(client="web", scope="openid ps256:read")["access_token"],
        "introspection": _introspection(world, found["access_token"]),
        "id token": found["id_token"],
        "refresh token": found["refresh_token"],
        "client secret": world.secrets["web"],
        "other client's secret": world.secrets["svc2"],
        "password": PASSWORD,
        "foreign account token": foreign["access_token"],
        "foreign id token": foreign["id_token"],
        "foreign refresh token": foreign["refresh_token"],
        "session id": str(claims(found["access_token"])["sid"]),
        "user id": str(claims(found["access_token"])["sub"]),
        "token id": str(claims(found["access_token"])["jti"]),
        "key id": jwt.get_unverified_header(found["access_token"])["kid"],
        "stored secret hash": _stored_hash(world),
    }


def _introspection(world: World, token: str) -> str:
    """A signed answer about a live token."""
    headers = {"Accept": "application/token-introspection+jwt"}
    return world.http.post(
        "/introspect", data={"token": token}, auth=("web", world.secrets["web"]), headers=headers
    ).text


def _asked(world: World, artefact: str) -> int:
    answer = world.http.post("/introspect", data={"token": artefact}, auth=("web", world.secrets["web"]))
    return 200 if answer.json()["active"] else 400


def _stored_hash(world: World) -> str:
    with world.change() as uow:
        client = uow.clients.get("web")
    assert client is not None
    return client.secrets[0].secret_hash


def _bearer(method: str, path: str) -> Callable[[World, str], int]:
    def present(world: World, artefact: str) -> int:
        return world.http.request(method, path, headers={"Authorization": f"Bearer {artefact}"}).status_code

    return present


def _form(path: str, field: str, **others: str) -> Callable[[World, str], int]:
    def present(world: World, artefact: str) -> int:
        return world.http.post(path, data={**others, field: artefact}).status_code

    return present


def _basic(world: World, artefact: str) -> int:
    form = {"grant_type": "refresh_token", "refresh_token": "x"}
    answer = world.http.post("/token", data=form, auth=("web", artefact))
    return 200 if answer.json()["error"] == "invalid_grant" else answer.status_code


PLACES: dict[str, tuple[Callable[[World, str], int], frozenset[str]]] = {
    "bearer at /me": (_bearer("GET", "/me"), frozenset({"account token"})),
    "bearer at /logout": (_bearer("POST", "/logout"), frozenset({"account token"})),
    "bearer at /userinfo": (_bearer("GET", "/userinfo"), frozenset({"account token", "api token", "opaque token"})),
    "access_token at /userinfo": (
        _form("/userinfo", "access_token"), frozenset({"account token", "api token", "opaque token"}),
    ),
    "token at /introspect": (_asked, frozenset({"account token", "opaque token", "refresh token"})),
    "refresh_token at /token": (
        lambda world, artefact: world.refresh(artefact, "web").status_code, frozenset({"refresh token"}),
    ),
    "refresh_token at /logout": (_form("/logout", "refresh_token", client_id="app"), frozenset()),
    "client secret in the header": (_basic, frozenset({"client secret"})),
    "client secret in the body": (
        _form("/token", "client_secret", client_id="svc2", grant_type="client_credentials"),
        frozenset({"other client's secret"}),
    ),
    "password at /login": (
        _form("/login", "password", username="bob", client_id="app", scope="openid"), frozenset({"password"}),
    ),
    "username at /login": (
        _form("/login", "username", password=PASSWORD, client_id="app", scope="openid"), frozenset(),
    ),
    "client_id at /token": (_form("/token", "client_id", grant_type="client_credentials"), frozenset()),
    "mailed secret at /register/confirm": (
        lambda world, artefact: world.http.post(
            "/register/confirm", json={"token": artefact, "password": PASSWORD}
        ).status_code,
        frozenset(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("place", sorted(PLACES))
def test_every_artefact_is_good_in_its_own_place_only(small_world: World, place):
    present, good = PLACES[place]
    artefacts = _artefacts(small_world)
    accepted = set()
    for name, artefact in sorted(artefacts.items(), key=lambda item: item[0] in good):
        small_world.clock.move(seconds=0)
        with small_world.change() as uow:
            uow.attempts.clear(_counters(small_world))
        if present(small_world, artefact) in range(200, 300):
            accepted.add(name)
    assert accepted == good


def _counters(world: World) -> tuple[str, ...]:
    """The keys under which the guesses at bob's password are counted: this test is not about them."""
    from authsvc.domain.people.lockout import LockoutPolicy, Schedule, reservations  # noqa: PLC0415

    schedule = Schedule(1, 1, 1, 60)
    attempt = PasswordAttempt("bob", "", "127.0.0.1")
    found = reservations(world.user("bob").id, attempt.address, LockoutPolicy(schedule, schedule))
    return tuple(reservation.key for reservation in found)


def test_an_audience_is_compared_whole(small_world: World):
    answer = small_world.tokens(scope="es256:read")
    assert claims(answer["access_token"])["aud"] == audience("ES256")
