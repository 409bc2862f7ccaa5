"""What a token is worth, told only to those whom it concerns (RFC 7662), plainly or as a signed JWT (RFC 9701).

Whoever is neither the server of one of the token's audiences nor the client that it was issued to gets the same
answer as for a token that never was.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from authsvc.crypto import jws, opaque
from authsvc.domain.parties.clients import Client
from authsvc.domain.parties.resources import IDENTITY_SCOPES
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.tokens.api_keys import ApiKey
from authsvc.protocol.api_keys import judge_api_key, record_use
from authsvc.protocol.client_auth import authenticate_client, using_up
from authsvc.protocol.errors import InvalidClient, InvalidGrant, InvalidRequest, InvalidToken
from authsvc.protocol.grant import Issuing
from authsvc.protocol.subjects import subject_for
from authsvc.protocol.token import TokenRequest
from authsvc.protocol.tokens.refresh_token import check_presented, find_family
from authsvc.protocol.tokens.state import judge_access_token

TYPE = "token-introspection+jwt"
SIGNING_ALGORITHM = "RS256"
"""Of the signed answer, where the caller has named no other (RFC 9701 §6)."""
Members = Mapping[str, Any]
INACTIVE: Members = {"active": False}
"""The whole answer about whatever the caller may not know, or is worth nothing (RFC 7662 §2.2)."""
_AS_CLAIMED = ("client_id", "sub", "iss", "exp", "iat", "nbf", "jti", "act", "sid", "auth_time", "acr", "amr")


@dataclass(frozen=True, slots=True)
class Introspection:
    """The answer, and the client that asked."""

    client: Client
    members: Members


def introspect(request: TokenRequest, uow: UnitOfWork, issuing: Issuing) -> Introspection:
    """Answer POST /introspect. `token_type_hint` is not needed: every artefact carries its kind.

    Raises: InvalidClient (also for a public client: anyone could ask in its name), InvalidRequest.
    Source: RFC 7662 §2.
    """
    authenticated = authenticate_client(request, uow, issuing)
    client = authenticated.client
    if client.is_public:
        raise InvalidClient("a public client cannot introspect").about(client_id=client.id)
    presented = request.parameters.get("token")
    if presented is None:
        raise InvalidRequest("token is required").about(client_id=client.id)
    with using_up(authenticated, uow):
        members = _told(presented, client, request, uow, issuing)
    return Introspection(client, members)


def sign_introspection(answer: Introspection, request: TokenRequest, uow: UnitOfWork, issuing: Issuing) -> str:
    """Return the answer as a JWT for the client that asked. It has neither `sub` nor `exp`: it is no token to use.

    Source: RFC 9701 §5.
    """
    claims = {
        "iss": request.tenant.issuer,
        "aud": answer.client.id,
        "iat": int(request.now.timestamp()),
        "token_introspection": answer.members,
    }
    return jws.sign(claims, issuing.keyring.signing_key(SIGNING_ALGORITHM, uow, request.now), TYPE)


def _told(presented: str, client: Client, request: TokenRequest, uow: UnitOfWork, issuing: Issuing) -> Members:
    try:
        if presented.startswith(opaque.REFRESH_TOKEN):
            return _refresh_token(presented, client, request, uow, issuing)
        if presented.startswith(opaque.API_KEY):
            return _api_key(presented, client, request, uow)
        return _access_token(presented, client, request, uow, issuing)
    except (InvalidToken, InvalidGrant):
        return INACTIVE


def _access_token(presented: str, client: Client, request: TokenRequest, uow: UnitOfWork, issuing: Issuing) -> Members:
    token = judge_access_token(presented, request.tenant, uow, issuing.keyring, request.now)
    audiences, scopes = token.audiences, token.scopes
    if token.client_id != client.id:
        audiences &= client.serves
        if not audiences:
            return INACTIVE
        scopes = _of_resources(scopes, audiences, uow)
    claims = token.claims
    return {
        "active": True,
        "token_type": "Bearer",
        **_scope_and_audience(scopes, audiences),
        **{name: claims[name] for name in _AS_CLAIMED if name in claims},
    }


def _api_key(presented: str, client: Client, request: TokenRequest, uow: UnitOfWork) -> Members:
    key = judge_api_key(presented, uow, request.now)
    enabled = frozenset(resource.audience for resource in uow.resources.list() if resource.disabled_at is None)
    audiences, scopes = key.resources & enabled, key.scopes
    if key.client_id != client.id:
        audiences &= client.serves
        scopes = _of_resources(scopes, audiences, uow)
    if not audiences:
        return INACTIVE
    record_use(key, uow, request.now)
    return {
        "active": True,
        **_scope_and_audience(scopes, audiences),
        **_owner(key),
        "iss": request.tenant.issuer,
        "iat": int(key.created_at.timestamp()),
        **({"exp": int(key.expires_at.timestamp())} if key.expires_at else {}),
        "jti": str(key.id),
    }


def _refresh_token(
    presented: str, client: Client, request: TokenRequest, uow: UnitOfWork, issuing: Issuing
) -> Members:  # fmt: skip
    """Tell its own client alone. A superseded token is worth nothing; that it was shown here ends no family."""
    found, state = find_family(presented, uow, issuing, request.now)
    family, now = found.family, request.now
    if family.client_id != client.id or family.created_at < client.created_at:
        return INACTIVE
    if state.user_disabled or not family.is_alive(now) or not state.session.is_alive(now):
        return INACTIVE
    check_presented(found, issuing, now)
    return {
        "active": True,
        **_scope_and_audience(family.scopes & client.scopes, frozenset()),
        "client_id": client.id,
        "sub": subject_for(family.user_id, client, issuing.keyring, uow, now),
        "iss": request.tenant.issuer,
        "exp": int(min(family.idle_expires_at, family.expires_at).timestamp()),
    }


def _of_resources(scopes: frozenset[str], audiences: frozenset[str], uow: UnitOfWork) -> frozenset[str]:
    """Return what a server may know of the scopes: its own resources', and those that belong to no resource."""
    served = (resource.scopes for resource in uow.resources.list() if resource.audience in audiences)
    return scopes & IDENTITY_SCOPES.union(*served)


def _scope_and_audience(scopes: frozenset[str], audiences: frozenset[str]) -> Members:
    members: dict[str, Any] = {}
    if scopes:
        members["scope"] = " ".join(sorted(scopes))
    if audiences:
        members["aud"] = sorted(audiences) if len(audiences) > 1 else next(iter(audiences))
    return members


def _owner(key: ApiKey) -> Members:
    """A service's key is its client; a person's names no client."""
    if key.client_id is not None:
        return {"sub": key.client_id, "client_id": key.client_id}
    return {"sub": str(key.user_id)}
