import json
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from joserfc.jwk import JWKRegistry

from authsvc.crypto import base64url, jwk, jws
from authsvc.crypto.algorithms import SIGNING_ALGORITHMS
from authsvc.crypto.errors import UnsupportedKey
from authsvc.crypto.ml_dsa import ML_DSA
from tests.crypto.issuer import KEYS, PEMS, TYP, claims, private

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "jose.json").read_text())
AKP_VECTORS = [vector for vector in VECTORS["signatures"] if vector["jwk"]["kty"] == "AKP"]
EC, RSA, PSS, OKP, AKP = (dict(KEYS[name].public) for name in SIGNING_ALGORITHMS[:5])
CLASSIC = [name for name in SIGNING_ALGORITHMS if name not in ML_DSA]


def pem_of(key: PrivateKeyTypes) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def rsa_jwk(bits: int, exponent: int = 65537) -> dict[str, str]:
    modulus = rsa.generate_private_key(65537, bits).public_key().public_numbers().n
    members = {"n": modulus, "e": exponent}
    encoded = {name: base64url.encode(i.to_bytes((i.bit_length() + 7) // 8, "big")) for name, i in members.items()}
    return {"kty": "RSA", "kid": "k", "alg": "RS256", **encoded}


def without(key, *names):
    return {name: value for name, value in key.items() if name not in names}


@pytest.mark.parametrize("vector", [pytest.param(v, id=v["source"]) for v in VECTORS["thumbprints"]])
def test_the_thumbprints_of_the_specifications(vector):
    assert jwk.thumbprint(vector["jwk"]) == vector["thumbprint"]


@pytest.mark.parametrize("vector", [pytest.param(v, id=v["source"]) for v in AKP_VECTORS])
def test_the_names_of_the_ml_dsa_keys_of_the_specification_are_their_thumbprints(vector):
    assert jwk.thumbprint(vector["jwk"]) == vector["jwk"]["kid"]


@pytest.mark.parametrize("algorithm", CLASSIC)
def test_thumbprints_agree_with_another_library(algorithm):
    public = dict(KEYS[algorithm].public)
    assert KEYS[algorithm].kid == JWKRegistry.import_key(without(public, "kid")).thumbprint()


@pytest.mark.parametrize("bad", [{}, {"kty": "oct", "k": "AA"}, {"kty": "EC", "crv": "P-256"}, {"kty": 1}], ids=str)
def test_a_thumbprint_needs_a_known_type_and_its_members(bad):
    with pytest.raises(UnsupportedKey):
        jwk.thumbprint(bad)


@pytest.mark.parametrize("algorithm", SIGNING_ALGORITHMS)
def test_the_published_form_is_public_and_says_what_it_is_for(algorithm):
    public = KEYS[algorithm].public
    fields = {"EC": {"crv", "x", "y"}, "RSA": {"n", "e"}, "OKP": {"crv", "x"}, "AKP": {"pub"}}[public["kty"]]
    assert set(public) == {"kty", "kid", "use", "alg", *fields}
    assert (public["use"], public["alg"], public["kid"]) == ("sig", algorithm, KEYS[algorithm].kid)


@pytest.mark.parametrize("algorithm", CLASSIC)
def test_strangers_accept_a_token_under_the_published_form(algorithm):
    signed = jws.sign(claims(exp=4_000_000_000), KEYS[algorithm], TYP)
    stranger = jwt.PyJWK.from_dict(dict(KEYS[algorithm].public))
    accepted = jwt.decode(signed, stranger, algorithms=[algorithm], options={"verify_aud": False, "verify_iat": False})
    assert accepted["sub"] == "user-1"


@pytest.mark.parametrize("algorithm", SIGNING_ALGORITHMS)
def test_loading_a_key_twice_gives_the_same_name(algorithm):
    assert jwk.load_signing_key(algorithm, PEMS[algorithm]).kid == KEYS[algorithm].kid


def test_neither_form_of_a_key_shows_it_when_printed():
    for key in (KEYS["RS256"], jwk.load_verification_key(RSA, ["RS256"])):
        assert set(repr(key).split("(", 1)[1].rstrip(")").split(", ")) == {f"kid='{key.kid}'", "algorithm='RS256'"}


def test_a_new_rsa_key_has_2048_bits():
    new = load_pem_private_key(jwk.generate("PS256"), None)
    assert isinstance(new, rsa.RSAPrivateKey)
    assert new.key_size == 2048


@pytest.mark.parametrize("algorithm", ["HS256", "none", "es256", "", "RS512"])
def test_no_key_is_made_for_an_unknown_algorithm(algorithm):
    with pytest.raises(UnsupportedKey):
        jwk.generate(algorithm)


@pytest.mark.parametrize(
    ("algorithm", "pem"),
    [
        *[
            pytest.param(a, PEMS[b], id=f"{b}_as_{a}")
            for a, b in [("ES256", "EdDSA"), ("RS256", "ES256"), ("EdDSA", "RS256")]
        ],
        pytest.param("HS256", PEMS["RS256"], id="unknown_algorithm"),
        pytest.param("ES256", pem_of(ec.generate_private_key(ec.SECP384R1())), id="another_curve"),
        pytest.param("ES256", pem_of(ec.generate_private_key(ec.SECP256K1())), id="bitcoin_s_curve"),
        pytest.param("EdDSA", pem_of(ed448.Ed448PrivateKey.generate()), id="ed448"),
        pytest.param("RS256", pem_of(rsa.generate_private_key(65537, 1024)), id="small_rsa"),
        pytest.param("ES256", b"", id="empty"),
        pytest.param("ES256", b"-----BEGIN nothing-----", id="not_a_key"),
        pytest.param(
            "ES256",
            private("ES256").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            id="public",
        ),
        pytest.param(
            "ES256",
            private("ES256").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")),
            id="encrypted",
        ),
    ],
)
def test_a_private_key_of_another_kind_is_refused(algorithm, pem):
    with pytest.raises(UnsupportedKey):
        jwk.load_signing_key(algorithm, pem)


@pytest.mark.parametrize(
    ("key", "algorithms", "chosen"),
    [
        pytest.param(EC, ["ES256"], "ES256", id="named"),
        pytest.param(PSS, SIGNING_ALGORITHMS, "PS256", id="named_among_all"),
        pytest.param(without(EC, "alg"), SIGNING_ALGORITHMS, "ES256", id="the_only_one_for_the_type"),
        pytest.param(without(RSA, "alg", "use"), ["RS256", "ES256"], "RS256", id="the_only_one_allowed"),
        pytest.param(without(OKP, "alg"), {"EdDSA"}, "EdDSA", id="edwards"),
        pytest.param({**EC, "key_ops": ["verify"], "x5t": "AA", "other": 1}, ["ES256"], "ES256", id="other_members"),
    ],
)
def test_a_public_key_is_fixed_to_one_algorithm(key, algorithms, chosen):
    loaded = jwk.load_verification_key(key, algorithms)
    assert (loaded.algorithm, loaded.kid) == (chosen, key["kid"])


OFF_CURVE = {**EC, "y": EC["x"]}
ZERO = base64url.encode(b"\x00" * 32)


@pytest.mark.parametrize(
    ("key", "algorithms"),
    [
        pytest.param(without(EC, "kid"), ["ES256"], id="no_kid"),
        pytest.param({**EC, "kid": ""}, ["ES256"], id="empty_kid"),
        pytest.param({**EC, "kid": 1}, ["ES256"], id="kid_is_a_number"),
        pytest.param({**EC, "kid": "a\x00"}, ["ES256"], id="nul_in_the_kid"),
        pytest.param({**EC, "kid": "k" * 513}, ["ES256"], id="long_kid"),
        pytest.param(without(EC, "kty"), ["ES256"], id="no_type"),
        pytest.param({**EC, "kty": "RSA"}, ["ES256"], id="type_and_algorithm_differ"),
        pytest.param({**EC, "kty": ["EC"]}, ["ES256"], id="type_is_a_list"),
        pytest.param(EC, ["RS256"], id="algorithm_not_allowed"),
        pytest.param(EC, [], id="no_algorithm_allowed"),
        pytest.param({**EC, "alg": "RS256"}, SIGNING_ALGORITHMS, id="rsa_algorithm_on_a_curve"),
        pytest.param({**RSA, "alg": "ES256"}, SIGNING_ALGORITHMS, id="curve_algorithm_on_rsa"),
        pytest.param({**EC, "alg": "none"}, SIGNING_ALGORITHMS, id="none"),
        pytest.param({**EC, "alg": None}, SIGNING_ALGORITHMS, id="algorithm_is_null"),
        pytest.param({**EC, "alg": ["ES256"]}, SIGNING_ALGORITHMS, id="algorithm_is_a_list"),
        pytest.param({**RSA, "alg": "HS256"}, [*SIGNING_ALGORITHMS, "HS256"], id="hmac_on_rsa"),
        pytest.param(without(RSA, "alg"), SIGNING_ALGORITHMS, id="two_algorithms_would_fit"),
        pytest.param({**EC, "crv": "P-384"}, ["ES256"], id="another_curve"),
        pytest.param({**EC, "crv": "secp256k1"}, ["ES256"], id="bitcoin_s_curve"),
        pytest.param({**OKP, "crv": "X25519"}, ["EdDSA"], id="agreement_curve"),
        pytest.param({**OKP, "crv": "Ed448"}, ["EdDSA"], id="ed448"),
        pytest.param(without(OKP, "crv"), ["EdDSA"], id="no_curve"),
        pytest.param({**EC, "use": "enc"}, ["ES256"], id="for_encryption"),
        pytest.param({**EC, "use": None}, ["ES256"], id="use_is_null"),
        pytest.param({**EC, "key_ops": ["sign"]}, ["ES256"], id="for_signing_only"),
        pytest.param({**EC, "key_ops": "verify"}, ["ES256"], id="operations_are_a_text"),
        pytest.param({"kty": "oct", "k": "AAAA", "kid": "k"}, SIGNING_ALGORITHMS, id="symmetric"),
        pytest.param({"kty": "oct", "k": "AAAA", "kid": "k", "alg": "ES256"}, SIGNING_ALGORITHMS, id="symmetric_as_ec"),
        pytest.param({**EC, "d": ZERO}, ["ES256"], id="private"),
        pytest.param({**RSA, "d": "AQAB"}, ["RS256"], id="private_rsa"),
        pytest.param({**RSA, "p": "AQAB"}, ["RS256"], id="a_private_prime"),
        pytest.param({**OKP, "d": ZERO}, ["EdDSA"], id="private_edwards"),
        pytest.param({**EC, "k": "AAAA"}, ["ES256"], id="a_symmetric_member"),
        pytest.param(OFF_CURVE, ["ES256"], id="off_the_curve"),
        pytest.param({**EC, "x": ZERO, "y": ZERO}, ["ES256"], id="infinity"),
        pytest.param(
            {**EC, "x": base64url.encode(b"\x00" + base64url.decode(EC["x"]))}, ["ES256"], id="long_coordinate"
        ),
        pytest.param({**EC, "x": EC["x"] + "="}, ["ES256"], id="padding"),
        pytest.param(without(EC, "y"), ["ES256"], id="missing_coordinate"),
        pytest.param({**EC, "x": 1}, ["ES256"], id="coordinate_is_a_number"),
        pytest.param({**OKP, "x": OKP["x"][:-4]}, ["EdDSA"], id="short_edwards"),
        pytest.param(rsa_jwk(1024), ["RS256"], id="small_rsa"),
        pytest.param({**RSA, "n": base64url.encode(b"\xff" * 2000)}, ["RS256"], id="huge_rsa"),
        pytest.param(rsa_jwk(2048, 1), ["RS256"], id="exponent_1"),
        pytest.param(rsa_jwk(2048, 2), ["RS256"], id="even_exponent"),
        pytest.param(rsa_jwk(2048, 2**64 + 1), ["RS256"], id="huge_exponent"),
        pytest.param({**RSA, "n": ""}, ["RS256"], id="empty_modulus"),
        pytest.param({}, SIGNING_ALGORITHMS, id="empty"),
    ],
)
def test_a_key_that_this_server_must_not_use_is_refused(key, algorithms):
    with pytest.raises(UnsupportedKey):
        jwk.load_verification_key(key, algorithms)
