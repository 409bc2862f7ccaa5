"""What an access token tells about its person (OpenID Connect Core 1.0 §5.3)."""

from typing import Any

import pytest

from tests.flows.asking import add_server, introspect, make_opaque
from tests.flows.world import ISSUER, OTHER_PASSWORD, World

EVERYTHING = {
    "preferred_username": "alice",
    "name": "Alice",
    "email": "Alice@example.com",
    "email_verified": True,
}


@pytest.mark.parametrize(
    ("scope", "told"),
    [
        pytest.param("openid", set(), id="openid"),
        pytest.param("openid profile", {"preferred_username", "name"}, id="profile"),
        pytest.param("openid email", {"email", "email_verified"}, id="email"),
        pytest.param("openid profile email es256:read", set(EVERYTHING), id="all, for an API"),
        pytest.param("openid account", set(), id="account"),
    ],
)
def test_the_scopes_of_the_token_say_what_is_told(small_world: World, scope: str, told: set[str]) -> None:
    answer = small_world.get("/userinfo", small_world.tokens(scope=scope)["access_token"])
    assert answer.json().keys() == {"sub"} | told
    assert answer.json()["sub"] == str(small_world.user().id)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"


def test_it_is_what_the_id_token_said(world: World) -> None:
    import jwt  # noqa: PLC0415

    found = world.tokens(scope="openid profile email")
    said = jwt.decode(found["id_token"], options={"verify_signature": False})
    told = world.get("/userinfo", found["access_token"]).json()
    assert told == {name: said[name] for name in told}


def test_it_is_told_as_it_is_now(world: World) -> None:
    account = world.tokens(scope="account openid profile")["access_token"]
    assert world.http.patch("/me", json={"name": "Alicia"}, headers=_bearer(account)).status_code == 200
    assert world.get("/userinfo", account).json()["name"] == "Alicia"


def test_a_post_takes_the_token_in_its_header_or_in_its_body(small_world: World) -> None:
    token = small_world.tokens()["access_token"]
    answers = [
        small_world.http.post("/userinfo", headers=_bearer(token)),
        small_world.http.post("/userinfo", data={"access_token": token}),
        small_world.http.post("/userinfo", data={"other": "x"}, headers=_bearer(token)),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert len({answer.content for answer in answers}) == 1


def test_an_opaque_token_tells_as_much(world: World) -> None:
    make_opaque(world)
    token = world.tokens(scope="openid profile es256:read")["access_token"]
    assert token.startswith("as_at_")
    assert world.get("/userinfo", token).json()["preferred_username"] == "alice"


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _requests(world: World) -> dict[str, tuple[str, dict[str, Any], int, str]]:
    good, form = world.tokens(), {"content-type": "application/x-www-form-urlencoded"}
    token, apart = good["access_token"], world.tokens(scope="es256:read")["access_token"]
    wanted = {"username": "alice", "password": OTHER_PASSWORD, "client_id": "app", "scope": "openid"}
    foreign = world.http.post("/t/other/login", data=wanted).json()["access_token"]
    in_body = f"access_token={token}"
    return {
        "nothing": ("GET", {}, 401, "missing_token"),
        "nothing posted": ("POST", {}, 401, "missing_token"),
        "in the URL": ("GET", {"params": {"access_token": token}}, 401, "missing_token"),
        "in the URL of a POST": ("POST", {"params": {"access_token": token}}, 401, "missing_token"),
        "in the body of a GET": ("GET", {"content": in_body, "headers": form}, 401, "missing_token"),
        "in both places": ("POST", {"content": in_body, "headers": form | _bearer(token)}, 400, "invalid_request"),
        "in the body beside another scheme": (
            "POST", {"content": in_body, "headers": form | {"Authorization": "Basic YTpi"}}, 400, "invalid_request",
        ),
        "twice in the body": ("POST", {"content": f"{in_body}&{in_body}", "headers": form}, 400, "invalid_request"),
        "in JSON": ("POST", {"json": {"access_token": token}}, 415, "invalid_request"),
        "another scheme": ("GET", {"headers": {"Authorization": f"Token {token}"}}, 401, "missing_token"),
        "without openid": ("GET", {"headers": _bearer(apart)}, 403, "insufficient_scope"),
        "of a service": (
            "GET", {"headers": _bearer(world.token("svc2").json()["access_token"])}, 403, "insufficient_scope",
        ),
        "ID token": ("GET", {"headers": _bearer(good["id_token"])}, 401, "invalid_token"),
        "refresh token": ("GET", {"headers": _bearer(good["refresh_token"])}, 401, "invalid_token"),
        "refresh token in the body": (
            "POST", {"data": {"access_token": good["refresh_token"]}}, 401, "invalid_token",
        ),
        "of another tenant": ("GET", {"headers": _bearer(foreign)}, 401, "invalid_token"),
        "nonsense": ("GET", {"headers": _bearer("x.y.z")}, 401, "invalid_token"),
    }  # fmt: skip


def test_what_is_no_such_token_is_refused_with_a_challenge(small_world: World) -> None:
    for name, (method, sent, status, error) in _requests(small_world).items():
        answer = small_world.http.request(method, "/userinfo", **sent)
        assert (answer.status_code, answer.json()["error"]) == (status, error), name
        assert answer.headers["cache-control"] == "no-store", name
        challenge = answer.headers.get("www-authenticate", "")
        assert challenge.startswith(f'Bearer realm="{ISSUER}"') == (status in (401, 403)), name
        assert ('scope="openid"' in challenge) == (status == 403), name


def test_a_token_tells_nothing_once_its_person_is_out(world: World) -> None:
    token, user = world.tokens()["access_token"], world.user()
    with world.change() as uow:
        uow.users.disable(user.id, world.clock())
    assert world.get("/userinfo", token).status_code == 401
    with world.change() as uow:
        uow.users.enable(user.id)
    assert world.get("/userinfo", token).status_code == 200
    with world.change() as uow:
        uow.users.delete(user.id)
    assert world.get("/userinfo", token).status_code == 401


def test_a_registered_origin_reads_it_and_no_other(small_world: World) -> None:
    token = small_world.tokens()["access_token"]
    allowed = small_world.get("/userinfo", token, Origin="https://app.example")
    assert allowed.headers["access-control-allow-origin"] == "https://app.example"
    foreign = small_world.get("/userinfo", token, Origin="https://evil.example")
    assert "access-control-allow-origin" not in foreign.headers
    preflight = small_world.http.options("/userinfo", headers={"Origin": "https://app.example"})
    assert "authorization" in preflight.headers["access-control-allow-headers"]


def test_a_server_that_asks_about_a_token_cannot_be_told_by_userinfo_what_it_may_not_know(small_world: World) -> None:
    """A token without openid is good at its resource, and tells nothing here."""
    add_server(small_world)
    token = small_world.tokens(scope="es256:read")["access_token"]
    assert introspect(small_world, token).json()["active"]
    assert small_world.get("/userinfo", token).status_code == 403
