"""Signed tokens: one way to sign, one way to verify.

Everything that a token claims about how to verify it is judged before any of it is used: size, spelling,
forbidden headers, algorithm, and that the named key is a key of exactly that algorithm.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NewType

from authsvc.crypto import base64url, strict_json
from authsvc.crypto.algorithms import HMAC_ALGORITHMS, SIGNING_ALGORITHMS, STRANGER_ALGORITHMS
from authsvc.crypto.claims import Expectation, StrangerExpectation, check_claims
from authsvc.crypto.errors import (
    AlgorithmNotAllowed,
    BadSignature,
    ForbiddenHeader,
    Malformed,
    TooLarge,
    UnknownKey,
    WrongType,
)
from authsvc.crypto.jwk import SigningKey, VerificationKey, is_kid

__all__ = [
    "MAX_TOKEN_BYTES",
    "Expectation",
    "StrangerExpectation",
    "Unverified",
    "VerifiedClaims",
    "peek",
    "sign",
    "unverified_kid",
    "verify",
    "verify_stranger",
]

MAX_TOKEN_BYTES: Final = 16384
MAX_CANDIDATE_KEYS: Final = 8
"""Tried for one token: of a stranger's keys that it may mean, were it to name none."""

VerifiedClaims = NewType("VerifiedClaims", dict[str, Any])

