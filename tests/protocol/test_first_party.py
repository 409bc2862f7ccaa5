"""POST /login: who may post passwords, what is told to whom, and how guessing is throttled."""

from dataclasses import replace
from pathlib import Path

import jwt
import pytest

from authsvc.crypto.passwords import needs_rehash
from authsvc.settings import Http
from authsvc.web.oauth.token import login_route
from tests.flows.world import OTHER_PASSWORD, PASSWORD, World, audience, running_world

FREE = 5
"""Looks at a password per account and address, as the fixture sets them."""


def without_id(answer):
    """What the caller sees, but for the request's own id."""
    headers = {name: value for name, value in answer.headers.items() if name not in {"x-request-id", "content-length"}}
    body = {name: value for name, value in answer.json().items() if name != "request_id"}
    return answer.status_code, body, headers


def statuses(world: World, count: int, **fields: str) -> list[int]:
    return [world.login(scope="openid", **{"password": "wrong", **fields}).status_code for _ in range(count)]


def test_a_person_gets_tokens_by_name_and_password(world: World):
    answer = world.login(scope="openid profile email es256:read")
    assert answer.status_code == 200
    found = answer.json()
    assert set(found) == {"access_token", "token_type", "expires_in", "refresh_token", "id_token", "scope"}
    assert (found["expires_in"], found["scope"]) == (300, "email es256:read openid profile")
    access = jwt.decode(found["access_token"], options={"verify_signature": False})
    told = jwt.decode(found["id_token"], options={"verify_signature": False})
    assert (access["aud"], told["aud"], access["client_id"]) == (audience("ES256"), "app", "app")
    assert access["sub"] == told["sub"] == str(world.user().id)
    assert access["sid"] == told["sid"]
    assert {name: told[name] for name in ("preferred_username", "name", "email", "email_verified")} == {
        "preferred_username": "alice", "name": "Alice", "email": "Alice@Example.com", "email_verified": True,
    }  # fmt: skip
    assert not {"email", "name", "preferred_username"} & set(access), "an API is told nothing but who"


def test_a_scope_that_was_not_asked_for_tells_nothing(small_world: World):
    told = jwt.decode(small_world.tokens(scope="openid")["id_token"], options={"verify_signature": False})
    assert not {"email", "name", "preferred_username"} & set(told)
    assert "id_token" not in small_world.tokens(scope="es256:read")


@pytest.mark.parametrize(
    "spelled", ["alice", "ALICE", " alice ", "ａｌｉｃｅ", "alice@example.com", "ALICE@EXAMPLE.COM", "\u2003alice"]
)
def test_every_spelling_of_a_name_and_the_verified_address_sign_in(small_world: World, spelled):
    assert small_world.login(username=spelled, scope="openid").status_code == 200


def test_an_unverified_address_does_not_sign_in(small_world: World):
    assert small_world.login(username="bob@example.com", scope="openid").status_code == 401
    assert small_world.login(username="bob", scope="openid").status_code == 200


def test_a_password_is_the_same_from_every_keyboard(small_world: World):
    composed, decomposed = "fünfzehn Lampen", "fu\u0308nfzehn Lampen"
    made = small_world.http.post("/register", json={"username": "karl", "password": composed})
    assert made.status_code == 201
    assert small_world.login(username="karl", password=decomposed, scope="openid").status_code == 200


@pytest.mark.parametrize("client", ["stranger", "legacy"])
def test_a_client_that_is_not_first_party_may_not_post_passwords(small_world: World, client):
    answer = small_world.login(client, scope="es256:read")
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")


def test_a_grant_type_named_at_login_changes_nothing(small_world: World):
    answer = small_world.login("app", scope="openid", grant_type="client_credentials")
    assert jwt.decode(answer.json()["access_token"], options={"verify_signature": False})["amr"] == ["pwd"]


def test_login_is_no_grant_type(small_world: World):
    answer = small_world.token("app", "login", username="alice", password=PASSWORD)
    assert answer.json()["error"] == "unsupported_grant_type"


