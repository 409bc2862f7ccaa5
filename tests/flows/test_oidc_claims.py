"""What clients are told of people: by scope and claim by claim, under which name (OpenID Connect Core §5, §8)."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import jwt
import pytest

from authsvc.crypto.base64url import decode
from tests.flows.asking import add_server, introspect
from tests.flows.relying_party import Browser, add_client, answered, page_of, redeem
from tests.flows.world import ISSUER, World

DETAILS = {
    "given_name": "Alice", "family_name": "Liddell", "address": {"country": "GB", "locality": "Oxford"},
    "phone_number": "+44 1865", "phone_number_verified": True, "email": "forged@evil.example", "sub": "somebody else",
    "role": "admin",
}  # fmt: skip


@pytest.fixture
def browser(small_world: World) -> Browser:
    add_client(small_world)
    with small_world.change() as uow:
        alice = uow.users.find_by_login("alice")
        assert alice is not None
        uow.users.save_profile(replace(alice, details=DETAILS, updated_at=datetime(2026, 1, 2, tzinfo=UTC)))
    browser = Browser(small_world)
    browser.sign_in()
    return browser


def read(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, options={"verify_signature": False}))


def about(browser: Browser, tokens: dict[str, Any]) -> dict[str, Any]:
    return dict(browser.world.get("/userinfo", tokens["access_token"]).json())


PROFILE = {"given_name": "Alice", "family_name": "Liddell", "name": "Alice", "preferred_username": "alice",
           "updated_at": 1_767_312_000}  # fmt: skip
BY_SCOPE: list[Any] = [
    pytest.param("openid", {}, id="openid alone"),
    pytest.param("openid profile", PROFILE, id="profile"),
    pytest.param("openid email", {"email": "Alice@Example.com", "email_verified": True}, id="email"),
    pytest.param("openid address", {"address": DETAILS["address"]}, id="address"),
    pytest.param("openid phone", {"phone_number": "+44 1865", "phone_number_verified": True}, id="phone"),
]


@pytest.mark.parametrize(("scope", "told"), BY_SCOPE)
def test_each_scope_tells_its_claims_and_no_others(browser: Browser, scope: str, told: dict[str, Any]):
    found = about(browser, browser.tokens(scope=scope))
    assert found == {"sub": str(browser.world.user().id), **told}


def test_userinfo_may_be_asked_in_three_ways(browser: Browser):
    world, token = browser.world, browser.tokens(scope="openid profile")["access_token"]
    by_get = world.get("/userinfo", token).json()
    by_header = world.http.post("/userinfo", headers={"Authorization": f"Bearer {token}"}).json()
    by_body = world.http.post("/userinfo", data={"access_token": token}).json()
    assert by_get == by_header == by_body


def test_single_claims_reach_the_id_token_and_userinfo_each_its_own(browser: Browser):
    wanted = '{"userinfo":{"email":{"essential":true},"x":null},"id_token":{"given_name":null,"role":null,"sub":null}}'
    tokens = browser.tokens(claims=wanted)
    in_token, in_answer = read(tokens["id_token"]), about(browser, tokens)
    assert in_token["given_name"] == "Alice"
    assert "email" not in in_token
    assert in_answer.keys() == {"sub", "email"}
    assert in_answer["email"] == "Alice@Example.com"
    assert in_token["sub"] == str(browser.world.user().id)


@pytest.mark.parametrize(
    "wish",
    [
        pytest.param('{"groups":{"value":["a"]}}', id="a list for a value"),
        pytest.param('{"x":{"values":[{"a":1}]}}', id="objects for values"),
        pytest.param('{"x":7,"y":{"essential":"yes"}}', id="no wish"),
        pytest.param(
            '{"verified_claims":{"verification":{"evidence":[{"type":{"value":"document"},"document":{"type":{"value":'
            '"passport"}}}]},"claims":{"given_name":{"essential":true}}}}',
            id="verified claims",
        ),
        pytest.param(json.dumps({f"claim{number}": None for number in range(200)}), id="many"),
    ],
)
def test_a_claim_that_is_not_known_here_is_no_error_however_it_is_wished_for(browser: Browser, wish: str):
    both = f'{{"id_token":{wish},"userinfo":{wish[:-1]},"name":null}}}}'
    tokens = browser.tokens(claims=both)
    assert about(browser, tokens) == {"sub": str(browser.world.user().id), "name": "Alice"}


def test_claims_say_nothing_without_openid(browser: Browser):
    tokens = browser.tokens(scope="es256:read", claims='{"userinfo":{"email":null},"id_token":{"name":null}}')
    assert "id_token" not in tokens
    assert "userinfo_claims" not in read(tokens["access_token"])


def test_details_cannot_speak_for_the_record(browser: Browser):
    with browser.world.change() as uow:
        alice = uow.users.find_by_login("alice")
        assert alice is not None
        uow.users.save_profile(replace(alice, email=None, email_verified=False))
    tokens = browser.tokens(scope="openid email profile", claims='{"id_token":{"role":null,"email":null}}')
    assert about(browser, tokens) == {"sub": str(alice.id), **PROFILE}
    assert not {"email", "role"} & read(tokens["id_token"]).keys()


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "PS256", "EdDSA"])
def test_id_tokens_and_userinfo_are_signed_as_the_client_registered(browser: Browser, algorithm: str):
    world = browser.world
    add_client(world, "signed", id_token_algorithm=algorithm, userinfo_algorithm=algorithm)
    tokens = browser.tokens("signed", scope="openid email")
    keys = jwt.PyJWKSet.from_dict(world.get("/jwks").json())

    def verified(token: str) -> dict[str, Any]:
        key = keys[jwt.get_unverified_header(token)["kid"]]
        return dict(jwt.decode(token, key.key, algorithms=[algorithm], audience="signed", issuer=ISSUER))

    assert verified(tokens["id_token"])["nonce"] == "n-1"
    answer = world.get("/userinfo", tokens["access_token"])
    assert answer.headers["content-type"] == "application/jwt"
    told = verified(answer.text)
    assert told["email"] == "Alice@Example.com"
    assert told["sub"] == verified(tokens["id_token"])["sub"]
    # It is no ID token: nobody is signed in by it.
    assert browser.authorize("signed", id_token_hint=answer.text).headers["location"].find("error=") > 0


PAIRWISE = {"subject_type": "pairwise"}


def test_pairwise_names_are_one_for_each_sector_and_every_token_tells_the_same(browser: Browser):
    world = browser.world
    add_client(world, "one", **PAIRWISE)
    add_client(world, "twin", **PAIRWISE)
    add_client(world, "other", **PAIRWISE, sector="other.example")
    add_server(world)
    tokens = {name: browser.tokens(name, scope="openid es256:read") for name in ("one", "twin", "other")}
    names = {name: read(each["id_token"])["sub"] for name, each in tokens.items()}
    assert names["one"] == names["twin"] != names["other"]
    assert str(world.user().id) not in str(names)
    assert len(decode(names["one"])) == 32
    for client, each in tokens.items():
        assert read(each["access_token"])["sub"] == about(browser, each)["sub"] == names[client]
        assert introspect(world, each["access_token"]).json()["sub"] == names[client]
        assert introspect(world, each["refresh_token"], client).json()["sub"] == names[client]
        fresh = world.refresh(each["refresh_token"], client).json()
        assert read(fresh["id_token"])["sub"] == read(fresh["access_token"])["sub"] == names[client]
    assert read(browser.tokens("one")["id_token"])["sub"] == names["one"]
    bob = Browser(world)
    bob.sign_in("bob")
    assert read(bob.tokens("one")["id_token"])["sub"] != names["one"]


@pytest.mark.parametrize("uri", ["http://127.0.0.1/cb", "http://[::1]/cb", "http://localhost/cb"])
def test_apps_on_a_persons_own_device_cannot_join_pairwise_names(browser: Browser, uri: str):
    names = set()
    for client in ("one", "two"):
        add_client(browser.world, client, **PAIRWISE, application_type="native", redirect_uris=(uri,))
        code = answered(browser.authorize(client, redirect_uri=uri), uri)["code"]
        tokens = redeem(browser.world, code, client, redirect_uri=uri).json()
        names.add(read(tokens["id_token"])["sub"])
    assert len(names) == 2


def test_the_other_tenants_pairwise_names_are_others(browser: Browser):
    """The key is the tenant's own."""
    world = browser.world
    add_client(world, "one", **PAIRWISE)
    browser.tokens("one")
    kept = []
    for tenant in (world.tenant, world.other):
        with world.change(tenant) as uow:
            kept += [key for key in uow.keys.list() if key.algorithm == "pairwise"]
    assert len(kept) == 1
    assert kept[0].kid not in world.get("/jwks").text


