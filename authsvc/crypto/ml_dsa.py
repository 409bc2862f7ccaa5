"""ML-DSA, the signature that withstands quantum computers, as a python-jose key class."""

from collections.abc import Mapping
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import (
    MLDSA44PrivateKey,
    MLDSA44PublicKey,
    MLDSA65PrivateKey,
    MLDSA65PublicKey,
    MLDSA87PrivateKey,
    MLDSA87PublicKey,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from jose.backends.base import Key
from jose.exceptions import JWKError

from authsvc.crypto import base64url

ML_DSA: Final = ("ML-DSA-44", "ML-DSA-65", "ML-DSA-87")

MLDSAPrivateKey = MLDSA44PrivateKey | MLDSA65PrivateKey | MLDSA87PrivateKey
MLDSAPublicKey = MLDSA44PublicKey | MLDSA65PublicKey | MLDSA87PublicKey

PRIVATE_KINDS: Final[Mapping[str, type[MLDSAPrivateKey]]] = {
    "ML-DSA-44": MLDSA44PrivateKey,
    "ML-DSA-65": MLDSA65PrivateKey,
    "ML-DSA-87": MLDSA87PrivateKey,
}
PUBLIC_KINDS: Final[Mapping[str, type[MLDSAPublicKey]]] = {
    "ML-DSA-44": MLDSA44PublicKey,
    "ML-DSA-65": MLDSA65PublicKey,
    "ML-DSA-87": MLDSA87PublicKey,
}


class MLDSAKey(Key):
    """ML-DSA with an empty context, hedged by fresh randomness. Source: RFC 9964 §5, FIPS 204 §3.4."""

    def __init__(self, key: MLDSAPrivateKey | MLDSAPublicKey, algorithm: str) -> None:
        if not isinstance(key, (PRIVATE_KINDS.get(algorithm, ()), PUBLIC_KINDS.get(algorithm, ()))):
            raise JWKError("MLDSAKey wants an ML-DSA key of `cryptography` of just this parameter set")
        self._key = key
        self._algorithm = algorithm
        self._public = key if isinstance(key, MLDSAPublicKey) else key.public_key()

    def sign(self, msg: bytes) -> bytes:
        """Return the signature: 2420, 3309 or 4627 octets."""
        if isinstance(self._key, MLDSAPublicKey):
            raise JWKError("a public key cannot sign")
        return self._key.sign(msg)

    def verify(self, msg: bytes, sig: bytes) -> bool:
        """Say whether `sig` signs `msg`."""
        try:
            self._public.verify(sig, msg)
        except InvalidSignature:
            return False
        return True

    def public_key(self) -> "MLDSAKey":
        """Return the public half."""
        return MLDSAKey(self._public, self._algorithm)

    def to_pem(self) -> bytes:
        """Return PKCS #8 (with the seed) of a private key, SubjectPublicKeyInfo of a public one."""
        if isinstance(self._key, MLDSAPublicKey):
            return self._key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def to_dict(self) -> dict[str, Any]:
        """Return the public JWK, also of a private key."""
        return {"alg": self._algorithm, "kty": "AKP", "pub": base64url.encode(self._public.public_bytes_raw())}
