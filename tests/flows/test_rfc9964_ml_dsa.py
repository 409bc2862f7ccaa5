"""Access tokens and ID tokens that withstand quantum computers (RFC 9964), beside those of every other algorithm."""

import hashlib
import json
from dataclasses import replace

import jwt
import pytest
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import KeySet

from authsvc.crypto import base64url, jws
from authsvc.crypto.jwk import thumbprint
from authsvc.crypto.ml_dsa import ML_DSA
from authsvc.domain.parties.resources import Resource
from authsvc.verify.key_set import read_keys
from tests.flows.world import ISSUER, World, audience

SIGNATURE_OCTETS = {"ML-DSA-44": 2420, "ML-DSA-65": 3309, "ML-DSA-87": 4627}


def serve(world: World, algorithm: str) -> None:
    """Register an API whose tokens are signed so, and let the service call it."""
    scope = f"{algorithm.lower()}:read"
    with world.change() as uow:
        uow.resources.add(Resource(audience(algorithm), algorithm, frozenset({scope}), algorithm, None, world.clock()))
        client = uow.clients.get("svc")
        assert client is not None
        uow.clients.save(
            replace(client, scopes=client.scopes | {scope}, resources=client.resources | {audience(algorithm)})
        )


def ask(world: World, algorithm: str) -> str:
    answer = world.token(scope=f"{algorithm.lower()}:read")
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def header(token: str) -> dict[str, str]:
    return dict(json.loads(base64url.decode(token.split(".", 1)[0])))


@pytest.mark.parametrize("algorithm", ML_DSA)
def test_an_api_may_ask_for_ml_dsa_and_the_key_is_published(world: World, algorithm):
    serve(world, algorithm)
    token = ask(world, algorithm)
    assert header(token)["alg"] == algorithm
    assert len(base64url.decode(token.rsplit(".", 1)[1])) == SIGNATURE_OCTETS[algorithm]
    (key,) = [key for key in world.get("/jwks").json()["keys"] if key["kty"] == "AKP"]
    assert set(key) == {"kty", "alg", "pub", "kid", "use"}
    assert (key["alg"], key["use"], key["kid"]) == (algorithm, "sig", thumbprint(key))
    assert header(token)["kid"] == key["kid"]
    expected = jws.Expectation(frozenset({algorithm}), "at+jwt", ISSUER, audience(algorithm))
    by_kid = read_keys([key], [algorithm])
    assert jws.verify(token, by_kid.get, expected, world.clock().timestamp())["client_id"] == "svc"


def test_the_new_keys_disturb_nobody_who_verifies_by_the_old_ones(small_world: World):
    for algorithm in ML_DSA:
        serve(small_world, algorithm)
        ask(small_world, algorithm)
    token = ask(small_world, "ES256")
    jwks = small_world.get("/jwks").json()
    assert [key["alg"] for key in jwks["keys"] if key["kty"] == "AKP"] == list(ML_DSA)
    kid = header(token)["kid"]
    by_pyjwt = jwt.decode(token, jwt.PyJWKSet.from_dict(jwks)[kid], algorithms=["ES256"], audience=audience("ES256"))
    by_joserfc = joserfc_jwt.decode(token, KeySet.import_key_set(jwks), algorithms=["ES256"]).claims
    # A verifier of ours that was told to take nothing new, and one that takes all.
    expected = jws.Expectation(frozenset({"ES256"}), "at+jwt", ISSUER, audience("ES256"))
    own = [
        jws.verify(token, read_keys(jwks["keys"], allowed).get, expected, small_world.clock().timestamp())
        for allowed in (["ES256"], ["ES256", *ML_DSA])
    ]
    assert [by_pyjwt, by_joserfc, *own] == [by_pyjwt] * 4


def test_a_client_may_ask_for_ml_dsa_in_its_id_tokens_which_then_carry_no_at_hash(small_world: World):
    assert "at_hash" in claims_of(small_world.tokens()["id_token"])
    with small_world.change() as uow:
        client = uow.clients.get("app")
        assert client is not None
        uow.clients.save(replace(client, id_token_algorithm="ML-DSA-65"))
    token = small_world.tokens()["id_token"]
    assert header(token)["alg"] == "ML-DSA-65"
    assert "at_hash" not in claims_of(token)
    assert (
        "ML-DSA-65"
        in small_world.get("/.well-known/openid-configuration").json()["id_token_signing_alg_values_supported"]
    )


def claims_of(token: str) -> dict[str, object]:
    return dict(json.loads(base64url.decode(token.split(".")[1])))


@pytest.mark.parametrize(
    ("algorithm", "digest"),
    [("ES256", hashlib.sha256), ("RS256", hashlib.sha256), ("PS256", hashlib.sha256), ("EdDSA", hashlib.sha512)],
)
def test_at_hash_is_the_left_half_of_the_hash_that_the_algorithm_signs_with(small_world: World, algorithm, digest):
    with small_world.change() as uow:
        client = uow.clients.get("app")
        assert client is not None
        uow.clients.save(replace(client, id_token_algorithm=algorithm))
    tokens = small_world.tokens()
    whole = digest(tokens["access_token"].encode()).digest()
    assert claims_of(tokens["id_token"])["at_hash"] == base64url.encode(whole[: len(whole) // 2])
