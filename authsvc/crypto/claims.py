"""What a verified token's claims must say to count: issuer, audience, instants, presence."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from authsvc.crypto.algorithms import HMAC_ALGORITHMS, SIGNING_ALGORITHMS, STRANGER_ALGORITHMS
from authsvc.crypto.errors import (
    Expired,
    MissingClaim,
    NotYetValid,
    WrongAudience,
    WrongClaimType,
    WrongIssuer,
)

LATEST_INSTANT: Final = 253402300799
"""The end of the year 9999, in seconds since 1970: later ones would overflow dates wherever they are used."""

_TEXTS: Final = ("iss", "sub", "jti")
_INSTANTS: Final = ("exp", "nbf", "iat")


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a token must be to count. Every member is judged; none has a value that means "anything".

    `typ` is compared without regard to case or an "application/" prefix. The token's audience must hold one
    of `audience` exactly. `required` claims must be present; `iss` and `aud` always must.

    Raises:
        ValueError: a member is empty, or an algorithm is not one of SIGNING_ALGORITHMS.
    """

    algorithms: frozenset[str]
    typ: str
    issuer: str
    audience: str | frozenset[str]
    leeway_seconds: int = 60
    required: frozenset[str] = frozenset({"iss", "exp", "iat", "aud", "sub"})

    def __post_init__(self) -> None:
        if not self.algorithms or not self.algorithms.issubset(SIGNING_ALGORITHMS):
            raise ValueError("algorithms must be some of SIGNING_ALGORITHMS")
        if not self.typ or not self.issuer or not self.audience or "" in self.audiences:
            raise ValueError("typ, issuer and audience must be named")

    @property
    def audiences(self) -> frozenset[str]:
        """The accepted audiences as a set."""
        return frozenset((self.audience,)) if isinstance(self.audience, str) else self.audience


@dataclass(frozen=True, slots=True)
class StrangerExpectation:
    """What a token that somebody else signed must be to count: a client's assertion, another issuer's token.

    `types` lists the accepted `typ` values, compared as in Expectation; None stands for a header without one,
    which some of these tokens' specifications leave open. `issuer` None: `iss` is not judged, for tokens whose
    subject tells who vouches for it (JWT-SVID). Otherwise every member is judged as in Expectation.

    Raises:
        ValueError: a member is empty, or the algorithms are neither some of STRANGER_ALGORITHMS nor some of
            HMAC_ALGORITHMS. Never both kinds: a public key must not be taken for a shared secret.
    """

    algorithms: frozenset[str]
    types: frozenset[str | None]
    issuer: str | None
    audience: str | frozenset[str]
    leeway_seconds: int = 60
    required: frozenset[str] = frozenset({"iss", "exp", "aud", "sub"})

    def __post_init__(self) -> None:
        of_one_kind = any(self.algorithms.issubset(kind) for kind in (STRANGER_ALGORITHMS, HMAC_ALGORITHMS))
        if not self.algorithms or not of_one_kind:
            raise ValueError("algorithms must be some of STRANGER_ALGORITHMS, or some of HMAC_ALGORITHMS")
        if not self.types or "" in self.types:
            raise ValueError("types must be named")
        if self.issuer == "" or not self.audience or "" in self.audiences:
            raise ValueError("issuer and audience must be named")

    @property
    def audiences(self) -> frozenset[str]:
        """The accepted audiences as a set."""
        return frozenset((self.audience,)) if isinstance(self.audience, str) else self.audience


def check_claims(claims: Mapping[str, Any], expected: Expectation | StrangerExpectation, now: float) -> None:
    """Judge issuer, audience, instants and presence, in this order; `now` in seconds since 1970.

    Raises:
        MissingClaim: a required claim is absent, null or an empty text.
        WrongClaimType: iss, sub, jti, aud, exp, nbf or iat has another type, or lies outside 1970 to 9999.
        WrongIssuer, WrongAudience: not exactly the expected text.
        Expired: now >= exp + leeway.
        NotYetValid: now < nbf - leeway or now < iat - leeway.

    Source: RFC 7519 §4.1, RFC 9068 §4.
    """
    _check_issuer(claims, expected)
    _check_audience(claims, expected)
    _check_instants(claims, expected.leeway_seconds, now)
    for name in _TEXTS:
        if name in claims and not isinstance(claims[name], str):
            raise WrongClaimType(f"{name} is not a text")
    for name in expected.required:
        if claims.get(name) in (None, ""):
            raise MissingClaim(f"{name} is missing")


def _check_issuer(claims: Mapping[str, Any], expected: Expectation | StrangerExpectation) -> None:
    if expected.issuer is None:
        return
    if "iss" not in claims:
        raise MissingClaim("iss is missing")
    if not isinstance(claims["iss"], str):
        raise WrongClaimType("iss is not a text")
    if claims["iss"] != expected.issuer:
        raise WrongIssuer("iss is not the expected issuer")


def _check_audience(claims: Mapping[str, Any], expected: Expectation | StrangerExpectation) -> None:
    if "aud" not in claims:
        raise MissingClaim("aud is missing")
    audience = claims["aud"]
    audiences = [audience] if isinstance(audience, str) else audience
    if not isinstance(audiences, list) or not all(isinstance(item, str) for item in audiences):
        raise WrongClaimType("aud is neither a text nor a list of texts")
    if expected.audiences.isdisjoint(audiences):
        raise WrongAudience("aud holds none of the expected audiences")


def _check_instants(claims: Mapping[str, Any], leeway: int, now: float) -> None:
    instants = {name: claims[name] for name in _INSTANTS if name in claims}
    for name, instant in instants.items():
        # A bool is an int to Python, but not a NumericDate.
        if type(instant) not in (int, float) or not 0 <= instant <= LATEST_INSTANT:
            raise WrongClaimType(f"{name} is not an instant")
    if "exp" in instants and now >= instants["exp"] + leeway:
        raise Expired("exp has passed")
    for name in ("nbf", "iat"):
        if name in instants and now < instants[name] - leeway:
            raise NotYetValid(f"{name} lies in the future")
