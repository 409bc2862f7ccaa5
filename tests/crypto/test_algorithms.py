import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jose import jwk as jose_jwk
from jose.exceptions import JWKError

from authsvc.crypto import base64url, jwk
from authsvc.crypto.algorithms import SIGNING_ALGORITHMS, EdDSAKey, ES256Key, PSSKey
from authsvc.crypto.ml_dsa import MLDSAKey
from tests.crypto.issuer import KEYS, PUBLIC, private

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "jose.json").read_text())
MESSAGE = b"to be signed"


def algorithm_of(vector):
    return json.loads(base64url.decode(vector["token"].split(".")[0]))["alg"]


@pytest.mark.parametrize("vector", [pytest.param(v, id=v["source"]) for v in VECTORS["signatures"]])
def test_the_signatures_of_the_specifications_verify(vector):
    algorithm = algorithm_of(vector)
    (key,) = jwk.load_key_set({"keys": [vector["jwk"]]}, [algorithm])
    signing_input, signature = vector["token"].rsplit(".", 1)
    octets = base64url.decode(signature)
    assert key.key.verify(signing_input.encode(), octets)
    assert not key.key.verify(signing_input.encode() + b"x", octets)
    assert not key.key.verify(signing_input.encode(), octets[:-1] + bytes([octets[-1] ^ 1]))


@pytest.mark.parametrize("vector", [pytest.param(v, id=v["source"]) for v in VECTORS["hmac"]])
def test_the_hmacs_of_the_specifications_verify(vector):
    key = jwk.hmac_key(base64url.decode(vector["k"]), algorithm_of(vector))
    signing_input, mac = vector["token"].rsplit(".", 1)
    assert key.key.verify(signing_input.encode(), base64url.decode(mac))
    assert not key.key.verify(signing_input.encode() + b"x", base64url.decode(mac))


@pytest.mark.parametrize("algorithm", SIGNING_ALGORITHMS)
def test_only_the_public_half_of_the_signing_key_verifies(algorithm):
    signature = KEYS[algorithm].key.sign(MESSAGE)
    stranger = jwk.load_signing_key(algorithm, jwk.generate(algorithm)).key.public_key()
    assert PUBLIC[KEYS[algorithm].kid].key.verify(MESSAGE, signature)
    assert KEYS[algorithm].key.public_key().verify(MESSAGE, signature)
    assert not stranger.verify(MESSAGE, signature)


@pytest.mark.parametrize("algorithm", SIGNING_ALGORITHMS)
@pytest.mark.parametrize("length", [0, 1, 63, 64, 65, 255, 256, 257, 4096])
def test_a_signature_of_any_length_is_false_and_no_error(algorithm, length):
    assert PUBLIC[KEYS[algorithm].kid].key.verify(MESSAGE, b"\x00" * length) is False


@pytest.mark.parametrize("salt_length", [0, 20, 31, 33, padding.PSS.MAX_LENGTH])
def test_a_pss_signature_with_another_salt_length_is_refused(salt_length):
    scheme = padding.PSS(padding.MGF1(hashes.SHA256()), salt_length)
    signature = private("PS256").sign(MESSAGE, scheme, hashes.SHA256())
    assert not KEYS["PS256"].key.public_key().verify(MESSAGE, signature)


@pytest.mark.parametrize(("signer", "verifier"), [("PS256", "RS256"), ("RS256", "PS256")])
def test_one_rsa_padding_does_not_verify_as_the_other(signer, verifier):
    signing, verifying = (jose_jwk.construct(private("RS256"), name) for name in (signer, verifier))
    assert not verifying.public_key().verify(MESSAGE, signing.sign(MESSAGE))


@pytest.mark.parametrize(
    ("algorithm", "kind"),
    [("ES256", ES256Key), ("PS256", PSSKey), ("EdDSA", EdDSAKey), ("ML-DSA-65", MLDSAKey)],
    ids=str,
)
def test_python_jose_builds_the_registered_class(algorithm, kind):
    key = jose_jwk.construct(private(algorithm), algorithm)
    assert isinstance(key, kind)
    assert isinstance(key.public_key(), kind)


@pytest.mark.parametrize("algorithm", SIGNING_ALGORITHMS)
def test_a_key_exports_its_public_half(algorithm):
    public = KEYS[algorithm].key.public_key()
    assert not {"d", "priv"}.intersection(public.to_dict())
    assert public.to_dict()["alg"] == algorithm
    pem = load_pem_public_key(public.to_pem())
    assert pem == private(algorithm).public_key()


@pytest.mark.parametrize("algorithm", ["EdDSA", "ML-DSA-44"])
def test_a_public_key_cannot_sign(algorithm):
    with pytest.raises(JWKError):
        KEYS[algorithm].key.public_key().sign(MESSAGE)


@pytest.mark.parametrize(("kind", "algorithm"), [(EdDSAKey, "ES256"), (PSSKey, "RS256"), (PSSKey, "RSA-OAEP")])
def test_a_key_class_refuses_another_algorithm(kind, algorithm):
    key = private("EdDSA" if kind is EdDSAKey else "RS256")
    with pytest.raises(JWKError):
        kind(key, algorithm)
