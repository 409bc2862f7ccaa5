"""Keys: born as PEM, published as JWK, loaded once into python-jose key objects.

A key has one algorithm for life. Public keys of others are judged member by member, so that no shape of JWK can
turn into another kind of key than its algorithm needs.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
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

from authsvc.crypto import base64url
from authsvc.crypto.algorithms import SIGNING_ALGORITHMS
from authsvc.crypto.errors import UnsupportedKey

RSA_BITS: Final = 2048
"""Of new keys: 112-bit strength is ample for keys that live 90 days; 3072 bits sign three times slower."""
MIN_RSA_BITS: Final = 2048
MAX_RSA_BITS: Final = 8192
"""A larger modulus from a stranger's key set would only burn our time."""
MAX_KID_CHARACTERS: Final = 512

_RSA_EXPONENT: Final = 65537
_COORDINATE_BYTES: Final = 32
_KEY_TYPES: Final = {"ES256": "EC", "RS256": "RSA", "PS256": "RSA", "EdDSA": "OKP"}
_CURVES: Final = {"EC": "P-256", "OKP": "Ed25519"}
_THUMBPRINT_MEMBERS: Final = {
    "EC": ("crv", "kty", "x", "y"),
    "RSA": ("e", "kty", "n"),
    "OKP": ("crv", "kty", "x"),
}
_PRIVATE_MEMBERS: Final = ("d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv")

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key, ready to sign; `public` is what the key set publishes."""

    kid: str
    algorithm: str
    key: Key = field(repr=False, compare=False)
    public: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key, ready to verify signatures of its one algorithm."""

    kid: str
    algorithm: str
    key: Key = field(repr=False, compare=False)


def generate(algorithm: str) -> bytes:
    """Return a new private key as PKCS #8 PEM.

    Raises:
        UnsupportedKey: `algorithm` is not one of SIGNING_ALGORITHMS.
    """
    key: PrivateKey
    match algorithm:
        case "ES256":
            key = ec.generate_private_key(ec.SECP256R1())
        case "RS256" | "PS256":
            key = rsa.generate_private_key(_RSA_EXPONENT, RSA_BITS)
        case "EdDSA":
            key = ed25519.Ed25519PrivateKey.generate()
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
    if not isinstance(private, PrivateKey) or not _fits(private.public_key(), algorithm):
        raise UnsupportedKey(f"the private key is not one for {algorithm}")
    fields = _public_fields(private.public_key())
    kid = thumbprint(fields)
    return SigningKey(
        kid=kid,
        algorithm=algorithm,
        key=jose_jwk.construct(private, algorithm),  # type: ignore[arg-type] # the stubs know PEM and JWK only
        public={**fields, "kid": kid, "use": "sig", "alg": algorithm},
    )


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """Return the SHA-256 thumbprint of a public or private JWK. Source: RFC 7638 §3.

    Raises:
        UnsupportedKey: the key type is unknown or a required member is missing.
    """
    try:
        required = {name: _text(jwk, name) for name in _THUMBPRINT_MEMBERS[_text(jwk, "kty")]}
    except KeyError:
        raise UnsupportedKey("unknown key type") from None
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
    kid = _text(jwk, "kid")
    if not is_kid(kid):
        raise UnsupportedKey("kid is empty, too long or not printable")
    if any(name in jwk for name in _PRIVATE_MEMBERS):
        raise UnsupportedKey("the key is private or symmetric")
    if jwk.get("use", "sig") != "sig" or "verify" not in _operations(jwk):
        raise UnsupportedKey("the key is not for signatures")
    algorithm = _algorithm(jwk, algorithms)
    try:
        public = _PUBLIC_LOADERS[_KEY_TYPES[algorithm]](jwk)
    except ValueError:
        raise UnsupportedKey("the members of the key are not a public key") from None
    if not _fits(public, algorithm):
        raise UnsupportedKey(f"the key is too small, too large or of another type than {algorithm} needs")
    return VerificationKey(kid, algorithm, jose_jwk.construct(public, algorithm))  # type: ignore[arg-type] # as above


def is_kid(text: str) -> bool:
    """Say whether `text` may name a key: printable and of bounded length, fit for any log, cache or database."""
    return 0 < len(text) <= MAX_KID_CHARACTERS and text.isprintable()


def _algorithm(jwk: Mapping[str, Any], algorithms: Collection[str]) -> str:
    kty = _text(jwk, "kty")
    usable = [name for name in SIGNING_ALGORITHMS if name in algorithms and _KEY_TYPES[name] == kty]
    if kty in _CURVES and jwk.get("crv") != _CURVES[kty]:
        usable = []
    if "alg" in jwk:
        usable = [name for name in usable if name == jwk["alg"]]
    if len(usable) != 1:
        raise UnsupportedKey("alg is not allowed, not for this key type, or missing where several would fit")
    return usable[0]


def _fits(public: object, algorithm: str) -> bool:
    match public:
        case ec.EllipticCurvePublicKey():
            return algorithm == "ES256" and isinstance(public.curve, ec.SECP256R1)
        case rsa.RSAPublicKey():
            return algorithm in ("RS256", "PS256") and MIN_RSA_BITS <= public.key_size <= MAX_RSA_BITS
        case ed25519.Ed25519PublicKey():
            return algorithm == "EdDSA"
        case _:
            return False


def _public_fields(public: PublicKey) -> dict[str, str]:
    if isinstance(public, ec.EllipticCurvePublicKey):
        point = public.public_numbers()
        x, y = (base64url.encode(n.to_bytes(_COORDINATE_BYTES, "big")) for n in (point.x, point.y))
        return {"kty": "EC", "crv": "P-256", "x": x, "y": y}
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        n, e = (base64url.encode(i.to_bytes((i.bit_length() + 7) // 8, "big")) for i in (numbers.n, numbers.e))
        return {"kty": "RSA", "n": n, "e": e}
    return {"kty": "OKP", "crv": "Ed25519", "x": base64url.encode(public.public_bytes_raw())}


def _ec_public(jwk: Mapping[str, Any]) -> PublicKey:
    x, y = (base64url.decode(_text(jwk, name)) for name in ("x", "y"))
    if len(x) != _COORDINATE_BYTES or len(y) != _COORDINATE_BYTES:
        raise ValueError("coordinates of P-256 are 32 octets")
    numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), ec.SECP256R1())
    return numbers.public_key()


def _rsa_public(jwk: Mapping[str, Any]) -> PublicKey:
    n, e = (int.from_bytes(base64url.decode(_text(jwk, name)), "big") for name in ("n", "e"))
    # A huge exponent makes each verification cost as much as a signature.
    if e.bit_length() > _RSA_EXPONENT.bit_length() or n.bit_length() > MAX_RSA_BITS:
        raise ValueError("modulus or exponent too large")
    return rsa.RSAPublicNumbers(e, n).public_key()


def _okp_public(jwk: Mapping[str, Any]) -> PublicKey:
    return ed25519.Ed25519PublicKey.from_public_bytes(base64url.decode(_text(jwk, "x")))


_PUBLIC_LOADERS: Final[Mapping[str, Callable[[Mapping[str, Any]], PublicKey]]] = {
    "EC": _ec_public,
    "RSA": _rsa_public,
    "OKP": _okp_public,
}


def _operations(jwk: Mapping[str, Any]) -> list[Any]:
    operations = jwk.get("key_ops", ["verify"])
    return operations if isinstance(operations, list) else []


def _text(jwk: Mapping[str, Any], name: str) -> str:
    value = jwk.get(name)
    if not isinstance(value, str):
        raise UnsupportedKey(f"the key has no {name}")
    return value
