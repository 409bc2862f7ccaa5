"""A refresh token for fresh ones (RFC 6749 §6, RFC 9700 §4.14)."""

from authsvc.domain.ports import UnitOfWork
from authsvc.domain.tokens.content import Target
from authsvc.protocol.errors import InvalidGrant, InvalidRequest
from authsvc.protocol.grant import Decision, GrantRequest, Issuing, Lane
from authsvc.protocol.tokens.refresh_token import check_presented, find_family, rotate, sign_in_of

GRANT_TYPE = "refresh_token"
PARAMETERS = frozenset({"refresh_token"})
LANE: Lane = "machine"
HASHES = False


def check(request: GrantRequest, uow: UnitOfWork, issuing: Issuing) -> Decision:
    """Decide for the person behind the token. Raises: InvalidRequest, InvalidGrant.

    Another client learns nothing of the token, and cannot end its family.
    """
    value = request.parameters.get("refresh_token")
    if value is None:
        raise InvalidRequest("refresh_token is required")
    presented, state = find_family(value, uow, issuing, request.now)
    family, session = state.family, state.session
    if family.client_id != request.client.id:
        raise InvalidGrant("the refresh token is unknown", rule="refresh_token_of_another_client")
    if family.created_at < request.client.created_at:
        # A client was deleted, and another has its id now: what the first one was given is not its.
        raise InvalidGrant("the refresh token is unknown", rule="refresh_token_of_earlier_client")
    if not family.is_alive(request.now) or not session.is_alive(request.now):
        raise InvalidGrant("the session has ended", rule="family_over").about(user_id=family.user_id)
    if state.user_disabled:
        raise InvalidGrant("the account is disabled", rule="account_disabled").about(user_id=family.user_id)
    check_presented(presented, issuing, request.now)
    return Decision(
        subject=str(family.user_id),
        scopes=family.scopes & request.client.scopes,
        resources=family.resources & request.client.resources,
        sign_in=sign_in_of(state),
        presented=presented,
    )


def consume(
    decision: Decision,
    target: Target,
    request: GrantRequest,
    uow: UnitOfWork,
    issuing: Issuing,
) -> str | None:
    """Rotate the family; returns the successor."""
    assert decision.presented is not None  # noqa: S101 - check sets it
    return rotate(decision.presented, uow, issuing, request.now)
