import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from authsvc.crypto import base64url, jwk, jwk_members
from authsvc.crypto.algorithms import HMAC_ALGORITHMS, SIGNING_ALGORITHMS, STRANGER_ALGORITHMS
from authsvc.crypto.errors import UnsupportedKey
from tests.crypto.issuer import KEYS, private

EC, RSA, OKP, AKP = (dict(KEYS[name].public) for name in ("ES256", "RS256", "EdDSA", "ML-DSA-44"))
OCT = {"kty": "oct", "k": base64url.encode(b"s" * 64), "kid": "shared"}


def bare(key: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in key.items() if name not in ("alg", "kid", "use")}


def loaded(*keys: object, algorithms: Any = STRANGER_ALGORITHMS) -> list[tuple[str | None, str]]:
    return [(key.kid, key.algorithm) for key in jwk.load_key_set({"keys": list(keys)}, algorithms)]


@pytest.mark.parametrize("form", [lambda keys: keys, json.dumps, lambda keys: json.dumps(keys).encode()])
def test_a_set_is_read_parsed_or_as_text(form):
    keys = jwk.load_key_set(form({"keys": [dict(key.public) for key in KEYS.values()]}), SIGNING_ALGORITHMS)
    assert [(key.kid, key.algorithm) for key in keys] == [(key.kid, name) for name, key in KEYS.items()]


@pytest.mark.parametrize(
    ("key", "algorithms"),
    [
        pytest.param(bare(EC), ["ES256"], id="p_256"),
        pytest.param(
            bare(jwk_members.write(ec.generate_private_key(ec.SECP384R1()).public_key())), ["ES384"], id="p_384"
        ),
        pytest.param(
            bare(jwk_members.write(ec.generate_private_key(ec.SECP521R1()).public_key())), ["ES512"], id="p_521"
        ),
        pytest.param(bare(RSA), ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"], id="rsa"),
        pytest.param(bare(OKP), ["EdDSA", "Ed25519"], id="edwards"),
        pytest.param(bare(AKP), [], id="ml_dsa_needs_its_algorithm"),
    ],
)
def test_a_key_without_alg_serves_each_algorithm_of_its_type_and_curve(key, algorithms):
    assert loaded(key) == [(None, name) for name in algorithms]
    assert loaded({**key, "kid": "k"}, algorithms=algorithms[:1]) == [("k", name) for name in algorithms[:1]]


@pytest.mark.parametrize("algorithm", STRANGER_ALGORITHMS)
def test_a_key_with_alg_serves_that_alone(algorithm):
    for key in (EC, RSA, OKP, AKP):
        assert loaded({**bare(key), "alg": algorithm}) in ([], [(None, algorithm)])


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(OCT, id="symmetric"),
        pytest.param({**OCT, "alg": "HS256"}, id="symmetric_with_alg"),
        pytest.param({**RSA, "alg": "HS256"}, id="hmac_on_rsa"),
        pytest.param({**AKP, "priv": base64url.encode(b"\x00" * 32)}, id="seed_of_ml_dsa"),
        pytest.param({**EC, "d": "AAAA"}, id="private"),
        pytest.param({**EC, "use": "enc"}, id="for_encryption"),
        pytest.param({**EC, "key_ops": ["encrypt"]}, id="other_operations"),
        pytest.param({**RSA, "alg": "RSA-OAEP"}, id="encryption_algorithm"),
        pytest.param({**EC, "kid": ""}, id="empty_kid"),
        pytest.param({**EC, "kid": None}, id="kid_is_null"),
        pytest.param({**EC, "kid": ["a"]}, id="kid_is_a_list"),
        pytest.param({**EC, "kid": "a\nb"}, id="kid_not_printable"),
        pytest.param({**EC, "y": EC["x"]}, id="off_the_curve"),
        pytest.param({**EC, "kty": "XYZ"}, id="unknown_type"),
        pytest.param({**EC, "crv": "P-384", "alg": "ES384"}, id="coordinates_of_another_curve"),
        pytest.param({**EC, "crv": "secp256k1", "alg": "ES256K"}, id="bitcoin_s_curve"),
        pytest.param({**bare(OKP), "x": base64url.encode(b"\x00" * 32)}, id="edwards_of_zeros"),
        pytest.param({**AKP, "pub": AKP["pub"][:-4]}, id="short_ml_dsa"),
        pytest.param({**AKP, "alg": "ML-DSA-65"}, id="another_parameter_set"),
        pytest.param({**AKP, "alg": "SLH-DSA-SHA2-128s"}, id="unknown_akp_algorithm"),
        pytest.param({}, id="empty"),
        pytest.param("key", id="text"),
        pytest.param(None, id="null"),
        pytest.param([EC], id="list"),
    ],
)
def test_a_key_that_cannot_be_used_is_skipped(key):
    assert loaded(key, EC) == [(EC["kid"], "ES256")]


