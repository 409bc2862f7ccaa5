"""Keys: born as PEM, published as JWK, loaded once into python-jose key objects.

A key has one algorithm for life. Public keys of others are judged member by member, so that no shape of JWK can
turn into another kind of key than its algorithm needs.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from jose import jwk as jose_jwk
from jose.backends.base import Key
from jose.exceptions import JWKError

from authsvc.crypto import base64url, jwk_members, strict_json
from authsvc.crypto.algorithms import HMAC_ALGORITHMS, KINDS, SIGNING_ALGORITHMS
from authsvc.crypto.errors import UnsupportedKey
from authsvc.crypto.ml_dsa import PRIVATE_KINDS, MLDSAPrivateKey

RSA_BITS: Final = 2048
"""Of new keys: 112-bit strength is ample for keys that live 90 days; 3072 bits sign three times slower."""
MAX_KID_CHARACTERS: Final = 512
MAX_KEYS: Final = 100
"""In one stranger's set: nobody rotates through more, and each costs time to load."""

_RSA_EXPONENT: Final = 65537
# SPIFFE's bundles name the keys of JWT-SVIDs so (SPIFFE Trust Domain and Bundle §4.2.2).
_SIGNATURE_USES: Final = ("sig", "jwt-svid")
_HASH_BYTES: Final = {"HS256": 32, "HS384": 48, "HS512": 64}

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | MLDSAPrivateKey


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key, ready to sign; `public` is what the key set publishes."""

    kid: str
    algorithm: str
    key: Key = field(repr=False, compare=False)
    public: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A key ready to verify signatures of its one algorithm; without a `kid` only in strangers' sets."""

    kid: str | None
    algorithm: str
    key: Key = field(repr=False, compare=False)