_SEGMENTS: Final = 3
# Keys that a token brings along, and extensions that change what is signed or how: none is understood here.
# A thumbprint (x5t) only names a key: it is not looked at, for the tokens of GitHub and Microsoft have one.
_FORBIDDEN_HEADERS: Final = frozenset({"jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "enc"})
_ANY_ALGORITHM: Final = frozenset((*STRANGER_ALGORITHMS, *HMAC_ALGORITHMS))
# Built once: json.dumps builds an encoder at every call that names separators.
_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True, slots=True)
class Unverified:
    """What a token says of itself: enough to choose whom to ask about it, never whom to trust.

    `typ` is in lower case and without "application/".
    """

    algorithm: str
    kid: str | None
    typ: str | None
    claims: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Header:
    algorithm: str
    kid: str | None
    media_type: str | None


@dataclass(frozen=True, slots=True)
class _Parsed:
    header: _Header
    signing_input: bytes
    payload: bytes
    signature: bytes


def sign(claims: Mapping[str, Any], key: SigningKey, typ: str) -> str:
    """Return the compact token of `claims`. Source: RFC 7515 §3.1.

    Raises:
        ValueError: a claim is NaN or infinite.
        TypeError: a claim is not JSON.
    """
    payload = base64url.encode(_ENCODER.encode(claims).encode("ascii"))
    signing_input = f"{_header_segment(key.algorithm, key.kid, typ)}.{payload}"
    return f"{signing_input}.{base64url.encode(key.key.sign(signing_input.encode('ascii')))}"


def unverified_kid(token: str) -> str | None:
    """Return the key id that an unverified token names, or None; to choose what to fetch, never whom to trust.

    Raises:
        TooLarge, Malformed, ForbiddenHeader, AlgorithmNotAllowed: as `verify`, for any of SIGNING_ALGORITHMS.
    """
    return _parse(token, frozenset(SIGNING_ALGORITHMS)).header.kid


def peek(token: str) -> Unverified:
    """Return what an unverified token says of itself.

    Raises:
        TooLarge, Malformed, ForbiddenHeader, AlgorithmNotAllowed: as `verify_stranger`, for any of
            STRANGER_ALGORITHMS and HMAC_ALGORITHMS.
    """
    parsed = _parse(token, _ANY_ALGORITHM)
    header = parsed.header
    typ = None if header.media_type is None else header.media_type.removeprefix("application/")
    return Unverified(header.algorithm, header.kid, typ, _object(parsed.payload))


def verify(
    token: str, find_key: Callable[[str], VerificationKey | None], expected: Expectation, now: float
) -> VerifiedClaims:
    """Return the claims of a token that meets every member of `expected`; `now` in seconds since 1970.

    Raises:
        TokenError: its subclass names the first rule that failed, in this order: TooLarge, Malformed,
            ForbiddenHeader, AlgorithmNotAllowed, UnknownKey, BadSignature, Malformed (claims), WrongType, then
            what `check_claims` raises.

    Source: RFC 7515 §5.2, RFC 7519 §7.2, RFC 8725 §3.
    """
    parsed = _parse(token, expected.algorithms)
    header = parsed.header
    key = find_key(header.kid) if header.kid is not None else None
    if key is None:
        raise UnknownKey("kid is missing or names no key")
    # A key never serves another algorithm than its own, even where the mathematics would allow it.
    if key.algorithm != header.algorithm:
        raise AlgorithmNotAllowed("the key is for another algorithm")
    if not key.key.verify(parsed.signing_input, parsed.signature):
        raise BadSignature("the signature is not the key's")
    claims = _object(parsed.payload)
    if header.media_type != _media_type(expected.typ):
        raise WrongType("typ is not the expected one")
    check_claims(claims, expected, now)
    return VerifiedClaims(claims)


def verify_stranger(
    token: str, keys: Sequence[VerificationKey], expected: StrangerExpectation, now: float
) -> VerifiedClaims:
    """Return the claims of a token that one of `keys` signed and that meets every member of `expected`.

    A `kid` in the header narrows the keys to those of that name; without one, all of the header's algorithm are
    candidates, of which at most MAX_CANDIDATE_KEYS are tried.

    Raises:
        TokenError: as `verify`, in the same order; AlgorithmNotAllowed also where no key of that name is one of
            the header's algorithm.

    Source: RFC 7515 §5.2 and Appendix D, RFC 7519 §7.2, RFC 8725 §3.
    """
    parsed = _parse(token, expected.algorithms)
    header = parsed.header
    named = [key for key in keys if header.kid is None or key.kid == header.kid]
    if not named:
        raise UnknownKey("kid names no key, or there is none")
    # A key never serves another algorithm than its own, even where the mathematics would allow it.
    candidates = [key for key in named if key.algorithm == header.algorithm]
    if not candidates:
        raise AlgorithmNotAllowed("the key is for another algorithm")
    if not any(key.key.verify(parsed.signing_input, parsed.signature) for key in candidates[:MAX_CANDIDATE_KEYS]):
        raise BadSignature("the signature is of none of the keys")
    claims = _object(parsed.payload)
    if header.media_type not in {None if typ is None else _media_type(typ) for typ in expected.types}:
        raise WrongType("typ is not one of the expected ones")
    check_claims(claims, expected, now)
    return VerifiedClaims(claims)


@lru_cache(maxsize=1024)
def _header_segment(algorithm: str, kid: str, typ: str) -> str:
    return base64url.encode(_ENCODER.encode({"alg": algorithm, "typ": typ, "kid": kid}).encode("ascii"))


def _parse(token: str, algorithms: frozenset[str]) -> _Parsed:
    if len(token) > MAX_TOKEN_BYTES:
        raise TooLarge("the token is too large")
    if not token.isascii():
        raise Malformed("a character outside base64url")
    segments = token.split(".", _SEGMENTS)
    if len(segments) != _SEGMENTS:
        raise Malformed("not three segments")
    header = _header(segments[0])
    if header.algorithm not in algorithms:
        raise AlgorithmNotAllowed("alg is not among the expected ones")
    return _Parsed(
        header=header,
        signing_input=token[: token.rindex(".")].encode("ascii"),
        payload=_octets(segments[1]),
        signature=_octets(segments[2]),
    )


# Tokens of one issuer share a few headers. Bounded: at most 64 headers of at most 16 KiB.
@lru_cache(maxsize=64)
def _header(segment: str) -> _Header:
    members = _object(_octets(segment))
    if not _FORBIDDEN_HEADERS.isdisjoint(members):
        raise ForbiddenHeader("the header names a key or an extension")
    algorithm, kid, typ = members.get("alg"), members.get("kid"), members.get("typ")
    if not isinstance(algorithm, str):
        raise AlgorithmNotAllowed("alg is missing or not a text")
    if "kid" in members and not (isinstance(kid, str) and is_kid(kid)):
        raise Malformed("kid is not a usable text")
    if "typ" in members and not isinstance(typ, str):
        raise Malformed("typ is not a text")
    return _Header(algorithm, kid, None if typ is None else _media_type(typ))


@lru_cache(maxsize=256)
def _media_type(typ: str) -> str:
    """Return the full media type in lower case. Source: RFC 7515 §4.1.9."""
    lowered = typ.lower()
    return lowered if "/" in lowered else f"application/{lowered}"


def _object(octets: bytes) -> dict[str, Any]:
    try:
        return strict_json.parse_object(octets)
    except ValueError as error:
        raise Malformed(str(error)) from None


def _octets(segment: str) -> bytes:
    try:
        octets = base64url.decode(segment)
    except ValueError as error:
        raise Malformed(str(error)) from None
    if not octets:
        raise Malformed("an empty segment")
    return octets
