"""Proof Key for Code Exchange at the authorization endpoint: S256 or, where the profile allows it, nothing."""

from authsvc.crypto.pkce import is_challenge
from authsvc.protocol.authorize.request import AuthorizationRequest, Judging
from authsvc.protocol.errors import InvalidRequest

METHOD = "S256"


def check_code_challenge(request: AuthorizationRequest, judging: Judging) -> AuthorizationRequest:
    """Refuse a request without a good challenge. Raises: InvalidRequest. Source: RFC 7636 §4.3, §4.4.1.

    A confidential client of the profile `oidc` may do without; but a method without a challenge is no such wish, and a
    challenge without a method would be `plain`.
    """
    challenge = request.parameters.get("code_challenge")
    method = request.parameters.get("code_challenge_method")
    if challenge is None and method is None:
        if request.client.profile == "oidc" and not request.client.is_public:
            return request
        raise InvalidRequest("code_challenge is required", rule="pkce_missing")
    if method != METHOD:
        raise InvalidRequest("code_challenge_method must be S256", rule="pkce_method")
    if challenge is None or not is_challenge(challenge):
        raise InvalidRequest("code_challenge is 43 characters of base64url", rule="pkce_challenge")
    return request
