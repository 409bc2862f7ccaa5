"""How each type of public key is written as members of a JWK, and read back.

Read strictly: the exact length, one spelling of base64url, a point on its curve, an RSA key of bearable size.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from authsvc.crypto import base64url
from authsvc.crypto.errors import UnsupportedKey

MIN_RSA_BITS: Final = 2048
MAX_RSA_BITS: Final = 8192
"""A larger modulus from a stranger's key set would only burn our time."""
MAX_RSA_EXPONENT_BITS: Final = 17
"""Enough for 65537. A huge exponent makes each verification cost as much as a signature."""
PRIVATE_MEMBERS: Final = ("d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv")

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey

THUMBPRINT_MEMBERS: Final = {
    "EC": ("crv", "kty", "x", "y"),
    "RSA": ("e", "kty", "n"),
    "OKP": ("crv", "kty", "x"),
}
"""Source: RFC 7638 §3.2, RFC 8037 §2."""

_CURVES: Final[Mapping[str, ec.EllipticCurve]] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
}
_CURVE_NAMES: Final = {curve.name: name for name, curve in _CURVES.items()}
# Which member tells two keys of one type apart.
_KIND_MEMBERS: Final = {"EC": "crv", "OKP": "crv"}


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
    """Return the type and curve that a JWK claims, in the form of `algorithms.KINDS`.

    Raises:
        UnsupportedKey: a member that says so is missing.
    """
    kty = text(jwk, "kty")
    return kty, text(jwk, _KIND_MEMBERS[kty]) if kty in _KIND_MEMBERS else ""


def kind_of(public: object) -> tuple[str, str] | None:
    """Return the type and curve of a key, in the form of `algorithms.KINDS`; None if it must not be used."""
    match public:
        case ec.EllipticCurvePublicKey():
            return "EC", _CURVE_NAMES.get(public.curve.name, "")
        case rsa.RSAPublicKey():
            return ("RSA", "") if MIN_RSA_BITS <= public.key_size <= MAX_RSA_BITS else None
        case ed25519.Ed25519PublicKey():
            return "OKP", "Ed25519"
        case _:
            return None


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
    return {"kty": "OKP", "crv": "Ed25519", "x": base64url.encode(public.public_bytes_raw())}


def read(jwk: Mapping[str, Any]) -> PublicKey:
    """Return the public key that the members of a JWK of a known type make up.

    Raises:
        UnsupportedKey: they make up none: a type that is not known, a member missing or too long, a point off
            its curve, an exponent even or too large, not strict base64url.
    """
    try:
        return _READERS[text(jwk, "kty")](jwk)
    except (KeyError, ValueError):
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
    return ed25519.Ed25519PublicKey.from_public_bytes(base64url.decode(text(jwk, "x")))


def _coordinate_bytes(curve: ec.EllipticCurve) -> int:
    return (curve.key_size + 7) // 8


_READERS: Final[Mapping[str, Callable[[Mapping[str, Any]], PublicKey]]] = {
    "EC": _ec_public,
    "RSA": _rsa_public,
    "OKP": _okp_public,
}