def test_one_answer_for_an_unknown_name_and_a_wrong_password(small_world: World):
    cases = [
        small_world.login(username="alice", password="wrong", scope="openid"),
        small_world.login(username="nobody", password="wrong", scope="openid"),
        small_world.login(username="nobody@example.com", password=PASSWORD, scope="openid"),
        small_world.login(username="bob@example.com", password=PASSWORD, scope="openid"),
        small_world.login(username="dora", password="wrong", scope="openid"),
        small_world.login(username="irma", password="wrong", scope="openid"),
        small_world.login(username="alice", password=OTHER_PASSWORD, scope="openid"),
        small_world.login(username="alice", password="x" * 4_096, scope="openid"),
    ]
    assert len({str(without_id(answer)) for answer in cases}) == 1
    assert cases[0].status_code == 401


def test_disabled_is_told_only_after_the_right_password(small_world: World):
    wrong = small_world.login(username="dora", password="wrong", scope="openid")
    right = small_world.login(username="dora", scope="openid")
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_credentials")
    assert (right.status_code, right.json()["error"]) == (403, "account_disabled")


def test_a_right_password_under_a_wrong_scope_signs_nobody_in(small_world: World):
    before = small_world.rows()
    answer = small_world.login(scope="openid nothing:read")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")
    after = small_world.rows()
    free = {"audit_events": 0, "attempts": 0}
    assert {**after, **free} == {**before, **free}


def test_an_imported_hash_is_replaced_at_the_first_login(world: World):
    before = world.user("irma").password_hash
    assert before is not None
    assert needs_rehash(before)
    assert world.login(username="irma", password="wrong", scope="openid").status_code == 401
    assert world.user("irma").password_hash == before
    assert world.login(username="irma", scope="openid").status_code == 200
    after = world.user("irma").password_hash
    assert after is not None
    assert not needs_rehash(after)
    assert world.login(username="irma", scope="openid").status_code == 200


@pytest.mark.parametrize("name", ["alice", "nobody", "dora", "irma", "nobody@example.com"])
def test_the_throttle_closes_after_as_many_looks_for_every_name(world: World, name):
    assert statuses(world, FREE + 2, username=name) == [401] * FREE + [429] * 2


def test_the_throttled_answer_is_the_same_for_every_name_and_any_password(small_world: World):
    names = ("alice", "nobody", "dora", "nobody@example.com")
    for name in names:
        statuses(small_world, FREE, username=name)
    answers = [
        small_world.login(username=name, scope="openid", password=word) for name in names for word in ("x", PASSWORD)
    ]
    assert len({str(without_id(answer)) for answer in answers}) == 1
    assert (answers[0].status_code, answers[0].headers["retry-after"]) == (429, "30")


def test_the_password_is_not_looked_at_while_throttled(small_world: World):
    statuses(small_world, FREE)
    assert small_world.login(scope="openid").status_code == 429, "the right one, too"


@pytest.mark.parametrize(
    "spellings",
    [
        pytest.param(["alice", "ALICE", " alice", "ａｌｉｃｅ", "alice@example.com"], id="a known person"),
        pytest.param(["nobody", "NOBODY", "nobody ", "ｎｏｂｏｄｙ", "\u3000nobody"], id="nobody"),
    ],
)
def test_all_spellings_share_one_counter(world: World, spellings):
    assert [status for name in spellings for status in statuses(world, 1, username=name)] == [401] * FREE
    assert {status for name in spellings for status in statuses(world, 1, username=name)} == {429}


def test_delays_grow_and_are_told(small_world: World):
    statuses(small_world, FREE)
    waits = []
    for _ in range(8):
        answer = small_world.login(password="wrong", scope="openid")
        assert answer.status_code == 429
        waits.append(int(answer.headers["retry-after"]))
        small_world.clock.move(seconds=waits[-1])
        assert statuses(small_world, 1) == [401], "one look, then closed for longer"
    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]


