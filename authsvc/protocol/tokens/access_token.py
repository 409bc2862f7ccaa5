"""Access tokens: JWTs of RFC 9068, or opaque references to the same claims."""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from authsvc.crypto import jws, opaque
from authsvc.crypto.jwk import SigningKey
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.tokens.access_tokens import OpaqueAccessToken
from authsvc.domain.tokens.content import NO_ORIGIN, Origin, Target
from authsvc.protocol.acr import acr_of
from authsvc.protocol.claims import asked_of_userinfo, told_by_scopes
from authsvc.protocol.grant import Decision, GrantRequest

TYPE = "at+jwt"
USERINFO_CLAIMS = "userinfo_claims"
"""A claim of our own: the names of what userinfo tells besides what the scopes say (OpenID Connect Core §5.5)."""

ORIGIN = "origin"
"""A claim of our own: what an exchanged token was had for, so that its end can reach it."""


def sign_access_token(request: GrantRequest, decision: Decision, target: Target, key: SigningKey) -> str:
    """Return the token. Claims and `typ` as in RFC 9068 §2.2.

    A person's carries the session (`sid`) and the refresh family (`grant_id`), so that their end can reach it, and what
    the sign-in is worth (RFC 9470 §6.2). `jti` is the one that its code has named, if it comes of one.
    """
    return jws.sign(access_token_claims(request, decision, target), key, TYPE)


def store_access_token(request: GrantRequest, decision: Decision, target: Target, uow: UnitOfWork) -> str:
    """Return an opaque token; its hash is kept, with the claims that a JWT would have carried."""
    claims = access_token_claims(request, decision, target)
    token = opaque.new_secret(opaque.ACCESS_TOKEN)
    uow.begin()
    uow.access_tokens.add(
        OpaqueAccessToken(opaque.hash_secret(token), claims, datetime.fromtimestamp(claims["exp"], UTC))
    )
    return token


def access_token_claims(request: GrantRequest, decision: Decision, target: Target) -> dict[str, Any]:
    """Return what the token says; an opaque one says it at introspection."""
    issued_at = int(request.now.timestamp())
    claims: dict[str, Any] = {
        "iss": request.tenant.issuer,
        "sub": decision.subject,
        "aud": target.audiences[0] if len(target.audiences) == 1 else list(target.audiences),
        "exp": issued_at + target.lifetime_seconds,
        "iat": issued_at,
        "jti": decision.code.token_id if decision.code else secrets.token_urlsafe(16),
        "client_id": request.client.id,
    }
    if target.scopes:
        claims["scope"] = " ".join(sorted(target.scopes))
    sign_in = decision.sign_in
    if sign_in is not None:
        claims["sid"] = str(sign_in.session_id)
        claims["auth_time"] = int(sign_in.authenticated_at.timestamp())
        claims["amr"] = list(sign_in.amr)
        acr = acr_of(sign_in.amr)
        if acr is not None:
            claims["acr"] = acr
        if sign_in.family_id is not None:
            claims["grant_id"] = str(sign_in.family_id)
    if asked := _of_userinfo(decision, target.scopes):
        claims[USERINFO_CLAIMS] = sorted(asked)
    if decision.actor is not None:
        claims["act"] = dict(decision.actor)
    if behind := _told_of(decision.origin):
        claims[ORIGIN] = behind
    return claims


def origin_in(claims: Mapping[str, Any]) -> Origin:
    """Return what a token of ours says it was had for. Raises: TypeError, ValueError, KeyError if it is malformed."""
    told = claims.get(ORIGIN)
    if told is None:
        return NO_ORIGIN
    key, token_id, client_ids = told.get("api_key"), told.get("jti"), told.get("clients", ())
    if not all(isinstance(value, str) for value in (*client_ids, token_id or "")):
        raise TypeError("origin is malformed")
    return Origin(frozenset(client_ids), token_id, None if key is None else UUID(key))


def _told_of(origin: Origin) -> dict[str, Any]:
    members: dict[str, Any] = {}
    if origin.client_ids:
        members["clients"] = sorted(origin.client_ids)
    if origin.token_id is not None:
        members["jti"] = origin.token_id
    if origin.api_key_id is not None:
        members["api_key"] = str(origin.api_key_id)
    return members


def _of_userinfo(decision: Decision, scopes: frozenset[str]) -> frozenset[str]:
    """Return what was asked of userinfo beyond the scopes, when the code was given: a refresh asks the same."""
    if decision.code is not None:
        asked = asked_of_userinfo(decision.code.claims)
    elif decision.presented is not None:
        asked = decision.presented.family.userinfo_claims
    else:
        return frozenset()
    return asked - told_by_scopes(scopes) if "openid" in scopes else frozenset()
