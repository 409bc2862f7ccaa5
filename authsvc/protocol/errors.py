"""Refusals in the words of the RFCs: `code` and `status` belong to the class, the texts to the case.

`description` is public (ASCII without quote and backslash, RFC 6749 §5.2); `detail` is for the log only.
"""

from typing import ClassVar

from authsvc.errors import AuthsvcError, Effect
from authsvc.protocol.way_back import WayBack


class ProtocolError(AuthsvcError):
    """A refusal that a caller is told in the form of RFC 6749 §5.2.

    One of an authorization request is told at `way_back` instead, if it has one (§4.1.2.1).
    """

    code: ClassVar[str] = "server_error"
    status: ClassVar[int] = 400

    def __init__(self, description: str, *, detail: str = "", rule: str = "", keep: tuple[Effect, ...] = ()) -> None:
        super().__init__(detail or description, keep=keep)
        self.description = description
        self.failed_rule = rule or self.code
        self.way_back: WayBack | None = None


class InvalidRequest(ProtocolError):
    """Missing, repeated or malformed parameter (RFC 6749 §5.2)."""

    code = "invalid_request"


class InvalidClient(ProtocolError):
    """Client authentication failed (RFC 6749 §5.2)."""

    code = "invalid_client"
    status = 401


class InvalidGrant(ProtocolError):
    """The presented grant is invalid, expired, revoked or another client's (RFC 6749 §5.2)."""

    code = "invalid_grant"


class UnauthorizedClient(ProtocolError):
    """The client may not use this grant type (RFC 6749 §5.2)."""

    code = "unauthorized_client"


class UnsupportedGrantType(ProtocolError):
    """This server does not know the grant type (RFC 6749 §5.2)."""

    code = "unsupported_grant_type"


class InvalidScope(ProtocolError):
    """The scope is unknown, malformed or beyond what may be given (RFC 6749 §5.2)."""

    code = "invalid_scope"


class InvalidTarget(ProtocolError):
    """The resource is unknown or not for this client (RFC 8707 §2)."""

    code = "invalid_target"


class UnsupportedTokenType(ProtocolError):
    """This server cannot revoke what was presented (RFC 7009 §2.2.1)."""

    code = "unsupported_token_type"


class InvalidToken(ProtocolError):
    """The access token is malformed, expired or revoked (RFC 6750 §3.1)."""

    code = "invalid_token"
    status = 401


class InsufficientScope(ProtocolError):
    """The access token does not reach so far (RFC 6750 §3.1); `scope` says what is needed."""

    code = "insufficient_scope"
    status = 403

    def __init__(self, description: str, *, scope: str) -> None:
        super().__init__(description)
        self.scope = scope


class InsufficientAuthentication(ProtocolError):
    """The sign-in behind the token is too old (RFC 9470 §3); `max_age_seconds` says how old it may be."""

    code = "insufficient_user_authentication"
    status = 401

    def __init__(self, description: str, *, max_age_seconds: int) -> None:
        super().__init__(description)
        self.max_age_seconds = max_age_seconds


class MissingToken(ProtocolError):
    """No access token was presented; the answer carries no error code (RFC 6750 §3.1)."""

    code = "missing_token"
    status = 401


class TemporarilyUnavailable(ProtocolError):
    """The answer would be a guess now: the caller may come back in a moment (RFC 7009 §2.2.1)."""

    code = "temporarily_unavailable"
    status = 503


class UnsupportedResponseType(ProtocolError):
    """Only the response type `code` is there (RFC 6749 §4.1.2.1)."""

    code = "unsupported_response_type"


class AccessDenied(ProtocolError):
    """The person said no (RFC 6749 §4.1.2.1)."""

    code = "access_denied"


class LoginRequired(ProtocolError):
    """The person would have to sign in, and must not be asked (OpenID Connect Core §3.1.2.6)."""

    code = "login_required"


class ConsentRequired(ProtocolError):
    """The person would have to agree, and must not be asked (OpenID Connect Core §3.1.2.6)."""

    code = "consent_required"


class UnmetAuthenticationRequirements(ProtocolError):
    """No sign-in here reaches what is essential (OpenID Connect Core Error Code unmet_authentication_requirements)."""

    code = "unmet_authentication_requirements"


class InvalidRequestObject(ProtocolError):
    """The request object is not signed as the client is registered, or says what it must not (RFC 9101 §6)."""

    code = "invalid_request_object"


class RequestUriNotSupported(ProtocolError):
    """Request objects are taken by value only (OpenID Connect Core §3.1.2.6)."""

    code = "request_uri_not_supported"


class RegistrationNotSupported(ProtocolError):
    """Clients register beforehand (OpenID Connect Core §3.1.2.6)."""

    code = "registration_not_supported"


class InvalidRedirectUri(ProtocolError):
    """A redirect URI cannot be registered (RFC 7591 §3.2.2)."""

    code = "invalid_redirect_uri"


class InvalidClientMetadata(ProtocolError):
    """A member of the client's metadata cannot be registered so (RFC 7591 §3.2.2)."""

    code = "invalid_client_metadata"


class InvalidSoftwareStatement(ProtocolError):
    """The software statement is none (RFC 7591 §3.2.2)."""

    code = "invalid_software_statement"


class UnapprovedSoftwareStatement(ProtocolError):
    """Software statements are not accepted here (RFC 7591 §3.2.2)."""

    code = "unapproved_software_statement"


class RegistrationIsOff(ProtocolError):
    """This issuer's clients are registered by its administrator."""

    code = "access_denied"
    status = 403
