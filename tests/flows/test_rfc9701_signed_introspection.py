"""The answer of the introspection as a signed JWT (RFC 9701)."""

import json

import jwt
import pytest

from tests.flows.asking import INACTIVE, SIGNED, add_server, introspect
from tests.flows.world import ISSUER, World


def _verified(world: World, token: str, caller: str = "api") -> dict[str, object]:
    """As a resource server does it: the published key, the algorithm it expects, issuer and audience."""
    keys = jwt.PyJWKSet.from_dict(world.get("/jwks").json())
    key = next(key for key in keys.keys if key.key_id == jwt.get_unverified_header(token)["kid"])
    return dict(
        jwt.decode(
            token, key.key, ["RS256"], options={"require": ["iss", "aud", "iat"]}, audience=caller, issuer=ISSUER
        )
    )


def test_the_signed_answer_says_what_the_plain_one_does(world: World) -> None:
    add_server(world)
    token = world.tokens()["access_token"]
    plain, signed = introspect(world, token), introspect(world, token, accept=SIGNED)
    assert signed.headers["content-type"] == SIGNED
    assert signed.headers["cache-control"] == "no-store"
    assert jwt.get_unverified_header(signed.text)["typ"] == "token-introspection+jwt"
    found = _verified(world, signed.text)
    assert found.keys() == {"iss", "aud", "iat", "token_introspection"}, "it must not pass for a token of another kind"
    assert found["token_introspection"] == plain.json()


def test_the_algorithm_is_the_one_that_the_metadata_names(small_world: World) -> None:
    add_server(small_world)
    signed = introspect(small_world, "x", accept=SIGNED).text
    named = small_world.get("/.well-known/openid-configuration").json()["introspection_signing_alg_values_supported"]
    assert [jwt.get_unverified_header(signed)["alg"]] == named


def test_it_is_for_the_server_that_asked_alone(small_world: World) -> None:
    add_server(small_world)
    add_server(small_world, "api2")
    token = small_world.tokens()["access_token"]
    for caller in ("api", "api2"):
        assert (
            _verified(small_world, introspect(small_world, token, caller, accept=SIGNED).text, caller)["aud"] == caller
        )


def test_a_worthless_token_is_inactive_and_no_more(small_world: World) -> None:
    add_server(small_world, "api2", "RS256")
    for token in (small_world.tokens()["access_token"], "x"):
        signed = introspect(small_world, token, "api2", accept=SIGNED).text
        assert _verified(small_world, signed, "api2")["token_introspection"] == json.loads(INACTIVE)


def test_the_answer_is_good_nowhere_else(small_world: World) -> None:
    add_server(small_world)
    token = small_world.tokens(scope="openid es256:read")["access_token"]
    signed = introspect(small_world, token, accept=SIGNED).text
    assert small_world.get("/userinfo", signed).status_code == 401
    assert small_world.get("/me", signed).status_code == 401
    assert introspect(small_world, signed).content == INACTIVE


@pytest.mark.parametrize(
    ("accept", "is_signed"),
    [
        pytest.param(None, False, id="absent"),
        pytest.param("*/*", False, id="anything"),
        pytest.param("application/*", False, id="any application type"),
        pytest.param("application/json", False, id="plain"),
        pytest.param(f"application/json, {SIGNED}", True, id="both"),
        pytest.param(f"{SIGNED};q=0.5, application/json", False, id="plain rather"),
        pytest.param(f"application/json;q=0.5, {SIGNED}", True, id="signed rather"),
        pytest.param(f"{SIGNED};q=0", False, id="anything but"),
        pytest.param(f"{SIGNED};q=x", False, id="nonsense"),
        pytest.param(SIGNED.upper(), True, id="upper case"),
        pytest.param("application/jwt", False, id="another JWT"),
    ],
)
def test_the_form_is_the_callers_choice(small_world: World, accept: str | None, is_signed: bool) -> None:
    add_server(small_world)
    answer = introspect(small_world, "x", accept=accept)
    assert (answer.headers["content-type"] == SIGNED) == is_signed