def test_a_refused_try_does_not_prolong_the_wait(small_world: World):
    statuses(small_world, FREE)
    small_world.clock.move(seconds=20)
    answer = small_world.login(scope="openid")
    assert answer.headers["retry-after"] == "10"
    small_world.clock.move(seconds=11)
    assert small_world.login(scope="openid").status_code == 200


def test_a_right_password_forgets_the_wrong_ones(world: World):
    for _ in range(3):
        assert statuses(world, FREE - 1) == [401] * (FREE - 1)
        assert world.login(scope="openid").status_code == 200


def test_an_attacker_elsewhere_does_not_lock_a_person_out(small_world: World):
    with small_world.from_address("203.0.113.9") as attacker:
        form = {"username": "alice", "password": "wrong", "client_id": "app", "scope": "openid"}
        assert [attacker.post("/login", data=form).status_code for _ in range(FREE + 1)] == [401] * FREE + [429]
    assert small_world.login(scope="openid").status_code == 200


def test_many_addresses_together_meet_the_limit_of_the_account(small_world: World):
    form = {"username": "alice", "password": "wrong", "client_id": "app", "scope": "openid"}
    answers = []
    for network in range(12):
        with small_world.from_address(f"203.0.113.{network}") as attacker:
            answers += [attacker.post("/login", data=form).status_code for _ in range(FREE)]
    assert answers.count(401) == 50
    assert answers[50:] == [429] * 10


def test_one_ipv6_subscriber_counts_as_one_address(small_world: World):
    form = {"username": "alice", "password": "wrong", "client_id": "app", "scope": "openid"}
    answers = []
    for host in range(FREE + 1):
        with small_world.from_address(f"2001:db8::{host:x}") as attacker:
            answers.append(attacker.post("/login", data=form).status_code)
    assert answers == [401] * FREE + [429]


@pytest.mark.parametrize(
    "header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "True-Client-IP", "CF-Connecting-IP", "X-Client-IP"]
)
def test_a_stranger_cannot_choose_the_address_that_is_counted(small_world: World, header):
    form = {"username": "alice", "password": "wrong", "client_id": "app", "scope": "openid"}
    answers = [
        small_world.http.post("/login", data=form, headers={header: f"198.51.100.{number}"}).status_code
        for number in range(FREE + 1)
    ]
    assert answers == [401] * FREE + [429]


def test_behind_a_listed_proxy_the_address_that_it_names_is_counted(tmp_path: Path):
    form = {"username": "alice", "password": "wrong", "client_id": "app", "scope": "openid"}
    http = Http(trusted_proxies=("127.0.0.1",))
    with running_world(f"sqlite:///{tmp_path}/authsvc.db", tmp_path, http=http) as world:
        for caller in ("198.51.100.1", "198.51.100.2"):
            headers = {"X-Forwarded-For": f"6.6.6.6, {caller}"}
            answers = [world.http.post("/login", data=form, headers=headers).status_code for _ in range(FREE + 1)]
            assert answers == [401] * FREE + [429]


def test_counters_belong_to_the_tenant(small_world: World):
    statuses(small_world, FREE)
    form = {"username": "alice", "password": OTHER_PASSWORD, "client_id": "app", "scope": "openid"}
    assert small_world.http.post("/t/other/login", data=form).status_code == 200


def test_a_counter_that_was_quiet_starts_anew(small_world: World):
    statuses(small_world, FREE)
    small_world.clock.move(seconds=3_700)
    assert statuses(small_world, FREE + 1) == [401] * FREE + [429]


def test_an_overlong_name_is_refused_before_it_is_brought_into_normal_form(small_world: World):
    """30,000 combining characters would hold the whole process for a second."""
    before = small_world.rows()
    answer = small_world.login(username="a" + "\u0315\u0316" * 512, scope="openid")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert {**small_world.rows(), "audit_events": 0} == {**before, "audit_events": 0}


