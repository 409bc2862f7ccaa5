"""FastAPI dependencies that let a request in by its access token, and refuse as RFC 6750 says.

Once `configure(app, TokenVerifier(issuer, audience))` (or an IntrospectionVerifier), then on each route
`token: Annotated[AccessToken, Depends(require_scope("orders:read"))]`.
"""

import math
import re
import time
from collections.abc import Collection
from dataclasses import dataclass

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


def require_scope(
    *scopes: str,
    verifier: Verifier | None = None,
    max_age_seconds: int | None = None,
    acr_values: Collection[str] = (),
) -> "RequiredScope":
    """Return a dependency that lets in a good token with all these scopes, and gives its AccessToken.

    Without a scope, any good token does. `verifier` is for a route whose tokens come from another issuer, or
    are meant for another audience, than those of its app. With `max_age_seconds` the person must have signed in
    so recently, with `acr_values` in one of these ways; an app that is refused asks for that at /authorize
    (step-up) and comes back.

    Raises:
        ValueError: a scope or an acr has a character that they do not have, or the age is negative.

    Source: RFC 6750 §2.1, §3; RFC 9470 §3.
    """
    return RequiredScope(scopes, verifier, SignInWanted(max_age_seconds, tuple(acr_values)))


@dataclass(frozen=True, slots=True)
class SignInWanted:
    """How the person must have signed in; `acr_values` best first, () for any."""

    max_age_seconds: int | None = None
    acr_values: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.max_age_seconds is not None and self.max_age_seconds < 0:
            raise ValueError("max_age_seconds is not negative")
        for acr in self.acr_values:
            if not _SCOPE_NAME.fullmatch(acr):
                raise ValueError(f"{acr!r} is not one acr")

    def is_met(self, token: AccessToken, now: float) -> bool:
        """Say whether the token's sign-in is one. A token that does not say counts as none."""
        if self.max_age_seconds is not None:
            auth_time = token.claims.get("auth_time")
            # A bool is an int to Python, but not a NumericDate.
            if not isinstance(auth_time, (int, float)) or isinstance(auth_time, bool):
                return False
            if now - auth_time > self.max_age_seconds:
                return False
        return not self.acr_values or token.claims.get("acr") in self.acr_values

    def parameters(self) -> dict[str, str]:
        """Return what the challenge names, for the app to ask for (RFC 9470 §3)."""
        wanted = {"acr_values": " ".join(self.acr_values)} if self.acr_values else {}
        return wanted if self.max_age_seconds is None else {**wanted, "max_age": str(self.max_age_seconds)}


class RequiredScope(SecurityBase):
    """What `require_scope` makes; also a security scheme, so that the API's documentation shows it."""

    def __init__(self, scopes: tuple[str, ...], verifier: Verifier | None, wanted: SignInWanted) -> None:
        for scope in scopes:
            if not _SCOPE_NAME.fullmatch(scope):
                raise ValueError(f"{scope!r} is not the name of one scope")
        self.model = HTTPBearer(bearerFormat="JWT")
        self.scheme_name = "AccessToken"
        self._scopes = scopes
        self._verifier = verifier
        self._wanted = wanted

    async def __call__(self, request: HTTPConnection) -> AccessToken:
        """Judge one request by its Authorization header.

        Raises:
            HTTPException: 401 without a good token or a good enough sign-in, 400 for a malformed header, 403 without
                the scope, 503 without keys.
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
        if not self._wanted.is_met(token, time.time()):
            description = "the sign-in is too old, or not of the kind that this needs"
            raise _refusal(401, "insufficient_user_authentication", description, **self._wanted.parameters())
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
