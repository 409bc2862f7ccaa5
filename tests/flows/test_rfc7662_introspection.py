"""What a token is worth, for those whom it concerns; for all others every token is worth nothing (RFC 7662)."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import jwt
import pytest

from tests.flows.asking import (
    INACTIVE,
    SIGNED,
    add_client,
    add_server,
    ask,
    change_resource,
    introspect,
    make_opaque,
    revoke,
)
from tests.flows.world import ISSUER, OTHER_PASSWORD, World, a_client, audience


def claims(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, options={"verify_signature": False}))


def family(world: World, **fields: Any) -> dict[str, Any]:
    return world.tokens(**fields)


def test_a_resource_server_learns_what_a_token_for_it_says(small_world: World) -> None:
    add_server(small_world)
    token = family(small_world)["access_token"]
    answer = introspect(small_world, token)
    said = {name: value for name, value in claims(token).items() if name != "grant_id"}
    assert answer.json() == {"active": True, "token_type": "Bearer", **said}
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"


def test_an_opaque_token_is_worth_as_much_and_says_nothing_itself(world: World) -> None:
    add_server(world)
    make_opaque(world)
    before = world.rows()["access_tokens"]
    token = family(world)["access_token"]
    assert token.startswith("as_at_")
    told = introspect(world, token).json()
    assert (told["active"], told["aud"], told["iss"]) == (True, audience("ES256"), ISSUER)
    assert told["sub"] == str(world.user().id)
    assert told["scope"] == "es256:read openid"
    assert told["exp"] == told["iat"] + 300
    assert world.rows()["access_tokens"] == before + 1


def test_a_service_gets_one_opaque_token_for_one_request(world: World) -> None:
    """Its grant runs from memory, which has no place for it: it is run again where there is one."""
    add_server(world)
    make_opaque(world)
    world.token("svc", scope="rs256:read")
    before = world.rows()["access_tokens"]
    token = world.token("svc", scope="es256:read").json()["access_token"]
    assert world.rows()["access_tokens"] == before + 1
    assert introspect(world, token).json()["sub"] == "svc"


def test_the_client_that_owns_a_token_learns_of_it(small_world: World) -> None:
    token = small_world.token("svc2").json()["access_token"]
    told = introspect(small_world, token, "svc2").json()
    assert (told["active"], told["scope"]) == (True, "es256:read")


@pytest.mark.parametrize("form", ["jwt", "opaque"])
def test_of_several_audiences_a_server_learns_its_own_share(small_world: World, form: str) -> None:
    add_server(small_world, "api")
    add_server(small_world, "both", "ES256", "RS256")
    add_client(small_world, "owner", first_party=True)
    for named in ("ES256", "RS256"):
        change_resource(small_world, named, algorithm="ES256", token_format=form)
    token = family(small_world, client="owner", scope="openid es256:read rs256:read rs256:write")["access_token"]
    own, both, owner = (introspect(small_world, token, client).json() for client in ("api", "both", "owner"))
    assert (own["aud"], own["scope"]) == (audience("ES256"), "es256:read openid")
    assert both["aud"] == sorted(map(audience, ("ES256", "RS256")))
    assert both["scope"] == owner["scope"] == "es256:read openid rs256:read rs256:write"


Spoil = Callable[[World, list[dict[str, Any]]], object]


def _user(verb: str) -> Spoil:
    def spoil(world: World, _: list[dict[str, Any]]) -> None:
        user = world.user()
        with world.change() as uow:
            assert uow.users.delete(user.id) if verb == "delete" else uow.users.disable(user.id, world.clock())

    return spoil


def _client(verb: str) -> Spoil:
    def spoil(world: World, _: list[dict[str, Any]]) -> None:
        with world.change() as uow:
            if verb == "disable":
                assert uow.clients.disable("app", world.clock())
                return
            assert uow.clients.delete("app")
            if verb == "replace":
                world.clock.move(seconds=5)
                uow.clients.add(a_client("app", world.clock()))

    return spoil


def _resource(verb: str) -> Spoil:
    def spoil(world: World, _: list[dict[str, Any]]) -> None:
        with world.change() as uow:
            resources = uow.resources
            for name in (audience("ES256"), audience("PS256")):
                assert resources.delete(name) if verb == "delete" else resources.disable(name, world.clock())

    return spoil


def _sessions_end(world: World, issued: list[dict[str, Any]]) -> None:
    for found in issued:
        form = {"refresh_token": found["refresh_token"], "client_id": "app"}
        assert world.http.post("/logout", data=form).status_code == 204


def _families_are_stolen(world: World, issued: list[dict[str, Any]]) -> None:
    """A superseded refresh token comes back late."""
    for found in issued:
        newest = found["refresh_token"]
        for _ in range(2):
            newest = world.refresh(newest).json()["refresh_token"]
    world.clock.move(seconds=11)
    for found in issued:
        assert world.refresh(found["refresh_token"]).status_code == 400


def _revoked(world: World, issued: list[dict[str, Any]]) -> None:
    for found in issued:
        assert revoke(world, found["access_token"]).status_code == 200


STORED: dict[str, Spoil] = {
    "revoked": _revoked,
    "session over": _sessions_end,
    "family over": _families_are_stolen,
    "user disabled": _user("disable"),
    "user deleted": _user("delete"),
}
CACHED: dict[str, Spoil] = {
    "expired": lambda world, _: world.clock.move(seconds=300),
    "client disabled": _client("disable"),
    "client deleted": _client("delete"),
    "client of the same id": _client("replace"),
    "resource disabled": _resource("disable"),
    "resource deleted": _resource("delete"),
}


def _check_spoiled(world: World, spoil: Spoil) -> None:
    """Both forms in one world: the resource of PS256 has opaque tokens."""
    add_server(world, "api", "ES256", "PS256")
    make_opaque(world, "PS256")
    issued = [world.tokens(scope=f"openid {name}:read") for name in ("es256", "ps256")]
    assert [introspect(world, found["access_token"]).json()["active"] for found in issued] == [True, True]
    spoil(world, issued)
    assert [introspect(world, found["access_token"]).content for found in issued] == [INACTIVE, INACTIVE]


@pytest.mark.parametrize("name", STORED)
def test_a_token_is_worth_nothing_once_something_behind_it_is_over(world: World, name: str) -> None:
    _check_spoiled(world, STORED[name])


@pytest.mark.parametrize("name", CACHED)
def test_nor_once_it_has_expired_or_its_client_or_resource_is_out(small_world: World, name: str) -> None:
    _check_spoiled(small_world, CACHED[name])


def test_a_token_of_a_revoked_key_is_worth_nothing(small_world: World) -> None:
    add_server(small_world)
    token = family(small_world)["access_token"]
    assert introspect(small_world, token).json()["active"]
    with small_world.change() as uow:
        assert uow.keys.revoke(jwt.get_unverified_header(token)["kid"], small_world.clock())
    assert introspect(small_world, token).content == INACTIVE


def _foreign(world: World) -> str:
    form = {"username": "alice", "password": OTHER_PASSWORD, "client_id": "app", "scope": "es256:read"}
    return str(world.http.post("/t/other/login", data=form).json()["access_token"])


def _nobodys(world: World) -> dict[str, str]:
    """What nobody but its owner may learn of, and what is no token at all; presented by a server that serves all."""
    found, account = family(world), world.tokens(client="web", scope="account openid")
    signature = found["access_token"].rpartition(".")
    return {
        "nonsense": "nonsense",
        "dots": "..",
        "huge": "a" * 20_000,
        "not text": "\u2028\U0001f511",
        "unsigned": f"{signature[0]}.",
        "id token": found["id_token"],
        "refresh token of another": found["refresh_token"],
        "account token of another": account["access_token"],
        "of another tenant": _foreign(world),
        "secret of the asking client": world.secrets["api"],
        "secret of another client": world.secrets["web"],
        "unknown opaque token": "as_at_" + "A" * 48,
        "unknown refresh token": "as_rt_" + "A" * 96,
        "unknown API key": "as_ak_" + "A" * 48,
        "mailed secret": "as_ml_" + "A" * 48,
        "id of the token": str(claims(found["access_token"])["jti"]),
        "session": str(claims(found["access_token"])["sid"]),
    }


def test_whoever_it_does_not_concern_gets_the_same_bytes_for_every_token(small_world: World) -> None:
    world = small_world
    add_server(world, "api", "ES256", "RS256", "PS256", "EdDSA")
    for name, token in _nobodys(world).items():
        assert introspect(world, token).content == INACTIVE, name
        signed = introspect(world, token, accept=SIGNED)
        assert claims(signed.text)["token_introspection"] == json.loads(INACTIVE), name


@pytest.mark.parametrize("form", ["jwt", "opaque"])
def test_neither_another_server_nor_another_client_learns_of_a_token(small_world: World, form: str) -> None:
    if form == "opaque":
        make_opaque(small_world)
    add_server(small_world, "api")
    add_server(small_world, "api2", "RS256")
    add_client(small_world, "rich")
    token = family(small_world)["access_token"]
    for client in ("api2", "rich", "svc2", "legacy"):
        for accept in (None, "application/jwt", "application/json, application/jwt"):
            answer = introspect(small_world, token, client, accept=accept)
            assert (answer.status_code, answer.content) == (200, INACTIVE), client
    assert introspect(small_world, token, "api").json()["active"]


def test_a_live_token_and_one_that_never_was_get_the_same_answer(small_world: World) -> None:
    add_server(small_world, "api2", "RS256")
    found = family(small_world)
    answers = [introspect(small_world, token, "api2") for token in (found["access_token"], "as_at_" + "A" * 48)]
    differing = {"x-request-id"}
    assert len({answer.content for answer in answers}) == 1
    alike = [{name: value for name, value in answer.headers.items() if name not in differing} for answer in answers]
    assert alike[0] == alike[1]


@pytest.mark.parametrize(
    ("client", "fields", "status", "error"),
    [
        pytest.param(None, {}, 401, "invalid_client", id="nobody"),
        pytest.param("app", {}, 401, "invalid_client", id="a public client, that owns the token"),
        pytest.param("app2", {}, 401, "invalid_client", id="another public client"),
        pytest.param("api", {"client_secret": "wrong"}, 401, "invalid_client", id="wrong secret"),
        pytest.param("unknown", {"client_secret": "wrong"}, 401, "invalid_client", id="unknown client"),
        pytest.param("api", {"token": None}, 400, "invalid_request", id="no token"),
        pytest.param("api", {"token": ["a", "b"]}, 400, "invalid_request", id="two tokens"),
    ],
)
def test_who_may_not_ask_is_refused(
    small_world: World, client: str | None, fields: dict[str, Any], status: int, error: str
) -> None:
    add_server(small_world)
    given = {"token": family(small_world)["access_token"], **fields}
    if "client_secret" in fields:
        answer = ask(small_world, "/introspect", None, client_id=client, **given)
    else:
        answer = ask(small_world, "/introspect", client, **given)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.headers["cache-control"] == "no-store"
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Basic ")


def test_a_disabled_server_learns_nothing_more(small_world: World) -> None:
    add_server(small_world)
    token = family(small_world)["access_token"]
    with small_world.change() as uow:
        uow.clients.disable("api", small_world.clock())
    assert introspect(small_world, token).status_code == 401


def test_a_refresh_token_is_told_to_its_own_client_alone(world: World) -> None:
    add_client(world, "rich", serves=frozenset({audience("ES256")}))
    first = world.tokens(client="web")["refresh_token"]
    web = {"client_id": "web", "client_secret": world.secrets["web"]}

    def told(token: str) -> dict[str, Any]:
        basic = world.http.post("/introspect", data={"token": token}, auth=("web", web["client_secret"]))
        return dict(basic.json())

    assert told(first).keys() == {"active", "scope", "client_id", "sub", "iss", "exp"}
    assert told(first)["sub"] == str(world.user().id)
    assert introspect(world, first, "rich").content == INACTIVE
    second = world.refresh(first, "web").json()["refresh_token"]
    third = world.refresh(second, "web").json()["refresh_token"]
    world.clock.move(seconds=11)
    assert [told(token)["active"] for token in (first, second, third)] == [False, False, True]
    assert world.refresh(third, "web").status_code == 200, "that a superseded one was asked about ends no family"


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda w: w.clock.move(days=31), id="idle too long"),
        pytest.param(lambda w: _user("disable")(w, []), id="user disabled"),
        pytest.param(lambda w: ask(w, "/revoke", "legacy2", token=w.secrets["rt"]), id="revoked"),
    ],
)
def test_a_dead_refresh_token_is_worth_nothing_to_its_own_client(
    small_world: World, spoil: Callable[[World], object]
) -> None:
    add_client(small_world, "legacy2", first_party=True)
    token = small_world.secrets["rt"] = small_world.tokens(client="legacy2")["refresh_token"]
    assert introspect(small_world, token, "legacy2").json()["active"]
    spoil(small_world)
    assert introspect(small_world, token, "legacy2").content == INACTIVE


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "nonsense", "api_key"])
def test_a_hint_changes_nothing(small_world: World, hint: str) -> None:
    add_server(small_world)
    token = family(small_world)["access_token"]
    assert introspect(small_world, token, token_type_hint=hint).json()["active"]
    assert introspect(small_world, "x", token_type_hint=hint).content == INACTIVE


def _spellings(token: str) -> set[str]:
    """Every prefix, every suffix, paddings, and each letter in the other case."""
    cut = {token[:end] for end in range(1, len(token))} | {token[start:] for start in range(1, len(token))}
    padded = {token + tail for tail in ("=", "==", "A", " ", ".", "\u0000"[:0] + "%00")} | {f" {token}", f"A{token}"}
    swapped = {
        token[:place] + letter.swapcase() + token[place + 1 :] for place, letter in enumerate(token) if letter.isalpha()
    }
    dashes = {token.replace("-", "+"), token.replace("_", "/"), token.upper(), token.lower()}
    return (cut | padded | swapped | dashes) - {token}


def test_an_opaque_token_has_one_spelling(small_world: World) -> None:
    add_server(small_world)
    make_opaque(small_world)
    token = family(small_world)["access_token"]
    assert introspect(small_world, token).json()["active"]
    spellings = _spellings(token)
    assert len(spellings) > 150
    for spelling in spellings:
        assert introspect(small_world, spelling).content == INACTIVE, spelling
        if spelling == spelling.strip():  # A space around it is no part of the header's value.
            assert small_world.get("/userinfo", Authorization=f"Bearer {spelling}").status_code == 401


def test_what_the_database_cannot_say_is_not_told(small_world: World) -> None:
    """An answer of `inactive` would be taken for the truth, one of `active` still more."""
    add_server(small_world)
    token = family(small_world)["access_token"]
    path = small_world.settings.database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as database:
        database.execute("ALTER TABLE revoked_tokens RENAME TO away")
        assert introspect(small_world, token).status_code == 503
        database.execute("ALTER TABLE away RENAME TO revoked_tokens")
    assert introspect(small_world, token).json()["active"]


def test_a_client_whose_id_looks_like_a_users_is_no_person(small_world: World) -> None:
    """32 hexadecimal digits are another spelling of a UUID."""
    client_id = "0123456789abcdef0123456789abcdef"
    add_client(small_world, client_id, grant_types=frozenset({"client_credentials"}), scopes=frozenset({"es256:read"}))
    token = ask(small_world, "/token", client_id, grant_type="client_credentials", scope="es256:read").json()[
        "access_token"
    ]
    assert introspect(small_world, token, client_id).json()["active"]
