"""What the client wants back, and how: a code, by query, fragment or form."""

from authsvc.protocol.authorize.request import AuthorizationRequest, Judging
from authsvc.protocol.errors import InvalidRequest, UnsupportedResponseType
from authsvc.protocol.way_back import QUERY, RESPONSE_MODES

RESPONSE_TYPE = "code"
"""The only one: whatever gives tokens to the browser is gone (OAuth 2.1 §10.1, RFC 9700 §2.1.2)."""


def check_response_type(request: AuthorizationRequest, judging: Judging) -> AuthorizationRequest:
    """Refuse everything but `code`. Raises: InvalidRequest, UnsupportedResponseType. Source: RFC 6749 §3.1.1."""
    wanted = request.parameters.get("response_type")
    if wanted is None:
        raise InvalidRequest("response_type is required")
    if wanted != RESPONSE_TYPE:
        raise UnsupportedResponseType("only the response type code is supported")
    return request


def check_response_mode(request: AuthorizationRequest, judging: Judging) -> AuthorizationRequest:
    """Refuse modes that are not there; the refusal goes by query. Raises: InvalidRequest."""
    if request.parameters.get("response_mode", QUERY) not in RESPONSE_MODES:
        raise InvalidRequest(f"response_mode is one of {', '.join(RESPONSE_MODES)}")
    return request
