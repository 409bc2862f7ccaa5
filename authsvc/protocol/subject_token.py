"""The tokens of a token exchange, subject's and actor's alike: one judge for each type (RFC 8693 §3)."""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from authsvc.crypto import jws, opaque
from authsvc.crypto.algorithms import SIGNING_ALGORITHMS
from authsvc.crypto.claims import LATEST_INSTANT, Expectation
from authsvc.crypto.errors import TokenError
from authsvc.domain.parties.trusted_issuers import SUBJECTS
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.tokens.access_tokens import Standing
from authsvc.domain.tokens.api_keys import ApiKey
from authsvc.domain.tokens.content import NO_ORIGIN, Origin, SignIn
from authsvc.domain.tokens.exchange import Whose
from authsvc.protocol.api_keys import judge_api_key
from authsvc.protocol.errors import InvalidGrant, InvalidRequest, InvalidToken, ProtocolError
from authsvc.protocol.grant import GrantRequest, Issuing, TrustedWord
from authsvc.protocol.subjects import session_behind, subject_for
from authsvc.protocol.tokens import access_token, id_token
from authsvc.protocol.tokens.refresh_token import check_presented, find_family, sign_in_of
from authsvc.protocol.tokens.state import judge_access_token
from authsvc.protocol.trusted_token import Wanted, judge_trusted_token

_IETF = "urn:ietf:params:oauth:token-type:"
ACCESS_TOKEN = f"{_IETF}access_token"
ID_TOKEN = f"{_IETF}id_token"
JWT = f"{_IETF}jwt"
REFRESH_TOKEN = f"{_IETF}refresh_token"
API_KEY = "urn:authsvc:params:oauth:token-type:api_key"

_FOREIGN_TYPES: frozenset[str | None] = frozenset({None, "JWT", access_token.TYPE})


@dataclass(frozen=True, slots=True)
class Judged:
    """A token that is good at this moment: whose it is, whom it speaks of, and the most it can give.

    `name` is the subject as `issuer` calls it, `subject` as this server does. `audiences` None: this kind has none.
    """

    subject: str
    issuer: str
    name: str
    whose: Whose
    client_id: str | None
    scopes: frozenset[str]
    audiences: frozenset[str] | None
    expires_at: datetime
    sign_in: SignIn | None = None
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False)
    trusted_word: TrustedWord | None = None
    api_key: ApiKey | None = None
    origin: Origin = NO_ORIGIN

    def is_for(self, client_names: frozenset[str]) -> bool:
        """Whether one of these names is an audience of it; one without audiences is for whoever may hold it."""
        return self.audiences is None or not self.audiences.isdisjoint(client_names)


def names_of(request: GrantRequest) -> frozenset[str]:
    """Return the audiences that mean the requester: its id, and the resources whose server it is."""
    return request.client.serves | {request.client.id}


def judge(presented: str, token_type: str, request: GrantRequest, uow: UnitOfWork, issuing: Issuing) -> Judged:
    """Return the token if it and everything behind it is alive; reads only.

    Raises: InvalidRequest for whatever is wrong with it (RFC 8693 §2.2.2); FetchBusy.
    """
    judge_type = _JUDGES.get(token_type)
    if judge_type is None:
        raise InvalidRequest("the token type is not known here", rule="exchange_token_type")
    try:
        judged = judge_type(presented, request, uow, issuing)
    except (InvalidToken, InvalidGrant) as error:
        raise _in_words_of_exchange(error) from error
    if "cnf" in judged.claims:
        # Exchanged for a bearer token it would be worth stealing again.
        raise InvalidRequest("the token is bound to a key, which cannot be proved here", rule="exchange_bound_token")
    if int(judged.expires_at.timestamp()) <= int(request.now.timestamp()):
        raise InvalidRequest("the token has expired", rule="exchange_expired_token")
    return judged


def _in_words_of_exchange(error: ProtocolError) -> InvalidRequest:
    """What is wrong with a token is said by one code; the rule, and what must outlive the refusal, stay."""
    refusal = InvalidRequest(error.description, detail=error.detail, rule=error.failed_rule, keep=error.keep)
    return refusal.about(client_id=error.client_id, user_id=error.user_id)


