"""Access tokens that are presented to the issuer itself: /me and /logout take only tokens for it, scope `account`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from authsvc.crypto import jws
from authsvc.crypto.errors import TokenError
from authsvc.domain.keyring import Keyring
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.resources import ACCOUNT_SCOPE
from authsvc.domain.sessions import Session
from authsvc.domain.tenants import Tenant
from authsvc.domain.users import User
from authsvc.protocol.errors import (
    InsufficientAuthentication,
    InsufficientScope,
    InvalidToken,
    MissingToken,
)
from authsvc.protocol.tokens.access_token import TYPE

ALGORITHMS = frozenset({"ES256", "RS256", "PS256", "EdDSA"})


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

    The session is looked up at each call, so an ended one is refused at once, whatever the token says.
    Raises: MissingToken (also for another scheme), InvalidToken, InsufficientScope. Source: RFC 6750 §3.1.
    """
    claims = _verified(_presented(authorization), tenant, uow, keyring, now)
    if ACCOUNT_SCOPE not in str(claims.get("scope", "")).split(" "):
        raise InsufficientScope(f"the token needs the scope {ACCOUNT_SCOPE}")
    try:
        user_id, session_id = UUID(str(claims["sub"])), UUID(str(claims["sid"]))
    except (KeyError, ValueError) as error:
        raise InvalidToken("the token is not a person's") from error
    session, user = uow.sessions.get(session_id), uow.users.get(user_id)
    if session is None or user is None or session.user_id != user_id or not session.is_alive(now):
        raise InvalidToken("the session has ended").about(user_id=user_id)
    if user.disabled_at is not None:
        raise InvalidToken("the account is disabled").about(user_id=user_id)
    return Caller(user, session, claims)


def require_recent_login(caller: Caller, max_age_seconds: int, now: datetime) -> None:
    """Refuse when the person signed in too long ago. Raises: InsufficientAuthentication. Source: RFC 9470 §3."""
    if now - caller.session.authenticated_at > timedelta(seconds=max_age_seconds):
        raise InsufficientAuthentication("sign in again: this needs a recent login", max_age_seconds=max_age_seconds)


def _presented(authorization: str | None) -> str:
    if authorization is None:
        raise MissingToken("an access token is required")
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise MissingToken("an access token is required")
    return token.strip(" ")


def _verified(
    token: str, tenant: Tenant, uow: UnitOfWork, keyring: Keyring, now: datetime
) -> Mapping[str, Any]:  # fmt: skip
    expected = jws.Expectation(
        algorithms=ALGORITHMS, typ=TYPE, issuer=tenant.issuer, audience=tenant.issuer, leeway_seconds=0
    )
    try:
        return jws.verify(token, lambda kid: keyring.verification_key(kid, uow, now), expected, now.timestamp())
    except TokenError as error:
        raise InvalidToken("the access token is invalid or expired", detail=error.rule) from error
