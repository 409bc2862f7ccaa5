"""The signature algorithms: which there are, which kind of key each needs, and their python-jose key classes.

python-jose knows neither PSS nor Ed25519, and builds its hash objects anew for each ES256 signature; the classes
here are registered through its own `jwk.register_key`. A key object is built once from a `cryptography` key.
"""

from collections.abc import Mapping
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from jose import jwk
from jose.backends.base import Key
from jose.backends.cryptography_backend import CryptographyECKey, CryptographyRSAKey
from jose.exceptions import JWKError

from authsvc.crypto import base64url
from authsvc.crypto.ml_dsa import ML_DSA, MLDSAKey

SIGNING_ALGORITHMS: Final = ("ES256", "RS256", "PS256", "EdDSA", *ML_DSA)
"""This server signs with these; keys are made for no other."""
QUICK_ALGORITHMS: Final = frozenset({"ES256", "EdDSA"})
"""To sign with these takes less than 0.1 ms; with the others many times that."""
QUICKLY_VERIFIED: Final = frozenset({"ES256", "EdDSA", "Ed25519", "RS256", "PS256"})
"""To verify these takes about 0.1 ms, with RSA keys of usual size less."""
STRANGER_ALGORITHMS: Final = (
    *SIGNING_ALGORITHMS,
    *("ES384", "ES512", "RS384", "RS512", "PS384", "PS512"),
    "Ed25519",  # What RFC 9864 calls EdDSA with this curve.
)
"""Clients and other issuers may sign with these. Asymmetric only: an HMAC algorithm never stands beside them."""
HMAC_ALGORITHMS: Final = ("HS256", "HS384", "HS512")

KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), ("RSA", "")),
    **dict.fromkeys(("EdDSA", "Ed25519"), ("OKP", "Ed25519")),
    **{name: ("AKP", name) for name in ML_DSA},
}
"""The key type (`kty`) that each algorithm of STRANGER_ALGORITHMS needs, and what tells keys of this type apart:
their curve, or the algorithm for which they were made."""

_ES256: Final = ec.ECDSA(hashes.SHA256())
_PSS_HASHES: Final = {"PS256": hashes.SHA256(), "PS384": hashes.SHA384(), "PS512": hashes.SHA512()}
_COORDINATE_BYTES: Final = 32


class ES256Key(CryptographyECKey):
    """ECDSA on P-256. Source: RFC 7518 §3.4."""

    def sign(self, msg: bytes) -> bytes:
        """Return r and s, 32 octets each."""
        r, s = decode_dss_signature(self.prepared_key.sign(msg, _ES256))
        return r.to_bytes(_COORDINATE_BYTES, "big") + s.to_bytes(_COORDINATE_BYTES, "big")

    def verify(self, msg: bytes, sig: bytes) -> bool:
        """Say whether `sig` (r and s, 32 octets each; never DER) signs `msg`."""
        if len(sig) != 2 * _COORDINATE_BYTES:
            return False
        r = int.from_bytes(sig[:_COORDINATE_BYTES], "big")
        s = int.from_bytes(sig[_COORDINATE_BYTES:], "big")
        try:
            self.prepared_key.verify(encode_dss_signature(r, s), msg, _ES256)
        except InvalidSignature:
            return False
        return True


class PSSKey(CryptographyRSAKey):
    """RSASSA-PSS. Source: RFC 7518 §3.5."""

    def __init__(self, key: rsa.RSAPrivateKey | rsa.RSAPublicKey, algorithm: str) -> None:
        if algorithm not in _PSS_HASHES:
            raise JWKError("PSSKey signs PS256, PS384 and PS512 only")
        # The parent knows the PKCS #1 v1.5 names only and needs one of them to load the key.
        super().__init__(key, "RS256")
        self._algorithm = algorithm
        self._hash = _PSS_HASHES[algorithm]
        # The salt is as long as the hash, for signing and verifying alike.
        self._padding = padding.PSS(padding.MGF1(self._hash), salt_length=self._hash.digest_size)

    def sign(self, msg: bytes) -> bytes:
        """Return the signature, as long as the modulus."""
        signature: bytes = self.prepared_key.sign(msg, self._padding, self._hash)
        return signature

    def verify(self, msg: bytes, sig: bytes) -> bool:
        """Say whether `sig` signs `msg`."""
        try:
            self.prepared_key.verify(sig, msg, self._padding, self._hash)
        except InvalidSignature:
            return False
        return True


class EdDSAKey(Key):
    """Ed25519, under its older and its newer name. Source: RFC 8037 §3.1, RFC 9864 §2.2."""

    def __init__(self, key: Ed25519PrivateKey | Ed25519PublicKey, algorithm: str) -> None:
        fits = algorithm in ("EdDSA", "Ed25519") and isinstance(key, (Ed25519PrivateKey, Ed25519PublicKey))
        if not fits:
            raise JWKError("EdDSAKey wants an Ed25519 key of `cryptography`")
        self._key = key
        self._algorithm = algorithm

    def sign(self, msg: bytes) -> bytes:
        """Return the signature of 64 octets."""
        if isinstance(self._key, Ed25519PublicKey):
            raise JWKError("a public key cannot sign")
        return self._key.sign(msg)

    def verify(self, msg: bytes, sig: bytes) -> bool:
        """Say whether `sig` signs `msg`."""
        try:
            self._public().verify(sig, msg)
        except InvalidSignature:
            return False
        return True

    def public_key(self) -> "EdDSAKey":
        """Return the public half."""
        return EdDSAKey(self._public(), self._algorithm)

    def to_pem(self) -> bytes:
        """Return PKCS #8 of a private key, SubjectPublicKeyInfo of a public one."""
        if isinstance(self._key, Ed25519PublicKey):
            return self._key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def to_dict(self) -> dict[str, Any]:
        """Return the public JWK, also of a private key."""
        x = base64url.encode(self._public().public_bytes_raw())
        return {"alg": self._algorithm, "kty": "OKP", "crv": "Ed25519", "x": x}

    def _public(self) -> Ed25519PublicKey:
        return self._key if isinstance(self._key, Ed25519PublicKey) else self._key.public_key()


jwk.register_key("ES256", ES256Key)
for _name in ML_DSA:
    jwk.register_key(_name, MLDSAKey)
for _name in _PSS_HASHES:
    jwk.register_key(_name, PSSKey)
for _name in ("EdDSA", "Ed25519"):
    jwk.register_key(_name, EdDSAKey)