def _access_token(presented: str, request: GrantRequest, uow: UnitOfWork, issuing: Issuing) -> Judged:
    token = judge_access_token(presented, request.tenant, uow, issuing.keyring, request.now)
    return Judged(
        # By the id of the record: a pairwise name is for one client only.
        subject=str(token.sign_in.user_id) if token.sign_in else token.subject,
        issuer=request.tenant.issuer,
        name=token.subject,
        whose=Whose(client_id=token.client_id),
        client_id=token.client_id,
        scopes=token.scopes,
        audiences=token.audiences,
        expires_at=token.expires_at,
        sign_in=token.sign_in,
        claims=token.claims,
        origin=Origin(
            client_ids=token.origin.client_ids | {token.client_id},
            token_id=token.origin.token_id or token.token_id,
            api_key_id=token.origin.api_key_id,
        ),
    )


def _id_token(presented: str, request: GrantRequest, uow: UnitOfWork, issuing: Issuing) -> Judged:
    issued_to = frozenset[str]().union(*(policy.clients for policy in request.client.exchanges))
    if not issued_to:
        raise InvalidRequest("this client may not exchange ID tokens", rule="exchange_policy")
    expected = Expectation(
        frozenset(SIGNING_ALGORITHMS), id_token.TYPE, request.tenant.issuer, issued_to, leeway_seconds=0,
        required=frozenset({"iss", "sub", "aud", "exp", "iat", "sid", "auth_time", "amr"}),
    )  # fmt: skip
    now = request.now
    try:
        claims = issuing.keyring.verify(presented, expected, uow, now)
        client_id, told = str(claims["aud"]), UUID(claims["sid"])
        authenticated_at, amr = _sign_in_told(claims)
        family_id, behind = _hung_on(claims)
    except (TokenError, AttributeError, TypeError, ValueError) as error:
        rule = error.rule if isinstance(error, TokenError) else "malformed"
        raise InvalidToken("the ID token is invalid or expired", detail=f"ID token: {rule}") from error
    client = uow.clients.get(client_id)
    if client is None or client.disabled_at is not None or claims["iat"] < int(client.created_at.timestamp()):
        # Or another has the id of a deleted client now: what the first one was told is not its.
        raise InvalidToken("the client is gone or disabled", rule="client_over").about(client_id=client_id)
    session = uow.sessions.get(session_behind(told, client, issuing.keyring, uow, now))
    if session is None:
        raise InvalidToken("the session has ended", rule="session_over")
    user_id = session.user_id
    if claims["sub"] != subject_for(user_id, client, issuing.keyring, uow, now):
        raise InvalidToken("the session has ended", rule="session_over").about(user_id=user_id)
    standing = uow.access_tokens.standing(("", behind), session.id, family_id, now)
    if not standing.is_good:
        raise _given_on_what_is_over(standing).about(user_id=user_id)
    return Judged(
        subject=str(user_id),
        issuer=request.tenant.issuer,
        name=str(claims["sub"]),
        whose=Whose(client_id=client_id),
        client_id=client_id,
        scopes=frozenset(),
        audiences=frozenset({client_id}),
        expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        # What the token tells of: its session may tell of a later sign-in by now.
        sign_in=SignIn(user_id, session.id, authenticated_at, amr, family_id),
        claims=claims,
        origin=Origin(frozenset({client_id}), behind),
    )


def _sign_in_told(claims: Mapping[str, Any]) -> tuple[datetime, tuple[str, ...]]:
    """Return when and how the person signed in. Raises: TypeError, ValueError if that is malformed."""
    told, amr = claims["auth_time"], claims["amr"]
    if not 0 <= told <= LATEST_INSTANT:
        raise ValueError("auth_time is no instant")
    if not isinstance(amr, list) or not all(isinstance(each, str) for each in amr):
        raise TypeError("amr is no list of texts")
    return datetime.fromtimestamp(told, UTC), tuple(amr)


def _hung_on(claims: Mapping[str, Any]) -> tuple[UUID | None, str | None]:
    """Return the refresh family that the ID token was given with, or else the `jti` of the access token."""
    family_id = claims.get("grant_id")
    return None if family_id is None else UUID(family_id), access_token.origin_in(claims).token_id