def test_a_pairwise_persons_token_opens_their_account(browser: Browser):
    world = browser.world
    add_client(world, "one", **PAIRWISE)
    tokens = browser.tokens("one", scope="openid account")
    assert world.get("/me", tokens["access_token"]).json()["username"] == "alice"
    with world.change() as uow:
        uow.users.disable(world.user().id, world.clock())
    assert world.get("/me", tokens["access_token"]).status_code == 401


def _hint(browser: Browser, client: str = "rp") -> str:
    return str(browser.tokens(client)["id_token"])


@pytest.mark.parametrize("client", ["rp", "one"])
def test_a_hint_says_whom_it_must_be_even_when_it_has_expired(browser: Browser, client: str):
    world = browser.world
    add_client(world, "one", **PAIRWISE)
    hint = _hint(browser, client)
    world.clock.move(hours=1)
    assert answered(browser.authorize(client, id_token_hint=hint, prompt="none"))["code"]
    bob = Browser(world)
    bob.sign_in("bob")
    assert answered(bob.authorize(client, id_token_hint=hint, prompt="none"))["error"] == "login_required"
    assert page_of(bob.authorize(client, id_token_hint=hint))[0] == "login"


def test_only_this_clients_own_id_token_is_a_hint(browser: Browser):
    world = browser.world
    add_client(world, "rp2")
    tokens, foreign = browser.tokens(scope="openid es256:read"), _hint(browser, "rp2")
    head, body, _ = tokens["id_token"].split(".")
    for hint in (foreign, tokens["access_token"], f"{head}.{body}.{foreign.rpartition('.')[2]}"):
        assert answered(browser.authorize(id_token_hint=hint))["error"] == "invalid_request"


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param('{"id_token":{"acr":{"essential":true,"values":["urn:x","urn:authsvc:acr:1fa"]}}}', id="met"),
        pytest.param('{"id_token":{"acr":{"values":["urn:x"]}}}', id="a wish"),
        pytest.param('{"id_token":{"acr":{"essential":true}}}', id="any"),
    ],
)
def test_an_acr_that_is_met_or_only_wished_for_stands_in_no_ones_way(browser: Browser, claims: str):
    told = read(browser.tokens(claims=claims, acr_values="urn:x")["id_token"])
    assert told["acr"] == "urn:authsvc:acr:1fa"


