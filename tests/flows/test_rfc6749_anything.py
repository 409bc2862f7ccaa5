"""Whatever is sent to /token, /login and /logout: never a 5xx, always JSON with error and request id (issue 2)."""

import json
from collections.abc import Iterator

import httpx
import jwt
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.flows.world import FORM, PASSWORD, World, running_world

PATHS = st.sampled_from(
    ["/token", "/login", "/logout", "/t/other/token", "/register", "/register/confirm", "/me/password"]
)
TYPES = st.sampled_from([FORM, "application/json", "text/plain", "", f"{FORM};charset=utf-8"])
QUICK = settings(
    max_examples=150, deadline=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)  # fmt: skip
LONG = settings(QUICK, max_examples=3_000)


@pytest.fixture(scope="module")
def any_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("anything")
    with running_world(f"sqlite:///{directory}/authsvc.db", directory) as world:
        yield world


@pytest.fixture(scope="module")
def known(any_world: World) -> list[str]:
    """What a caller may know or hold, and what others have tried."""
    found = any_world.tokens(scope="account openid")
    secrets = [found["access_token"], found["id_token"], found["refresh_token"], any_world.secrets["svc2"], PASSWORD]
    names = ["app", "web", "svc2", "alice", "client_credentials", "refresh_token", "password", "openid es256:read"]
    forged = ["https://es256.example", "as_rt_" + "A" * 96, "eyJhbGciOiJub25lIn0.e30.", "Bearer"]
    return secrets + names + forged + ["\x00", "%00", "../", "' OR 1=1 --", "${jndi:x}"]


@pytest.fixture(scope="module")
def account(any_world: World) -> str:
    return str(any_world.tokens(scope="account")["access_token"])


def judge(answer: httpx.Response) -> None:
    assert answer.status_code < 500, answer.text
    assert answer.headers["x-request-id"]
    if answer.status_code >= 400:
        assert answer.headers["content-type"] in ("application/json", "application/problem+json")
        body = answer.json()
        assert body["error"]
        assert body["request_id"] == answer.headers["x-request-id"]


def _octets(world: World, path: str, content_type: str, body: bytes) -> None:
    judge(world.raw(path, body, content_type))


def _fields(world: World, path: str, fields: list[tuple[str, str]], *, as_json: bool) -> None:
    if as_json:
        judge(world.raw(path, json.dumps(dict(fields)).encode(), "application/json"))
    else:
        body = "&".join(f"{name}={_escaped(value)}" for name, value in fields)
        judge(world.raw(path, body.encode("utf-8", "surrogatepass"), FORM))


def _escaped(value: str) -> str:
    octets = value.encode("utf-8", "surrogatepass")
    return "".join(f"%{octet:02x}" for octet in octets)


NAMES = st.sampled_from(
    ["grant_type", "client_id", "client_secret", "refresh_token", "username", "password", "scope", "resource", "token",
     "access_token", "email", "name", "current_password", "new_password", "assertion", "", "x"]
)  # fmt: skip


@QUICK
@given(PATHS, TYPES, st.binary(max_size=300))
def test_any_octets_are_answered(any_world: World, path: str, content_type: str, body: bytes):
    _octets(any_world, path, content_type, body)


@QUICK
@given(PATHS, st.data(), st.booleans())
def test_any_fields_are_answered(any_world: World, known: list[str], path: str, data: st.DataObject, as_json: bool):
    values = st.sampled_from(known) | st.text(st.characters(), max_size=30)
    fields = data.draw(st.lists(st.tuples(NAMES, values), max_size=8))
    _fields(any_world, path, fields, as_json=as_json)


@QUICK
@given(st.data())
def test_any_credentials_are_answered(any_world: World, known: list[str], data: st.DataObject):
    text = st.sampled_from(known) | st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=60)
    header = data.draw(st.sampled_from(["Basic", "Bearer", "basic", "DPoP", "", "Basic  "])) + " " + data.draw(text)
    path = data.draw(st.sampled_from(["/token", "/logout", "/me", "/login"]))
    octets = header.replace("\x00", "").replace("\x7f", "").encode("latin-1", "replace")
    form = {"grant_type": "client_credentials"}
    headers = [(b"authorization", octets)]
    if path == "/me":
        judge(any_world.http.get(path, headers=headers))
    else:
        judge(any_world.http.post(path, data=form, headers=headers))


@QUICK
@given(st.data())
def test_any_change_of_a_token_is_refused(any_world: World, account: str, data: st.DataObject):
    at = data.draw(st.integers(0, len(account) - 1))
    letter = data.draw(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ "))
    spoiled = account[:at] + letter + account[at + 1 :]
    answer = any_world.get("/me", spoiled)
    judge(answer)
    assert (answer.status_code == 200) == (spoiled == account)


@pytest.mark.slow
@pytest.mark.timeout(900)
@LONG
@given(PATHS, st.data(), st.booleans())
def test_any_fields_are_answered_at_length(
    any_world: World, known: list[str], path: str, data: st.DataObject, as_json: bool
):
    values = st.sampled_from(known) | st.text(st.characters(), max_size=200)
    fields = data.draw(st.lists(st.tuples(NAMES, values), max_size=20))
    _fields(any_world, path, fields, as_json=as_json)


@pytest.mark.slow
@pytest.mark.timeout(900)
@LONG
@given(PATHS, TYPES, st.binary(max_size=5_000))
def test_any_octets_are_answered_at_length(any_world: World, path: str, content_type: str, body: bytes):
    _octets(any_world, path, content_type, body)


def test_a_token_with_any_claim_changed_is_refused(any_world: World):
    """Without the key nobody can change a claim, however the payload is spelled."""
    good = any_world.tokens(scope="account")["access_token"]
    head, _, signature = good.split(".")
    claims = jwt.decode(good, options={"verify_signature": False})
    for name, value in claims.items():
        changed = claims | {name: "x" if isinstance(value, str) else 9_999_999_999}
        payload = jwt.utils.base64url_encode(json.dumps(changed).encode()).decode()
        assert any_world.get("/me", f"{head}.{payload}.{signature}").status_code == 401
