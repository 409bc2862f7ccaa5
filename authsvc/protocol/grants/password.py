"""The password grant: off, unless an administrator switches it on for one client, for migration (RFC 6749 §4.3)."""

from authsvc.domain.people.login import AccountDisabled, BadCredentials
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.tokens.content import Target
from authsvc.protocol.errors import InvalidGrant
from authsvc.protocol.grant import Decision, GrantRequest, Issuing, Lane
from authsvc.protocol.sign_in import decide_by_password, store_sign_in

GRANT_TYPE = "password"
PARAMETERS = frozenset({"username", "password"})
LANE: Lane = "people"
HASHES = True


def check(request: GrantRequest, uow: UnitOfWork, issuing: Issuing) -> Decision:
    """Decide by name and password. Raises: InvalidRequest, InvalidGrant, Throttled."""
    try:
        return decide_by_password(request, uow, issuing)
    except BadCredentials as error:
        refusal = InvalidGrant("wrong username or password", detail=error.detail, rule=error.rule)
        raise refusal.about(user_id=error.user_id) from error
    except AccountDisabled as error:
        refusal = InvalidGrant("the account is disabled", detail=error.detail, rule=error.rule)
        raise refusal.about(user_id=error.user_id) from error


def consume(decision: Decision, target: Target, request: GrantRequest, uow: UnitOfWork, issuing: Issuing) -> str | None:
    """Store the session; returns its first refresh token if the client may refresh."""
    return store_sign_in(decision, target, request, uow, issuing)