def test_a_key_of_a_spiffe_bundle_is_for_signatures():
    assert loaded({**bare(EC), "kid": "k", "use": "jwt-svid"}) == [("k", "ES256")]


@pytest.mark.parametrize(
    "jwks",
    [
        pytest.param({}, id="no_keys"),
        pytest.param(EC, id="one_key"),
        pytest.param({"keys": {}}, id="keys_are_an_object"),
        pytest.param({"keys": None}, id="keys_are_null"),
        pytest.param("", id="empty"),
        pytest.param("[]", id="list"),
        pytest.param("{", id="broken"),
        pytest.param('{"keys": [], "keys": []}', id="member_twice"),
        pytest.param('{"keys": [{"kid": "\\ud800"}]}', id="lone_surrogate"),
        pytest.param("\ud800", id="raw_surrogate"),
        pytest.param(b"\xff", id="not_utf_8"),
        pytest.param("[" * 100_000, id="deep"),
        pytest.param({"keys": [EC] * 101}, id="too_many"),
        pytest.param({"keys": [None] * 101}, id="too_many_of_nothing"),
    ],
)
def test_what_is_no_set_of_keys_is_refused(jwks):
    with pytest.raises(UnsupportedKey):
        jwk.load_key_set(jwks, STRANGER_ALGORITHMS)


def test_a_set_of_a_hundred_keys_is_read():
    assert len(loaded(*[EC] * 100)) == 100


def test_no_algorithm_allowed_yields_no_key():
    assert loaded(EC, RSA, algorithms=[]) == []
    assert loaded(EC, RSA, OCT, algorithms=HMAC_ALGORITHMS) == []


# The points of order 1, 2, 4 and 8 of edwards25519, and other spellings of the same.
SMALL_ORDER = [
    "01" + "00" * 31,
    "ec" + "ff" * 30 + "7f",
    "00" * 32,
    "00" * 31 + "80",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "ed" + "ff" * 30 + "7f",
    "ee" + "ff" * 30 + "7f",
    "ec" + "ff" * 31,
]


@pytest.mark.parametrize("point", SMALL_ORDER)
def test_a_key_under_which_anybody_can_sign_is_none(point):
    assert loaded({**OKP, "x": base64url.encode(bytes.fromhex(point))}) == []


def test_an_even_modulus_is_none():
    even = private("RS256").public_key().public_numbers().n - 1
    assert loaded({**RSA, "n": base64url.encode(even.to_bytes(256, "big"))}) == []


@pytest.mark.parametrize(("bits", "usable"), [(1024, False), (2047, False), (2048, True)])
def test_an_rsa_key_has_at_least_2048_bits(bits, usable):
    key = jwk_members.write(rsa.generate_private_key(65537, bits).public_key())
    assert (loaded(key, algorithms=["PS512"]) == [(None, "PS512")]) is usable


@pytest.mark.parametrize(("algorithm", "octets"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_a_shared_secret_is_at_least_as_long_as_the_hash(algorithm, octets):
    assert jwk.hmac_key(b"s" * octets, algorithm).algorithm == algorithm
    with pytest.raises(UnsupportedKey):
        jwk.hmac_key(b"s" * (octets - 1), algorithm)


@pytest.mark.parametrize("algorithm", [*STRANGER_ALGORITHMS, "none", "", "hs256"])
def test_a_shared_secret_serves_hmac_only(algorithm):
    with pytest.raises(UnsupportedKey):
        jwk.hmac_key(b"s" * 64, algorithm)


def test_a_shared_secret_shows_nothing_when_printed():
    assert repr(jwk.hmac_key(b"s" * 64, "HS256")) == "VerificationKey(kid=None, algorithm='HS256')"


def test_a_public_key_in_text_is_no_shared_secret():
    pem = KEYS["RS256"].key.public_key().to_pem()
    with pytest.raises(UnsupportedKey):
        jwk.hmac_key(pem, "HS256")