def generate(algorithm: str) -> bytes:
    """Return a new private key as PKCS #8 PEM.

    Raises:
        UnsupportedKey: `algorithm` is not one of SIGNING_ALGORITHMS, or not known to this build of OpenSSL.
    """
    key: PrivateKey
    match algorithm:
        case "ES256":
            key = ec.generate_private_key(ec.SECP256R1())
        case "RS256" | "PS256":
            key = rsa.generate_private_key(_RSA_EXPONENT, RSA_BITS)
        case "EdDSA":
            key = ed25519.Ed25519PrivateKey.generate()
        case "ML-DSA-44" | "ML-DSA-65" | "ML-DSA-87":
            try:
                key = PRIVATE_KINDS[algorithm].generate()
            except UnsupportedAlgorithm:
                raise UnsupportedKey(f"OpenSSL here does not know {algorithm}") from None
        case _:
            raise UnsupportedKey(f"no such signing algorithm: {algorithm!r}")
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def load_signing_key(algorithm: str, private_pem: bytes) -> SigningKey:
    """Return the key in `private_pem`, named by its thumbprint.

    Raises:
        UnsupportedKey: not an unencrypted private key, or not one of `algorithm`.
    """
    try:
        private = load_pem_private_key(private_pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise UnsupportedKey("not an unencrypted private key in PEM") from None
    if not isinstance(private, PrivateKey) or algorithm not in SIGNING_ALGORITHMS:
        raise UnsupportedKey("keys of this kind do not sign here")
    public = private.public_key()
    if jwk_members.kind_of(public) != KINDS[algorithm]:
        raise UnsupportedKey(f"the private key is not one for {algorithm}")
    fields = jwk_members.write(public)
    kid = thumbprint(fields)
    return SigningKey(
        kid=kid,
        algorithm=algorithm,
        key=jose_jwk.construct(private, algorithm),  # type: ignore[arg-type] # the stubs know PEM and JWK only
        public={**fields, "kid": kid, "use": "sig", "alg": algorithm},
    )


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """Return the SHA-256 thumbprint of a public or private JWK. Source: RFC 7638 §3, RFC 9964 §6.

    Raises:
        UnsupportedKey: the key type is unknown or a required member is missing.
    """
    try:
        names = jwk_members.THUMBPRINT_MEMBERS[jwk_members.text(jwk, "kty")]
    except KeyError:
        raise UnsupportedKey("unknown key type") from None
    required = {name: jwk_members.text(jwk, name) for name in names}
    octets = json.dumps(required, separators=(",", ":"), sort_keys=True).encode()
    return base64url.encode(hashlib.sha256(octets).digest())


def load_verification_key(jwk: Mapping[str, Any], algorithms: Collection[str]) -> VerificationKey:
    """Return the public key of `jwk`, fixed to the one algorithm it will verify.

    The algorithm is the JWK's `alg`; without one, that of `algorithms` which its type and curve allow.

    Raises:
        UnsupportedKey: no usable `kid`; symmetric or private members; a `use` or `key_ops` other than
            signatures; `alg` not among `algorithms`, or not for this type and curve, or left open between
            several; RSA outside 2048 to 8192 bits; a point not on its curve; not strict base64url.
    """
    jwk_members.text(jwk, "kid")
    fitting = _fitting_algorithms(jwk, algorithms)
    if len(fitting) != 1:
        raise UnsupportedKey("alg is not allowed, not for this key type, or missing where several would fit")
    return _load(jwk, fitting)[0]


def load_key_set(jwks: Mapping[str, Any] | str | bytes, algorithms: Collection[str]) -> tuple[VerificationKey, ...]:
    """Return the keys of a stranger's JWK Set (parsed, or as text) that can verify one of `algorithms`.

    A key without `alg` gives one VerificationKey for each algorithm that its type and curve allow. Keys that
    `load_verification_key` would refuse are skipped, but for those without a `kid`.

    Raises:
        UnsupportedKey: not strict JSON, not a JWK Set, or one of more than MAX_KEYS keys.

    Source: RFC 7517 §5.
    """
    found: list[VerificationKey] = []
    for member in _members_of_set(jwks):
        try:
            found += _load(member, _fitting_algorithms(member, algorithms))
        except UnsupportedKey:
            continue
    return tuple(found)


def hmac_key(secret: bytes, algorithm: str) -> VerificationKey:
    """Return a key that verifies (and signs) under a shared secret.

    Raises:
        UnsupportedKey: `algorithm` is not one of HMAC_ALGORITHMS; `secret` is shorter than its hash, or is
            itself a public key in text.

    Source: RFC 7518 §3.2.
    """
    if algorithm not in HMAC_ALGORITHMS:
        raise UnsupportedKey(f"no such HMAC algorithm: {algorithm!r}")
    if len(secret) < _HASH_BYTES[algorithm]:
        raise UnsupportedKey("the secret is shorter than the hash")
    try:
        key = jose_jwk.construct(secret, algorithm)
    except JWKError:
        raise UnsupportedKey("the secret is an asymmetric key") from None
    return VerificationKey(None, algorithm, key)


def is_kid(text: str) -> bool:
    """Say whether `text` may name a key: printable and of bounded length, fit for any log, cache or database."""
    return 0 < len(text) <= MAX_KID_CHARACTERS and text.isprintable()


def _load(jwk: Mapping[str, Any], algorithms: Sequence[str]) -> list[VerificationKey]:
    kid = jwk.get("kid")
    if "kid" in jwk and not (isinstance(kid, str) and is_kid(kid)):
        raise UnsupportedKey("kid is empty, too long or not printable")
    if any(name in jwk for name in jwk_members.PRIVATE_MEMBERS):
        raise UnsupportedKey("the key is private or symmetric")
    if jwk.get("use", "sig") not in _SIGNATURE_USES or "verify" not in _operations(jwk):
        raise UnsupportedKey("the key is not for signatures")
    public = jwk_members.read(jwk)
    if any(jwk_members.kind_of(public) != KINDS[name] for name in algorithms):
        raise UnsupportedKey("the key is too small, too large or of another type than its algorithm needs")
    return [VerificationKey(kid, algorithm, jose_jwk.construct(public, algorithm)) for algorithm in algorithms]  # type: ignore[arg-type] # as above


def _fitting_algorithms(jwk: Mapping[str, Any], algorithms: Collection[str]) -> list[str]:
    kind = jwk_members.named_kind(jwk)
    fitting = [name for name in KINDS if name in algorithms and KINDS[name] == kind]
    if "alg" in jwk:
        fitting = [name for name in fitting if name == jwk["alg"]]
    return fitting


def _members_of_set(jwks: Mapping[str, Any] | str | bytes) -> list[dict[str, Any]]:
    try:
        octets = jwks.encode() if isinstance(jwks, str) else jwks
        members = (strict_json.parse_object(octets) if isinstance(octets, bytes) else octets).get("keys")
    except ValueError as error:
        raise UnsupportedKey(f"the JWK Set cannot be read: {error}") from None
    if not isinstance(members, list):
        raise UnsupportedKey("not a JWK Set")
    if len(members) > MAX_KEYS:
        raise UnsupportedKey("too many keys in one set")
    return [member for member in members if isinstance(member, dict)]


def _operations(jwk: Mapping[str, Any]) -> list[Any]:
    operations = jwk.get("key_ops", ["verify"])
    return operations if isinstance(operations, list) else []