@pytest.mark.parametrize("username", ["alice", "nobody"])
def test_an_endless_password_is_refused_without_being_looked_at(small_world: World, username: str):
    """It waits for no permit to hash, and is no guess."""
    before = small_world.rows()
    answer = small_world.login(username=username, password="x" * 4_097, scope="openid")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert {**small_world.rows(), "audit_events": 0} == {**before, "audit_events": 0}


@pytest.mark.parametrize(("characters", "hashes"), [(4_096, True), (4_097, False)])
def test_only_a_password_that_may_be_somebodys_waits_for_a_permit(characters: int, hashes: bool):
    assert login_route({"username": ("alice",), "password": ("x" * characters,)}).hashes is hashes


@pytest.mark.parametrize(
    ("origin", "site", "status"),
    [
        pytest.param(None, None, 200, id="a program"),
        pytest.param(None, "same-origin", 200, id="our own page"),
        pytest.param(None, "none", 200, id="typed by the user"),
        pytest.param("http://localhost:8000", "same-origin", 200, id="our own origin"),
        pytest.param("https://app.example", "cross-site", 200, id="registered"),
        pytest.param("https://evil.example", None, 403, id="foreign"),
        pytest.param("https://evil.example", "same-origin", 403, id="foreign that says it is not"),
        pytest.param("null", None, 403, id="null"),
        pytest.param("null", "cross-site", 403, id="null of a sandboxed frame"),
        pytest.param(None, "cross-site", 403, id="cross-site without an origin"),
        pytest.param(None, "same-site", 403, id="a sibling without an origin"),
        pytest.param("", None, 403, id="empty"),
        pytest.param("http://localhost", None, 403, id="our host on another port"),
        pytest.param("https://localhost:8000", None, 403, id="our host in another scheme"),
        pytest.param("http://localhost:8000.evil.example", None, 403, id="our origin as a prefix"),
        pytest.param("https://app.example.evil.example", None, 403, id="registered one as a prefix"),
        pytest.param("https://app.example/", None, 403, id="trailing slash"),
        pytest.param("https://APP.example", None, 403, id="upper case"),
        pytest.param("https://app.example, https://evil.example", None, 403, id="two"),
    ],
)
def test_a_browser_on_a_foreign_origin_is_refused(small_world: World, origin, site, status):
    headers = {"Origin": origin, "Sec-Fetch-Site": site}
    form = {"username": "alice", "password": PASSWORD, "client_id": "app", "scope": "openid"}
    sent = {name: value for name, value in headers.items() if value is not None}
    before = small_world.rows()
    answer = small_world.http.post("/login", data=form, headers=sent)
    assert answer.status_code == status
    readable = answer.headers.get("access-control-allow-origin")
    assert readable == (origin if origin == "https://app.example" else None)
    assert "access-control-allow-credentials" not in answer.headers
    if status == 403:
        assert small_world.rows() == before, "not even an attempt is counted"


def test_an_origin_is_registered_for_one_client_only(small_world: World):
    form = {"username": "alice", "password": PASSWORD, "client_id": "app2", "scope": "openid"}
    answer = small_world.http.post("/login", data=form, headers={"Origin": "https://app.example"})
    assert answer.status_code == 403


def test_two_origin_headers_are_refused(small_world: World):
    headers = [("Origin", "https://app.example"), ("Origin", "https://evil.example")]
    form = {"username": "alice", "password": PASSWORD, "client_id": "app", "scope": "openid"}
    assert small_world.http.post("/login", data=form, headers=headers).status_code == 400


def test_a_disabled_clients_origin_is_foreign(small_world: World):
    with small_world.change() as uow:
        uow.clients.disable("app", small_world.clock())
    preflight = small_world.http.options("/login", headers={"Origin": "https://app.example"})
    assert "access-control-allow-origin" not in preflight.headers


def test_taking_the_first_party_mark_stops_logins_at_once(world: World):
    assert world.login(scope="openid").status_code == 200
    with world.change() as uow:
        client = uow.clients.get("app")
        assert client is not None
        uow.clients.save(replace(client, first_party=False))
    assert world.login(scope="openid").json()["error"] == "unauthorized_client"
