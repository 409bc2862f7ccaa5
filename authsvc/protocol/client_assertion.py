"""JWTs by which clients authenticate: where a request carries one, whom it speaks of, and what all of them must be.

Source: RFC 7521 §4.2, RFC 7523 §2.2 and §3 as updated by RFC 10070, draft-ietf-oauth-spiffe-client-auth §3.1.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

from authsvc.crypto.algorithms import QUICKLY_VERIFIED
from authsvc.crypto.errors import TokenError
from authsvc.crypto.jwk import VerificationKey
from authsvc.crypto.jws import StrangerExpectation, Unverified, VerifiedClaims, peek, verify_stranger
from authsvc.domain.documents import FetchFailed
from authsvc.domain.parties.clients import Client
from authsvc.errors import LaneNeeded
from authsvc.protocol.credentials import Assertion, Presentable, Proof, Proving
from authsvc.protocol.errors import InvalidClient, InvalidRequest
from authsvc.protocol.stranger_keys import find_keys

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
JWT_SPIFFE = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe"
EXPLICIT_TYPE = "client-authentication+jwt"
"""A client should type its assertions so; one without it is accepted all the same (RFC 10070)."""
LEEWAY_SECONDS = 60
"""How far the clock of whoever signed may be off."""
MAX_SECONDS = 3_600
"""How long an assertion that a client issued itself may be good, and how old it may be."""
MAX_ID_CHARACTERS = 256
_OWN_TYPES = frozenset({None, "JWT", EXPLICIT_TYPE})
_OWN_CLAIMS = frozenset({"iss", "sub", "aud", "exp", "jti"})

# SPIFFE-ID §2: a trust domain and a path of at least one segment.
_SPIFFE_ID = re.compile(r"(spiffe://[a-z0-9._-]{1,255})(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._-]+)+")
_MAX_SPIFFE_ID_CHARACTERS = 2_048


@dataclass(frozen=True, slots=True)
class PresentedAssertion:
    """An assertion as it came: nothing of it is proved. `issuer` is whom to ask about it."""

    token: str = field(repr=False)
    algorithm: str
    kid: str | None
    issuer: str
    subject: str

    @property
    def is_own(self) -> bool:
        """Whether the client itself claims to have issued it."""
        return self.issuer == self.subject


def read_assertion(request: Presentable) -> PresentedAssertion | None:
    """Return the assertion that the request carries, if any.

    Raises: InvalidRequest if half of it is missing, InvalidClient if its type is unknown or it cannot be read.
    """
    parameters = request.parameters
    token, kind = parameters.get("client_assertion"), parameters.get("client_assertion_type")
    if token is None and kind is None:
        return None
    if token is None or kind is None:
        raise InvalidRequest("client_assertion and client_assertion_type go together")
    if kind not in (JWT_BEARER, JWT_SPIFFE):
        raise InvalidClient("this client_assertion_type is not supported", rule="client_assertion_type")
    return _presented(token, is_svid=kind == JWT_SPIFFE)


def reread(token: str) -> Unverified:
    """Return what a token says that `read_assertion` has read before."""
    return _peeked(token)


def trust_domain(subject: str) -> str | None:
    """Return the trust domain of a SPIFFE id, in the form of an issuer; None if the text is none."""
    found = _SPIFFE_ID.fullmatch(subject) if len(subject) <= _MAX_SPIFFE_ID_CHARACTERS else None
    return found[1] if found else None


def find_public_keys(
    source: tuple[str | None, str | None], token: str, algorithms: frozenset[str], proving: Proving
) -> tuple[VerificationKey, ...]:
    """Return the keys of a JWK Set, or at the address of one, that may have signed the token with its algorithm.

    No key is looked at for any other algorithm. Raises: InvalidClient, FetchBusy.
    """
    unverified = _peeked(token)
    if unverified.algorithm not in algorithms:
        raise refused(f"alg {unverified.algorithm} is not one of {', '.join(sorted(algorithms)) or 'none'}")
    jwks, jwks_uri = source
    if proving.uow.from_memory and (jwks is None or unverified.algorithm not in QUICKLY_VERIFIED):
        # The event loop waits for no stranger, and for no long computation.
        raise LaneNeeded
    try:
        return find_keys(jwks, jwks_uri, algorithms, unverified.kid, proving.issuing.fetcher)
    except FetchFailed as error:
        raise refused(f"the key set cannot be read now: {error}") from error


def prove_own(
    token: str, client: Client, keys: tuple[VerificationKey, ...], algorithms: frozenset[str], proving: Proving
) -> Proof:
    """Return the proof of an assertion that the client issued itself; it counts once.

    Its audience is this issuer alone; OpenID Connect Core §9 names the token endpoint, which counts for clients of
    that profile only. Raises: InvalidClient.
    """
    expected = _own(client.id, proving.tenant.issuer, client.profile == "oidc", algorithms)
    claims = verified(token, keys, expected, proving)
    now, expires_at = proving.now.timestamp(), claims["exp"]
    if claims["sub"] != client.id:
        raise refused("sub is not the client")
    if expires_at > now + MAX_SECONDS + LEEWAY_SECONDS:
        raise refused("exp lies too far in the future")
    if claims.get("iat", now) < now - MAX_SECONDS - LEEWAY_SECONDS:
        raise refused("iat lies too far in the past")
    if len(claims["jti"]) > MAX_ID_CHARACTERS:
        raise refused("jti is too long")
    over_at = datetime.fromtimestamp(expires_at + LEEWAY_SECONDS, UTC)
    return Proof(once=Assertion(f"client:{client.id}", claims["jti"], over_at))


@lru_cache(maxsize=1_024)
def _own(client_id: str, issuer: str, names_endpoint: bool, algorithms: frozenset[str]) -> StrangerExpectation:  # noqa: FBT001 - a part of the key
    return StrangerExpectation(
        algorithms=algorithms, types=_OWN_TYPES, issuer=client_id,
        audience=frozenset({issuer, f"{issuer}/token"} if names_endpoint else {issuer}),
        leeway_seconds=LEEWAY_SECONDS, required=_OWN_CLAIMS,
    )  # fmt: skip


def verified(
    token: str, keys: tuple[VerificationKey, ...], expected: StrangerExpectation, proving: Proving
) -> VerifiedClaims:
    """Return the claims of an assertion that one of the keys signed and that is as expected.

    Its audience must be one of the expected and nobody else: any other could present it here in turn (RFC 10070).
    Raises: InvalidClient.
    """
    try:
        claims = verify_stranger(token, keys, expected, proving.now.timestamp())
    except TokenError as error:
        raise refused(f"{error.rule}: {error}") from error
    audience = claims["aud"]
    if isinstance(audience, list) and len(audience) > 1:
        raise refused("aud names more than one audience")
    return claims


def refused(detail: str) -> InvalidClient:
    """Return the refusal of an assertion: one wording for all, so that nobody can find out who is registered how."""
    return InvalidClient("client authentication failed", detail=detail, rule="client_assertion_refused")


# Each method looks at the same assertion in turn. Bounded: 64 tokens of at most 16 KiB.
@lru_cache(maxsize=64)
def _presented(token: str, *, is_svid: bool) -> PresentedAssertion:
    try:
        unverified = _peeked(token)
    except TokenError as error:
        raise refused(f"{error.rule}: {error}") from error
    issuer, subject = (unverified.claims.get(name) for name in ("iss", "sub"))
    if not isinstance(subject, str) or not subject:
        raise refused("sub is missing")
    if is_svid or issuer is None:
        # Whatever iss such a token has: the trust domain vouches for it and nobody else.
        issuer = trust_domain(subject)
    if not isinstance(issuer, str) or not issuer:
        raise refused("iss is missing, and sub is no SPIFFE id")
    return PresentedAssertion(token, unverified.algorithm, unverified.kid, issuer, subject)


@lru_cache(maxsize=64)
def _peeked(token: str) -> Unverified:
    return peek(token)
