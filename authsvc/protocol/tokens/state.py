"""Whether an access token of ours lives: the one judge, for the issuer's own API and for everyone who asks."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from authsvc.crypto import opaque
from authsvc.crypto.algorithms import SIGNING_ALGORITHMS
from authsvc.crypto.claims import LATEST_INSTANT, Expectation, check_claims
from authsvc.crypto.errors import TokenError
from authsvc.domain.administration import admin_audience
from authsvc.domain.keyring import Keyring
from authsvc.domain.parties.clients import Client
from authsvc.domain.parties.resources import Resource
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.tenants import Tenant
from authsvc.domain.tokens.access_tokens import Standing
from authsvc.domain.tokens.content import NO_ORIGIN, Origin, SignIn
from authsvc.protocol.errors import InvalidToken
from authsvc.protocol.subjects import session_behind, subject_for
from authsvc.protocol.tokens.access_token import TYPE, origin_in

_REQUIRED = frozenset({"iss", "sub", "aud", "exp", "iat", "jti", "client_id"})
_ALGORITHMS = frozenset(SIGNING_ALGORITHMS)


@dataclass(frozen=True, slots=True)
class LiveToken:
    """An access token that is good at this moment. `audiences` are those of its audiences that are still enabled."""

    claims: Mapping[str, Any]
    token_id: str
    client_id: str
    subject: str
    scopes: frozenset[str]
    audiences: frozenset[str]
    sign_in: SignIn | None
    expires_at: datetime
    is_opaque: bool
    origin: Origin = NO_ORIGIN


def judge_access_token(
    presented: str, tenant: Tenant, uow: UnitOfWork, keyring: Keyring, now: datetime
) -> LiveToken:  # fmt: skip
    """Return the token if everything behind it is alive: key, claims, audience, client, session, family, user.

    Whatever may end is read from the database at each call. Which audience it must be for is judged by the caller.
    Raises: InvalidToken, whose rule names what is over. Source: RFC 9068 §4, RFC 7662 §4.
    """
    is_opaque = presented.startswith(opaque.ACCESS_TOKEN)
    expected = _expectation(tenant.issuer, uow.resources.list())
    try:
        if is_opaque:
            claims = _stored(presented, uow)
            check_claims(claims, expected, now.timestamp())
        else:
            claims = keyring.verify(presented, expected, uow, now)
        client = _client_of(claims, uow)
        session_id = _session_of(claims, client, uow, keyring, now)
        token = _live(claims, expected.audiences, _sign_in(claims, session_id, uow), is_opaque=is_opaque)
    except (TokenError, AttributeError, KeyError, TypeError, ValueError) as error:
        rule = error.rule if isinstance(error, TokenError) else "malformed"
        raise InvalidToken("the access token is invalid or expired", detail=rule) from error
    if now >= token.expires_at:
        # The skew that is forgiven is that of our nodes' clocks when it was made, never more life.
        raise InvalidToken("the access token is invalid or expired", detail="expired")
    _check_owners(token, client, uow, keyring, now)
    return token


@lru_cache(maxsize=64)
def _expectation(issuer: str, registered: tuple[Resource, ...]) -> Expectation:
    """Any audience that is enabled here, the issuer and its admin API among them: else a token is good for nothing."""
    enabled = frozenset(resource.audience for resource in registered if resource.disabled_at is None)
    return Expectation(_ALGORITHMS, TYPE, issuer, enabled | {issuer, admin_audience(issuer)}, required=_REQUIRED)


def _stored(presented: str, uow: UnitOfWork) -> Mapping[str, Any]:
    # The checksum spares typing errors the look-up; the hash is what finds.
    if not opaque.is_well_formed(opaque.ACCESS_TOKEN, presented):
        raise ValueError("not an opaque access token")
    found = uow.access_tokens.find(opaque.hash_secret(presented))
    if found is None:
        raise KeyError("unknown")
    return found.claims


def _client_of(claims: Mapping[str, Any], uow: UnitOfWork) -> Client | None:
    if not isinstance(claims["client_id"], str):
        raise TypeError("client_id is not a text")
    return uow.clients.get(claims["client_id"])


def _session_of(
    claims: Mapping[str, Any], client: Client | None, uow: UnitOfWork, keyring: Keyring, now: datetime
) -> UUID | None:
    """Return the session that the token names, as its client knows it."""
    if "sid" not in claims:
        return None
    told = UUID(claims["sid"])
    return told if client is None else session_behind(told, client, keyring, uow, now)


def _live(
    claims: Mapping[str, Any], enabled: frozenset[str], sign_in: SignIn | None, *, is_opaque: bool
) -> LiveToken:  # fmt: skip
    audience, client_id, scope = claims["aud"], claims["client_id"], claims.get("scope", "")
    if not isinstance(scope, str):
        raise TypeError("scope is not a text")
    return LiveToken(
        claims=claims,
        token_id=claims["jti"],
        client_id=client_id,
        subject=claims["sub"],
        scopes=frozenset(scope.split()),
        audiences=enabled.intersection([audience] if isinstance(audience, str) else audience),
        sign_in=sign_in,
        expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        is_opaque=is_opaque,
        origin=origin_in(claims),
    )


def _sign_in(claims: Mapping[str, Any], session_id: UUID | None, uow: UnitOfWork) -> SignIn | None:
    """Return the sign-in behind a token with a session, which knows the person where `sub` is a pairwise name."""
    if session_id is None:
        return None
    family, told = claims.get("grant_id"), claims["auth_time"]
    if not 0 <= told <= LATEST_INSTANT:
        raise ValueError("auth_time is no instant")
    return SignIn(
        user_id=_user_id(claims["sub"]) or _user_of(session_id, uow),
        session_id=session_id,
        authenticated_at=datetime.fromtimestamp(told, UTC),
        amr=tuple(claims["amr"]),
        family_id=None if family is None else UUID(family),
    )


def _user_of(session_id: UUID, uow: UnitOfWork) -> UUID:
    session = uow.sessions.get(session_id)
    if session is None:
        raise KeyError("sid")
    return session.user_id


def _check_owners(
    token: LiveToken, client: Client | None, uow: UnitOfWork, keyring: Keyring, now: datetime
) -> None:  # fmt: skip
    if client is None or client.disabled_at is not None or _is_older(token, client):
        raise _over("client_over", "the client is gone or disabled", token)
    sign_in = token.sign_in
    # Where the session tells the person, the token must name them as this client knows them.
    if sign_in is not None and token.subject not in {
        str(sign_in.user_id),
        subject_for(sign_in.user_id, client, keyring, uow, now),
    }:
        raise InvalidToken("the access token is invalid or expired", detail="sub").about(client_id=client.id)
    standing = uow.access_tokens.standing(
        (token.token_id, token.origin.token_id),
        sign_in.session_id if sign_in else None,
        sign_in.family_id if sign_in else None,
        now,
    )
    if not standing.is_good:
        raise _refused(standing, token)
    if sign_in is None:
        _check_subject(token, uow)
    _check_origin(token, uow, now)


def _check_subject(token: LiveToken, uow: UnitOfWork) -> None:
    """Ask for whom a token without a session speaks of: a person (theirs by an API key), or by exchange a machine."""
    user_id = _user_id(token.subject)
    if user_id is not None:
        user = uow.users.get(user_id)
        if user is None or user.disabled_at is not None:
            raise _over("account_disabled", "the account is disabled", token)
    elif token.subject != token.client_id:
        client = uow.clients.get(token.subject)
        if client is None or client.disabled_at is not None or _is_older(token, client):
            raise _over("client_over", "the client is gone or disabled", token)


def _check_origin(token: LiveToken, uow: UnitOfWork, now: datetime) -> None:
    """Ask for what an exchanged token was had for: whose it was must still be let in, and the API key alive."""
    for client_id in token.origin.client_ids:
        client = uow.clients.get(client_id)
        if client is None or client.disabled_at is not None or _is_older(token, client):
            raise _over("origin_over", "the client whose token was exchanged is gone or disabled", token)
    if token.origin.api_key_id is not None:
        key = uow.api_keys.get(token.origin.api_key_id)
        if key is None or not key.is_alive(now):
            raise _over("origin_over", "the API key that was exchanged is expired or revoked", token)


def _is_older(token: LiveToken, client: Client) -> bool:
    """Another has the id of a deleted client now: what the first one was given is not its."""
    return int(token.claims["iat"]) < int(client.created_at.timestamp())


def _refused(standing: Standing, token: LiveToken) -> InvalidToken:
    if not standing.not_revoked:
        return _over("token_revoked", "the access token was revoked", token)
    if not standing.user_enabled:
        return _over("account_disabled", "the account is disabled", token)
    rule = "session_over" if not standing.session_alive else "family_over"
    return _over(rule, "the session has ended", token)


def _over(rule: str, description: str, token: LiveToken) -> InvalidToken:
    user_id = token.sign_in.user_id if token.sign_in else _user_id(token.subject)
    return InvalidToken(description, rule=rule).about(client_id=token.client_id, user_id=user_id)


def _user_id(subject: str) -> UUID | None:
    """No client's id has the form in which user ids are told, so that such a subject is a person."""
    try:
        user_id = UUID(subject)
    except ValueError:
        return None
    # UUID() reads other spellings as well, and a client's id may be 32 hexadecimal digits.
    return user_id if str(user_id) == subject else None
