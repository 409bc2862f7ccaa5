"""The end of a token at the wish of the client that it was issued to (RFC 7009).

Success is told only when nothing of the token can be used any more: what is dead for now, because its user or resource
is disabled, may live again, so it is revoked like any other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from authsvc.crypto import jws, opaque
from authsvc.crypto.algorithms import SIGNING_ALGORITHMS
from authsvc.crypto.claims import Expectation
from authsvc.crypto.errors import TokenError, UnknownKey
from authsvc.domain.parties.clients import Client
from authsvc.domain.ports import UnitOfWork
from authsvc.protocol.audit import record
from authsvc.protocol.client_auth import authenticate_client, using_up
from authsvc.protocol.errors import InvalidGrant, InvalidRequest, TemporarilyUnavailable, UnsupportedTokenType
from authsvc.protocol.grant import Issuing
from authsvc.protocol.token import TokenRequest
from authsvc.protocol.tokens import access_token
from authsvc.protocol.tokens.refresh_token import find_family

_SKEW = timedelta(seconds=60)
"""Another node's clock may be behind ours: a token is over for all of them only so long after its end."""
_REQUIRED = frozenset({"iss", "aud", "exp", "iat", "jti", "client_id"})
_ALGORITHMS = frozenset(SIGNING_ALGORITHMS)
_OTHER_SECRETS = (opaque.CLIENT_SECRET, opaque.MAILED_TOKEN)


@dataclass(frozen=True, slots=True)
class _Revocation:
    """What each kind of token needs for its end: who asks, how, and the rooms to end it in."""

    client: Client
    request: TokenRequest
    uow: UnitOfWork
    issuing: Issuing


def revoke(request: TokenRequest, uow: UnitOfWork, issuing: Issuing) -> None:
    """Answer POST /revoke. What is no token of this issuer, or has expired, needs nothing: that is success.

    A refresh token ends its family, and with it the access tokens that came of it. `token_type_hint` is not needed.
    Raises: InvalidClient, InvalidRequest, InvalidGrant for another client's token, UnsupportedTokenType for what only
    looks like a token but is alive in another way. Source: RFC 7009 §2.
    """
    authenticated = authenticate_client(request, uow, issuing)
    client = authenticated.client
    presented = request.parameters.get("token")
    if presented is None:
        raise InvalidRequest("token is required").about(client_id=client.id)
    with using_up(authenticated, uow):
        _revoke(presented, _Revocation(client, request, uow, issuing))


def _revoke(presented: str, revocation: _Revocation) -> None:
    if presented.startswith(opaque.REFRESH_TOKEN):
        _end_family(presented, revocation)
    elif presented.startswith(opaque.API_KEY):
        _revoke_api_key(presented, revocation)
    elif presented.startswith(_OTHER_SECRETS):
        raise _unsupported(revocation.client)
    else:
        _revoke_access_token(presented, revocation)


def _end_family(presented: str, revocation: _Revocation) -> None:
    request, uow, client = revocation.request, revocation.uow, revocation.client
    try:
        found, _ = find_family(presented, uow, revocation.issuing, request.now)
    except InvalidGrant:
        return
    family = found.family
    if family.client_id != client.id or family.created_at < client.created_at:
        raise _of_another_client(client)
    uow.begin()
    if uow.families.end(family.id, request.now):
        record(uow, request, "refresh_token.revoked", user_id=family.user_id, client_id=client.id)


def _revoke_api_key(presented: str, revocation: _Revocation) -> None:
    """A person's key is ended by the person, at the account API, not by whichever client holds it."""
    uow, client = revocation.uow, revocation.client
    key = uow.api_keys.find(opaque.hash_secret(presented))
    if key is None or key.revoked_at is not None:
        return
    if key.client_id != client.id or key.created_at < client.created_at:
        raise _of_another_client(client)
    uow.begin()
    if uow.api_keys.revoke(key.id, revocation.request.now):
        record(uow, revocation.request, "api_key.revoked", client_id=client.id)


def _revoke_access_token(presented: str, revocation: _Revocation) -> None:
    request, uow, client = revocation.request, revocation.uow, revocation.client
    claims = _claims(presented, revocation)
    if claims is None:
        return
    over_at = datetime.fromtimestamp(claims["exp"], UTC) + _SKEW
    if request.now >= over_at:
        return
    if claims["client_id"] != client.id or claims["iat"] < int(client.created_at.timestamp()):
        raise _of_another_client(client)
    if uow.access_tokens.standing((claims["jti"], None), None, None, request.now).not_revoked:
        uow.begin()
        uow.access_tokens.revoke(claims["jti"], over_at)
        record(uow, request, "access_token.revoked", client_id=client.id)


def _claims(presented: str, revocation: _Revocation) -> Mapping[str, Any] | None:
    """Return what an access token of ours says, whatever else may speak against it; None if it is none.

    Raises: UnsupportedTokenType for another JWT of ours.
    """
    request, uow = revocation.request, revocation.uow
    if presented.startswith(opaque.ACCESS_TOKEN):
        found = uow.access_tokens.find(opaque.hash_secret(presented))
        return None if found is None else found.claims
    try:
        seen = jws.peek(presented)
        if seen.claims.get("iss") != request.tenant.issuer:
            return None
        if seen.typ != access_token.TYPE:
            raise _unsupported(revocation.client)
        # Its audience is as it says: a token for a resource that is disabled or gone must stay dead, too.
        expected = Expectation(
            _ALGORITHMS, access_token.TYPE, request.tenant.issuer, _audience(seen.claims), required=_REQUIRED
        )
        return revocation.issuing.keyring.verify(presented, expected, uow, request.now)
    except UnknownKey:
        _refuse_if_young(seen, revocation)
        return None
    except (TokenError, ValueError):
        return None


def _refuse_if_young(seen: jws.Unverified, revocation: _Revocation) -> None:
    """Ask to come back if the key may be one that another node has just made: we learn of it within a second.

    Raises: TemporarilyUnavailable.
    """
    issued_at, now = seen.claims.get("iat"), revocation.request.now.timestamp()
    is_known = any(record.kid == seen.kid for record in revocation.uow.keys.list())
    if not is_known and isinstance(issued_at, int) and abs(now - issued_at) < _SKEW.total_seconds():
        # Anybody can forge such a token: no fault of the database, and no alarm.
        raise TemporarilyUnavailable("try again in a moment", rule="revoke_young_key")


def _audience(claims: Mapping[str, Any]) -> frozenset[str]:
    audience = claims.get("aud")
    return frozenset(item for item in (audience if isinstance(audience, list) else [audience]) if isinstance(item, str))


def _of_another_client(client: Client) -> InvalidGrant:
    error = InvalidGrant("the token was issued to another client", rule="token_of_another_client")
    error.about(client_id=client.id)
    return error


def _unsupported(client: Client) -> UnsupportedTokenType:
    error = UnsupportedTokenType("only access tokens, refresh tokens and API keys can be revoked here")
    error.about(client_id=client.id)
    return error
