"""FastAPI dependencies that let a request in by its access token, and refuse as RFC 6750 says.

Once `configure(app, TokenVerifier(issuer, audience))` (or an IntrospectionVerifier), then on each route
`token: Annotated[AccessToken, Depends(require_scope("orders:read"))]`.
"""

import math
import re

from fastapi import FastAPI, HTTPException
from fastapi.openapi.models import HTTPBearer
from fastapi.requests import HTTPConnection
from fastapi.security.base import SecurityBase

from authsvc.verify.access_token import AccessToken
from authsvc.verify.errors import KeysUnavailable, TokenRejected
from authsvc.verify.judgement import Verifier

_BEARER = re.compile(r"bearer +(?P<token>[A-Za-z0-9\-._~+/]+=*)", re.IGNORECASE)
_SCOPE_NAME = re.compile(r"[!#-\[\]-~]+")
_DESCRIPTIONS = {
    "inactive": "the token has expired or was revoked, or is unknown",
    "expired": "the token has expired",
    "not_yet_valid": "the token is not valid yet",
    "wrong_audience": "the token is meant for another resource",
    "wrong_issuer": "the token comes from another issuer",
    "wrong_type": "the token is not an access token",
    "proof_required": "the token is bound to a key and cannot be used as a bearer token",
}


def configure(app: FastAPI, verifier: Verifier) -> None:
    """Let `require_scope` judge this app's requests by this verifier (a mounted app has its own)."""
    app.state.authsvc_verifier = verifier


def require_scope(*scopes: str, verifier: Verifier | None = None) -> "RequiredScope":
    """Return a dependency that lets in a good token with all these scopes, and gives its AccessToken.

    Without a scope, any good token does. `verifier` is for a route whose tokens come from another issuer, or
    are meant for another audience, than those of its app.

    Raises:
        ValueError: a scope has a character that scopes do not have.

    Source: RFC 6750 §2.1, §3.
    """
    return RequiredScope(scopes, verifier)


class RequiredScope(SecurityBase):
    """What `require_scope` makes; also a security scheme, so that the API's documentation shows it."""

    def __init__(self, scopes: tuple[str, ...], verifier: Verifier | None) -> None:
        for scope in scopes:
            if not _SCOPE_NAME.fullmatch(scope):
                raise ValueError(f"{scope!r} is not the name of one scope")
        self.model = HTTPBearer(bearerFormat="JWT")
        self.scheme_name = "AccessToken"
        self._scopes = scopes
        self._verifier = verifier

    async def __call__(self, request: HTTPConnection) -> AccessToken:
        """Judge one request by its Authorization header.

        Raises:
            HTTPException: 401 without a good token, 400 for a malformed header, 403 without the scope,
                503 without keys.
        """
        verifier = self._verifier or _configured(request)
        presented_token = _read_token(request)
        try:
            token = await verifier.verify_async(presented_token)
        except TokenRejected as error:
            description = _DESCRIPTIONS.get(error.reason, "the token is not valid here")
            raise _refusal(401, "invalid_token", description) from error
        except KeysUnavailable as error:
            retry_after = str(max(1, math.ceil(error.retry_after_seconds)))
            raise HTTPException(503, "tokens cannot be checked now", {"Retry-After": retry_after}) from error
        if not token.scopes.issuperset(self._scopes):
            raise _refusal(403, "insufficient_scope", "the token lacks a scope", scope=" ".join(self._scopes))
        return token


def _configured(request: HTTPConnection) -> Verifier:
    verifier: Verifier | None = getattr(request.app.state, "authsvc_verifier", None)
    if verifier is None:
        raise TypeError("call authsvc.verify.fastapi.configure(app, verifier) before serving")
    return verifier


def _read_token(request: HTTPConnection) -> str:
    # Never from the query or a form: those end up in logs and histories.
    values = request.headers.getlist("authorization")
    if len(values) > 1:
        raise _refusal(400, "invalid_request", "more than one Authorization header")
    # Another scheme is no attempt at ours.
    if not values or values[0].strip().partition(" ")[0].lower() != "bearer":
        raise HTTPException(401, "an access token is needed", {"WWW-Authenticate": "Bearer"})
    bearer = _BEARER.fullmatch(values[0].strip())
    if bearer is None:
        raise _refusal(400, "invalid_request", "the Authorization header is malformed")
    return bearer["token"]


def _refusal(status: int, error: str, description: str, **parameters: str) -> HTTPException:
    """Build an answer. Every value is a constant of ours or a scope name: none can leave its quotes."""
    fields = {"error": error, "error_description": description, **parameters}
    challenge = "Bearer " + ", ".join(f'{name}="{value}"' for name, value in fields.items())
    return HTTPException(status, description, {"WWW-Authenticate": challenge})
