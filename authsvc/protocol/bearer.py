"""Access tokens that are presented to the issuer itself: /me and /logout take only tokens for it, scope `account`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from authsvc.domain.keyring import Keyring
from authsvc.domain.parties.resources import ACCOUNT_SCOPE
from authsvc.domain.people.users import User
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.sign_in.sessions import Session
from authsvc.domain.tenants import Tenant
from authsvc.protocol.errors import (
    InsufficientAuthentication,
    InsufficientScope,
    InvalidToken,
    MissingToken,
)
from authsvc.protocol.tokens.state import judge_access_token


@dataclass(frozen=True, slots=True)
class Caller:
    """The person behind an account token, their live session and the token's claims."""

    user: User
    session: Session
    claims: Mapping[str, Any]


def authenticate_caller(
    authorization: str | None, tenant: Tenant, uow: UnitOfWork, keyring: Keyring, now: datetime
) -> Caller:
    """Return who calls the account API.

    The token is judged at each call, so a revoked one or an ended session is refused at once.
    Raises: MissingToken (also for another scheme), InvalidToken, InsufficientScope. Source: RFC 6750 §3.1.
    """
    token = judge_access_token(presented_token(authorization), tenant, uow, keyring, now)
    if tenant.issuer not in token.audiences:
        raise InvalidToken("the access token is for another service")
    if ACCOUNT_SCOPE not in token.scopes:
        raise InsufficientScope(f"the token needs the scope {ACCOUNT_SCOPE}", scope=ACCOUNT_SCOPE)
    sign_in = token.sign_in
    if sign_in is None:
        raise InvalidToken("the token is not a person's")
    session, user = uow.sessions.get(sign_in.session_id), uow.users.get(sign_in.user_id)
    if session is None or user is None:
        # They went between two statements.
        raise InvalidToken("the session has ended").about(user_id=sign_in.user_id)
    return Caller(user, session, token.claims)


def require_recent_login(caller: Caller, max_age_seconds: int, now: datetime) -> None:
    """Refuse when the person signed in too long ago. Raises: InsufficientAuthentication. Source: RFC 9470 §3."""
    if now - caller.session.authenticated_at > timedelta(seconds=max_age_seconds):
        raise InsufficientAuthentication("sign in again: this needs a recent login", max_age_seconds=max_age_seconds)


def presented_token(authorization: str | None) -> str:
    """Return the token of an Authorization header. Raises: MissingToken, also for another scheme."""
    if authorization is None:
        raise MissingToken("an access token is required")
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise MissingToken("an access token is required")
    return token.strip(" ")