@pytest.mark.parametrize("wanted", ["urn:authsvc:acr:1fa", "urn:x urn:authsvc:acr:1fa", "urn:x"])
def test_acr_values_are_a_wish_which_the_tokens_answer_truthfully(browser: Browser, wanted: str):
    """Core §3.1.2.1: nobody signs in again for a wish, and `acr` says what the sign-in is worth (§5.5.1.1)."""
    world = browser.world
    tokens = browser.tokens(scope="openid es256:read", acr_values=wanted, prompt="none")
    fresh = world.refresh(tokens["refresh_token"], "rp").json()
    for token in (tokens["id_token"], tokens["access_token"], fresh["id_token"], fresh["access_token"]):
        assert read(token)["acr"] == "urn:authsvc:acr:1fa"
    browser.sign_in(amr=("sms",))
    assert "acr" not in read(browser.tokens(acr_values=wanted, prompt="none")["id_token"])


def test_a_weaker_session_signs_in_again_for_an_essential_acr(browser: Browser):
    browser.sign_in(amr=("sms",))
    wanted = '{"id_token":{"acr":{"essential":true,"value":"urn:authsvc:acr:1fa"}}}'
    assert page_of(browser.authorize(claims=wanted))[0] == "login"
    assert answered(browser.authorize(claims=wanted, prompt="none"))["error"] == "login_required"
    assert "acr" not in read(browser.tokens()["id_token"])


def test_the_session_of_an_id_token_is_the_browsers(browser: Browser):
    session = browser.sign_in()
    free = browser.tokens(scope="openid offline_access")
    assert UUID(read(free["id_token"])["sid"]) == session.id
    assert UUID(read(free["access_token"])["sid"]) != session.id
    assert UUID(read(browser.tokens()["access_token"])["sid"]) == session.id


def test_a_client_with_logout_addresses_takes_part_in_the_session(browser: Browser):
    add_client(browser.world, "told", backchannel_logout_uri="https://rp.example/logout")
    session = browser.sign_in()
    browser.tokens()
    browser.tokens("told")
    browser.tokens("told")
    with browser.world.change() as uow:
        assert uow.browser_sessions.participants(session.id) == ("told",)


def test_a_hint_of_long_ago_is_one_still(browser: Browser):
    hint = _hint(browser)
    browser.world.clock.move(days=200)
    browser.sign_in()
    assert answered(browser.authorize(id_token_hint=hint, prompt="none"))["code"]
