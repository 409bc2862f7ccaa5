"""A service asks for itself (RFC 6749 §4.4). Touches no database once client, resource and key are cached."""

from authsvc.domain.ports import UnitOfWork
from authsvc.domain.tokens.content import Target
from authsvc.protocol.errors import UnauthorizedClient
from authsvc.protocol.grant import Decision, GrantRequest, Issuing, Lane

GRANT_TYPE = "client_credentials"
PARAMETERS: frozenset[str] = frozenset()
LANE: Lane = "memory"
HASHES = False


def check(request: GrantRequest, uow: UnitOfWork, issuing: Issuing) -> Decision:
    """Decide for the client itself. Raises: UnauthorizedClient for a public one (RFC 6749 §4.4)."""
    client = request.client
    if client.is_public:
        raise UnauthorizedClient("client_credentials is for confidential clients")
    return Decision(subject=client.id, scopes=client.scopes, resources=client.resources, for_itself=True)


def consume(
    decision: Decision,
    target: Target,
    request: GrantRequest,
    uow: UnitOfWork,
    issuing: Issuing,
) -> str | None:
    """Nothing is used up, and no refresh token is given (RFC 6749 §4.4.3)."""
    return None
