"""A trusted issuer's JWT for an access token of the user it names (RFC 7523 §2.1). Once for each JWT."""

from authsvc.domain.parties.resources import ACCOUNT_SCOPE
from authsvc.domain.parties.trusted_issuers import USERS
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.tokens.content import Target
from authsvc.protocol.errors import InvalidGrant, InvalidRequest
from authsvc.protocol.grant import Decision, GrantRequest, Issuing, Lane
from authsvc.protocol.trusted_token import Wanted, judge_trusted_token, store_session

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
PARAMETERS = frozenset({"assertion"})
LANE: Lane = "machine"
HASHES = False

_TYPES: frozenset[str | None] = frozenset({None, "JWT"})
_REQUIRED = frozenset({"iss", "sub", "aud", "exp", "jti"})
_NEVER = frozenset({ACCOUNT_SCOPE, "offline_access"})
"""The account API is for who signed in here; a refresh token is not given (RFC 7521 §4.1)."""


def check(request: GrantRequest, uow: UnitOfWork, issuing: Issuing) -> Decision:
    """Decide for the user that the assertion names. Raises: InvalidRequest, InvalidGrant, FetchBusy.

    It must be for this server: its issuer, its token endpoint (which draft-ietf-oauth-rfc7523bis leaves to grants,
    not to client authentication), or an audience that the issuer is registered with.
    """
    assertion = request.parameters.get("assertion")
    if assertion is None:
        raise InvalidRequest("assertion is required")
    endpoint = frozenset({f"{request.tenant.issuer}/token"})
    token = judge_trusted_token(assertion, Wanted(USERS, _TYPES, endpoint, _REQUIRED), request, uow, issuing)
    if token.claims.get("client_id", request.client.id) != request.client.id:
        raise InvalidGrant("the assertion was made for another client", rule="assertion_of_another_client")
    client = request.client
    return Decision(
        subject=str(token.user.id),
        scopes=client.scopes - _NEVER,
        resources=client.resources,
        sign_in=token.sign_in(request.now),
        trusted_word=token.word(),
    )


def consume(
    decision: Decision,
    target: Target,
    request: GrantRequest,
    uow: UnitOfWork,
    issuing: Issuing,
) -> str | None:
    """Use the assertion up, over all nodes and restarts, and store the session. Raises: InvalidGrant."""
    word = decision.trusted_word
    assert word is not None and word.id is not None  # noqa: S101, PT018 - check requires jti
    uow.begin()
    # Apart from other uses of ids: a client's own assertions must not use up those of an issuer.
    if not uow.replays.consume(f"issuer:{word.issuer}", word.id, word.expires_at):
        raise InvalidGrant("the assertion was used before", rule="assertion_replayed")
    store_session(decision, target, request, uow)
    return None
