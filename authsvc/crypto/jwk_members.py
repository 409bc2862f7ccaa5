"""How each type of public key is written as members of a JWK, and read back.

Read strictly: the exact length, one spelling of base64url, a point on its curve, an RSA key of bearable size.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from authsvc.crypto import base64url
from authsvc.crypto.errors import UnsupportedKey
from authsvc.crypto.ml_dsa import PUBLIC_KINDS, MLDSAPublicKey

MIN_RSA_BITS: Final = 2048
MAX_RSA_BITS: Final = 8192
"""A larger modulus from a stranger's key set would only burn our time."""
MAX_RSA_EXPONENT_BITS: Final = 17
"""Enough for 65537. A huge exponent makes each verification cost as much as a signature."""
PRIVATE_MEMBERS: Final = ("d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv")

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey | MLDSAPublicKey

THUMBPRINT_MEMBERS: Final = {
    "EC": ("crv", "kty", "x", "y"),
    "RSA": ("e", "kty", "n"),
    "OKP": ("crv", "kty", "x"),
    "AKP": ("alg", "kty", "pub"),
}
"""Source: RFC 7638 §3.2, RFC 8037 §2, RFC 9964 §6."""

_CURVES: Final[Mapping[str, ec.EllipticCurve]] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
}
# Of edwards25519 (RFC 8032 §5.1).
_FIELD: Final = 2**255 - 19
_CURVE_D: Final = -121665 * pow(121666, -1, _FIELD)
_CURVE_NAMES: Final = {curve.name: name for name, curve in _CURVES.items()}
# Which member tells two keys of one type apart.
_KIND_MEMBERS: Final = {"EC": "crv", "OKP": "crv", "AKP": "alg"}


def text(jwk: Mapping[str, Any], name: str) -> str:
    """Return a member that must be a text.

    Raises:
        UnsupportedKey: it is missing, or is none.
    """
    value = jwk.get(name)
    if not isinstance(value, str):
        raise UnsupportedKey(f"the key has no {name}")
    return value


def named_kind(jwk: Mapping[str, Any]) -> tuple[str, str]:
    """Return what `algorithms.KINDS` says of the algorithms of a JWK, if it is what it claims.

    Raises:
        UnsupportedKey: a member that says so is missing.
    """
    kty = text(jwk, "kty")
    return kty, text(jwk, _KIND_MEMBERS[kty]) if kty in _KIND_MEMBERS else ""


def kind_of(public: object) -> tuple[str, str] | None:
    """Return what `algorithms.KINDS` says of the algorithms of a key; None if it must not be used."""
    if isinstance(public, ec.EllipticCurvePublicKey):
        return "EC", _CURVE_NAMES.get(public.curve.name, "")
    if isinstance(public, rsa.RSAPublicKey):
        return ("RSA", "") if MIN_RSA_BITS <= public.key_size <= MAX_RSA_BITS else None
    if isinstance(public, MLDSAPublicKey):
        return "AKP", _ml_dsa_name(public)
    return ("OKP", "Ed25519") if isinstance(public, ed25519.Ed25519PublicKey) else None


def write(public: PublicKey) -> dict[str, str]:
    """Return the members that make up a public key."""
    if isinstance(public, ec.EllipticCurvePublicKey):
        point, length = public.public_numbers(), _coordinate_bytes(public.curve)
        x, y = (base64url.encode(n.to_bytes(length, "big")) for n in (point.x, point.y))
        return {"kty": "EC", "crv": _CURVE_NAMES[public.curve.name], "x": x, "y": y}
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        n, e = (base64url.encode(i.to_bytes((i.bit_length() + 7) // 8, "big")) for i in (numbers.n, numbers.e))
        return {"kty": "RSA", "n": n, "e": e}
    octets = base64url.encode(public.public_bytes_raw())
    if isinstance(public, MLDSAPublicKey):
        return {"kty": "AKP", "alg": _ml_dsa_name(public), "pub": octets}
    return {"kty": "OKP", "crv": "Ed25519", "x": octets}


def read(jwk: Mapping[str, Any]) -> PublicKey:
    """Return the public key that the members of a JWK of a known type make up.

    Raises:
        UnsupportedKey: they make up none: a type that is not known, a member missing or too long, a point off
            its curve or of small order, a modulus or exponent even or too large, not strict base64url.
    """
    try:
        return _READERS[text(jwk, "kty")](jwk)
    except (KeyError, ValueError, UnsupportedAlgorithm):
        raise UnsupportedKey("the members of the key are not a public key") from None


def _ec_public(jwk: Mapping[str, Any]) -> PublicKey:
    curve = _CURVES[text(jwk, "crv")]
    x, y = (base64url.decode(text(jwk, name)) for name in ("x", "y"))
    if len(x) != _coordinate_bytes(curve) or len(y) != _coordinate_bytes(curve):
        raise ValueError("a coordinate has the octets of its field, no more and no fewer")
    return ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), curve).public_key()


def _rsa_public(jwk: Mapping[str, Any]) -> PublicKey:
    n, e = (int.from_bytes(base64url.decode(text(jwk, name)), "big") for name in ("n", "e"))
    if e.bit_length() > MAX_RSA_EXPONENT_BITS or n.bit_length() > MAX_RSA_BITS:
        raise ValueError("modulus or exponent too large")
    if n % 2 == 0:
        raise ValueError("no product of two odd primes is even")
    return rsa.RSAPublicNumbers(e, n).public_key()


def _okp_public(jwk: Mapping[str, Any]) -> PublicKey:
    octets = base64url.decode(text(jwk, "x"))
    # Under such a key (all zeros is one) anybody can sign at least one message in eight, knowing no secret.
    if _is_of_small_order(octets):
        raise ValueError("a point of small order")
    return ed25519.Ed25519PublicKey.from_public_bytes(octets)


def _is_of_small_order(octets: bytes) -> bool:
    y = int.from_bytes(octets, "little") % 2**255 % _FIELD
    # The points of order 1, 2 and 4 have these y; those of order 8 double to y = 0.
    return y in (0, 1, _FIELD - 1) or (_CURVE_D * y**4 + 2 * y**2 - 1) % _FIELD == 0


def _akp_public(jwk: Mapping[str, Any]) -> PublicKey:
    return PUBLIC_KINDS[text(jwk, "alg")].from_public_bytes(base64url.decode(text(jwk, "pub")))


def _ml_dsa_name(public: MLDSAPublicKey) -> str:
    return next(name for name, kind in PUBLIC_KINDS.items() if isinstance(public, kind))


def _coordinate_bytes(curve: ec.EllipticCurve) -> int:
    return (curve.key_size + 7) // 8


_READERS: Final[Mapping[str, Callable[[Mapping[str, Any]], PublicKey]]] = {
    "EC": _ec_public,
    "RSA": _rsa_public,
    "OKP": _okp_public,
    "AKP": _akp_public,
}
