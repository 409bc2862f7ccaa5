"""A workload's own identity as its client's: the JWT of a Kubernetes service account, a CI job, a SPIFFE workload.

The issuer vouches for the workload and its token may be presented until it expires: whoever runs the workload gets
no other, and needs no secret of this server. No registered name of this method: it is the same `client_assertion`.

Source: RFC 7521 §4.2, RFC 7523 §3, draft-ietf-oauth-spiffe-client-auth §3.1.
"""

from authsvc.crypto.algorithms import STRANGER_ALGORITHMS
from authsvc.crypto.jws import StrangerExpectation, VerifiedClaims
from authsvc.domain.parties.clients import Client
from authsvc.domain.parties.trusted_issuers import WORKLOADS, TrustedIssuer
from authsvc.protocol.client_assertion import (
    EXPLICIT_TYPE,
    LEEWAY_SECONDS,
    find_public_keys,
    read_assertion,
    refused,
    trust_domain,
    verified,
)
from authsvc.protocol.credentials import PROVED, Credentials, Presentable, Proof, Proving

METHOD = "federated_assertion"
_ALGORITHMS = frozenset(STRANGER_ALGORITHMS)
_TYPES = frozenset({None, "JWT", "JOSE", EXPLICIT_TYPE})
"""Kubernetes names none, GitHub JWT, SPIFFE one of both or JOSE. What is typed as anything else was made for it."""


def presented(request: Presentable) -> Credentials | None:
    """Return the assertion, if somebody else than the client claims to have issued it.

    Raises: InvalidRequest, InvalidClient, as `read_assertion`.
    """
    assertion = read_assertion(request)
    if assertion is None or assertion.is_own:
        return None
    identity = (assertion.issuer, assertion.subject)
    return Credentials("", presented_assertion=assertion.token, identity=identity)


def authenticate(credentials: Credentials, client: Client, proving: Proving) -> Proof | None:
    """Return the proof if a trusted issuer says that the caller is one of the client's identities.

    Raises: InvalidClient, FetchBusy.
    """
    token, identity = credentials.presented_assertion, credentials.identity
    if token is None or identity is None:
        raise refused("no assertion")
    issuer = _trusted(identity, proving)
    expected = _expected(issuer, identity, client, proving)
    keys = find_public_keys((issuer.jwks, issuer.jwks_uri), token, expected.algorithms, proving)
    claims = verified(token, keys, expected, proving)
    if claims["sub"] != identity[1]:
        raise refused("sub is not the identity")
    _check_lifetime(claims, issuer, proving)
    return PROVED


def _trusted(identity: tuple[str, str], proving: Proving) -> TrustedIssuer:
    issuer = proving.uow.issuers.get(identity[0])
    if issuer is None or not issuer.is_trusted_for(WORKLOADS):
        raise refused("the issuer is not trusted for workloads")
    if not issuer.may_name(identity[1]):
        raise refused("the issuer may not name this subject")
    return issuer


def _expected(
    issuer: TrustedIssuer, identity: tuple[str, str], client: Client, proving: Proving
) -> StrangerExpectation:
    audiences = [
        known.audience or proving.tenant.issuer
        for known in client.identities
        if (known.issuer, known.subject) == identity
    ]
    if not audiences:
        raise refused("the client has no such identity")
    if not issuer.algorithms or not issuer.algorithms <= _ALGORITHMS:
        raise refused("the issuer has no algorithms that count here")
    is_svid = trust_domain(identity[1]) == issuer.issuer
    return StrangerExpectation(
        algorithms=issuer.algorithms, types=_TYPES, issuer=None if is_svid else issuer.issuer,
        audience=frozenset(audiences), leeway_seconds=LEEWAY_SECONDS, required=frozenset({"sub", "aud", "exp"}),
    )  # fmt: skip


def _check_lifetime(claims: VerifiedClaims, issuer: TrustedIssuer, proving: Proving) -> None:
    issued_at = claims.get("iat", proving.now.timestamp())
    if claims["exp"] - issued_at > issuer.max_token_seconds:
        raise refused("the token lives longer than the issuer's tokens may")