def _given_on_what_is_over(standing: Standing) -> InvalidToken:
    if not standing.user_enabled:
        return InvalidToken("the account is disabled", rule="account_disabled")
    if not standing.session_alive:
        return InvalidToken("the session has ended", rule="session_over")
    return InvalidToken("what the ID token was given with is over", rule="family_over")


def _jwt(presented: str, request: GrantRequest, uow: UnitOfWork, issuing: Issuing) -> Judged:
    """A JWT of a trusted issuer, or one of ours, which must be an access token."""
    try:
        issuer = jws.peek(presented).claims.get("iss")
    except TokenError as error:
        raise InvalidToken("the token is not a signed JWT", detail=f"JWT: {error.rule}") from error
    if issuer == request.tenant.issuer:
        return _access_token(presented, request, uow, issuing)
    wanted = Wanted(SUBJECTS, _FOREIGN_TYPES, names_of(request))
    token = judge_trusted_token(presented, wanted, request, uow, issuing)
    audience, scope = token.claims["aud"], token.claims.get("scope")
    return Judged(
        subject=str(token.user.id),
        issuer=token.issuer.issuer,
        name=str(token.claims["sub"]),
        whose=Whose(issuer=token.issuer.issuer),
        # A foreign client's id says nothing here: it may be the same as one of ours.
        client_id=None,
        scopes=frozenset(scope.split(" ")) - {""} if isinstance(scope, str) else frozenset(),
        audiences=frozenset([audience] if isinstance(audience, str) else audience),
        expires_at=token.expires_at,
        sign_in=token.sign_in(request.now),
        claims=token.claims,
        trusted_word=token.word(),
    )


def _refresh_token(presented: str, request: GrantRequest, uow: UnitOfWork, issuing: Issuing) -> Judged:
    """A refresh token of the client's own, the current one of its family; it stays unused."""
    client, now = request.client, request.now
    token, state = find_family(presented, uow, issuing, now)
    family, session = state.family, state.session
    if family.client_id != client.id or family.created_at < client.created_at:
        raise InvalidGrant("the refresh token is unknown", rule="refresh_token_of_another_client")
    if not family.is_alive(now) or not session.is_alive(now):
        raise InvalidGrant("the session has ended", rule="family_over").about(user_id=family.user_id)
    if state.user_disabled:
        raise InvalidGrant("the account is disabled", rule="account_disabled").about(user_id=family.user_id)
    check_presented(token, issuing, now)
    if not hmac.compare_digest(opaque.refresh_token_hash(token.token), family.current_hash):
        raise InvalidGrant("the refresh token was already used", rule="refresh_token_superseded")
    return Judged(
        subject=str(family.user_id),
        issuer=request.tenant.issuer,
        name=str(family.user_id),
        whose=Whose(client_id=client.id),
        client_id=client.id,
        scopes=family.scopes & client.scopes,
        audiences=None,
        expires_at=min(family.idle_expires_at, family.expires_at, session.expires_at),
        sign_in=sign_in_of(state),
    )


def _api_key(presented: str, request: GrantRequest, uow: UnitOfWork, issuing: Issuing) -> Judged:
    key = judge_api_key(presented, uow, request.now)
    owner = str(key.user_id) if key.user_id is not None else str(key.client_id)
    # A key lives for years; what is had for it lives no longer than other tokens of people.
    soon = request.now + timedelta(seconds=issuing.lifetimes.access_token)
    return Judged(
        subject=owner,
        issuer=request.tenant.issuer,
        name=owner,
        whose=Whose(is_api_key=True),
        client_id=key.client_id,
        scopes=key.scopes,
        audiences=None,
        expires_at=soon if key.expires_at is None else min(soon, key.expires_at),
        api_key=key,
        origin=Origin(api_key_id=key.id),
    )


_JUDGES: Mapping[str, Callable[[str, GrantRequest, UnitOfWork, Issuing], Judged]] = {
    ACCESS_TOKEN: _access_token,
    ID_TOKEN: _id_token,
    JWT: _jwt,
    REFRESH_TOKEN: _refresh_token,
    API_KEY: _api_key,
}
