"""Who asks: a client that is registered, enabled, and sends browsers here at all."""

from authsvc.domain.parties.clients import CODE_GRANT, Client
from authsvc.protocol.authorize.request import AuthorizationRequest, Judging, Parameters
from authsvc.protocol.errors import InvalidRequest, UnauthorizedClient


def find_client(given: Parameters, judging: Judging) -> Client:
    """Return the client that the request names. Raises: InvalidRequest. Source: RFC 6749 §4.1.2.1.

    A disabled one and one that never was are refused alike.
    """
    named = given.get("client_id", ())
    if len(named) != 1:
        raise InvalidRequest("client_id is required, once", rule="client_unnamed")
    client = judging.uow.clients.get(named[0])
    if client is None or client.disabled_at is not None:
        raise InvalidRequest("there is no such client", detail=f"client {named[0]!r}", rule="client_unknown")
    return client


def check_grant_type(request: AuthorizationRequest, judging: Judging) -> AuthorizationRequest:
    """Refuse a client that may not redeem codes. Raises: UnauthorizedClient. Source: RFC 6749 §4.1.2.1."""
    if CODE_GRANT not in request.client.grant_types:
        raise UnauthorizedClient("this client may not use this grant type")
    return request
