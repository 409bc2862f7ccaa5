import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jose.exceptions import JWKError

from authsvc.crypto import base64url, jwk
from authsvc.crypto.errors import UnsupportedKey
from authsvc.crypto.ml_dsa import ML_DSA, MLDSAKey
from tests.crypto.issuer import KEYS, PEMS, private

MESSAGE = b"to be signed"
# FIPS 204, table 2.
SIZES = {"ML-DSA-44": (1312, 2420), "ML-DSA-65": (1952, 3309), "ML-DSA-87": (2592, 4627)}


@pytest.mark.parametrize("algorithm", ML_DSA)
def test_keys_and_signatures_have_the_sizes_of_the_standard(algorithm):
    octets = base64url.decode(str(KEYS[algorithm].public["pub"]))
    assert (len(octets), len(KEYS[algorithm].key.sign(MESSAGE))) == SIZES[algorithm]


@pytest.mark.parametrize("algorithm", ML_DSA)
def test_two_signatures_of_one_message_differ(algorithm):
    assert KEYS[algorithm].key.sign(MESSAGE) != KEYS[algorithm].key.sign(MESSAGE)


@pytest.mark.parametrize("algorithm", ML_DSA)
def test_a_signature_under_another_context_is_none(algorithm):
    public = KEYS[algorithm].key.public_key()
    assert public.verify(MESSAGE, private(algorithm).sign(MESSAGE, b""))
    assert not public.verify(MESSAGE, private(algorithm).sign(MESSAGE, b"x"))


@pytest.mark.parametrize("algorithm", ML_DSA)
def test_the_stored_private_key_is_its_seed(algorithm):
    seed = private(algorithm).private_bytes_raw()
    stored = private(algorithm).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    assert len(seed) == 32
    assert stored.endswith(seed)
    assert KEYS[algorithm].key.to_pem() == PEMS[algorithm]


@pytest.mark.parametrize("algorithm", ML_DSA)
@pytest.mark.parametrize("other", ML_DSA)
def test_a_key_is_of_one_parameter_set(algorithm, other):
    if algorithm == other:
        assert jwk.load_signing_key(other, PEMS[algorithm]).kid == KEYS[algorithm].kid
        return
    with pytest.raises(JWKError):
        MLDSAKey(private(algorithm), other)
    with pytest.raises(UnsupportedKey):
        jwk.load_signing_key(other, PEMS[algorithm])
    with pytest.raises(UnsupportedKey):
        jwk.load_verification_key({**KEYS[algorithm].public, "alg": other}, [other])


@pytest.mark.parametrize(("key", "algorithm"), [("EdDSA", "ML-DSA-44"), ("ML-DSA-44", "EdDSA")], ids=str)
def test_the_class_takes_no_other_key(key, algorithm):
    with pytest.raises(JWKError):
        MLDSAKey(private(key), algorithm)
