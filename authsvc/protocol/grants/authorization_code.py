"""A code for tokens (RFC 6749 §4.1.3, OpenID Connect Core §3.1.3): once, within a minute, by whom it was given to.

What the client can mend (a verifier, a redirect URI) leaves the code unused. A second use ends what the first one gave.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from uuid import uuid4

from authsvc.crypto import opaque
from authsvc.crypto.pkce import answers
from authsvc.domain.parties.clients import CODE_GRANT
from authsvc.domain.parties.resources import MAX_ACCESS_TOKEN_SECONDS, OPAQUE
from authsvc.domain.people.users import User
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.sign_in.authorization_codes import KEPT_SECONDS, AuthorizationCode, CodeState
from authsvc.domain.sign_in.sessions import Session
from authsvc.domain.tokens.content import Target
from authsvc.errors import Effect
from authsvc.protocol.errors import InvalidGrant, InvalidRequest
from authsvc.protocol.grant import Decision, GrantRequest, Issuing, Lane
from authsvc.protocol.tokens.refresh_token import start_family

GRANT_TYPE = CODE_GRANT
PARAMETERS = frozenset({"code", "redirect_uri", "code_verifier"})
LANE: Lane = "machine"
HASHES = False
_SKEW = timedelta(seconds=60)
_LONGEST = timedelta(seconds=MAX_ACCESS_TOKEN_SECONDS + 60)
"""No access token lives longer, whatever its resource says; a minute for clocks."""


def check(request: GrantRequest, uow: UnitOfWork, issuing: Issuing) -> Decision:
    """Decide for the person who agreed. Raises: InvalidRequest, InvalidGrant.

    Source: RFC 6749 §4.1.3, RFC 7636 §4.6.
    """
    presented = request.parameters.get("code")
    if presented is None:
        raise InvalidRequest("code is required")
    state = _find(presented, request, uow)
    code = state.code
    _check_redirect_uri(code, request)
    _check_verifier(code, request)
    user = _person(state, request)
    # What may go on without the browser gets a session of its own, which the browser's logout does not end.
    sign_in = replace(code.sign_in, session_id=uuid4()) if code.offline else code.sign_in
    return Decision(
        subject=str(user.id),
        scopes=code.scopes & request.client.scopes,
        resources=code.resources & request.client.resources,
        sign_in=sign_in,
        code=code,
        user=user,
    )


def consume(decision: Decision, target: Target, request: GrantRequest, uow: UnitOfWork, issuing: Issuing) -> str | None:
    """Use the code up, and store what hangs on it; returns the first refresh token. Raises: InvalidGrant."""
    code, sign_in = decision.code, decision.sign_in
    assert code is not None and sign_in is not None  # noqa: S101, PT018 - check sets both
    party = request.client.relying_party
    is_told = party.backchannel_logout_uri is not None or party.frontchannel_logout_uri is not None
    if code.offline or is_told or sign_in.family_id is not None or target.token_format == OPAQUE:
        # Else the use is all that is written: one statement, which needs no transaction around it.
        uow.begin()
    if not uow.codes.consume(code.code_hash, request.now, kept_until=_kept_until(target, request.now)):
        raise _replayed(code, request)
    if code.offline:
        uow.sessions.add(_own_session(decision, request, issuing))
    if is_told:
        uow.browser_sessions.join(code.sign_in.session_id, request.client.id, request.now)
    return None if sign_in.family_id is None else start_family(decision, target, request, uow, issuing)


def _find(presented: str, request: GrantRequest, uow: UnitOfWork) -> CodeState:
    """Return the client's own unused code. Another client cannot even use it up. Raises: InvalidGrant."""
    client = request.client
    if not opaque.is_well_formed(opaque.AUTHORIZATION_CODE, presented):
        raise _refused("code_malformed")
    state = uow.codes.find(opaque.hash_secret(presented))
    if state is None:
        raise _refused("code_unknown")
    code = state.code
    if code.client_id != client.id:
        raise _refused("code_of_another_client")
    if code.created_at < client.created_at:
        # A client was deleted, and another has its id now: what the first one was given is not its.
        raise _refused("code_of_earlier_client")
    return state


def _check_redirect_uri(code: AuthorizationCode, request: GrantRequest) -> None:
    """Refuse another redirect URI than the one that the code was sent to. Raises: InvalidGrant.

    Who stole a code in another way cannot say it (RFC 6749 §10.6). OAuth 2.1 leaves this to the verifier, and so may a
    client of that profile say nothing.
    """
    presented = request.parameters.get("redirect_uri")
    if code.redirect_uri is None:
        registered = request.client.relying_party.redirect_uris
        if presented is not None and registered != (presented,):
            raise _refused("code_redirect_uri")
        return
    may_be_silent = request.client.profile != "oidc" and code.code_challenge is not None
    if presented != code.redirect_uri and not (presented is None and may_be_silent):
        raise _refused("code_redirect_uri")


def _check_verifier(code: AuthorizationCode, request: GrantRequest) -> None:
    """Refuse who cannot answer the challenge, and who answers one that was never made. Raises: InvalidGrant.

    The second is a downgrade: somebody took the challenge out of the request (RFC 9700 §4.8.2).
    """
    verifier = request.parameters.get("code_verifier")
    if code.code_challenge is None:
        if verifier is not None:
            raise _refused("pkce_downgrade")
    elif verifier is None or not answers(verifier, code.code_challenge):
        raise _refused("pkce_verifier")


def _person(state: CodeState, request: GrantRequest) -> User:
    """Return the person, if nothing is over that the code stands on. Raises: InvalidGrant."""
    code, session, user, now = state.code, state.session, state.user, request.now
    user_id = code.sign_in.user_id
    if code.consumed_at is not None:
        raise _replayed(code, request)
    if now >= code.expires_at or now < code.created_at - _SKEW:
        # From a clock that is ahead, or before ours was set back: it would last longer than its minute.
        raise _refused("code_expired")
    if session is None or not session.is_alive(now):
        raise InvalidGrant("the session has ended", rule="session_over").about(user_id=user_id)
    if user is None or user.disabled_at is not None:
        raise InvalidGrant("the account is disabled", rule="account_disabled").about(user_id=user_id)
    return user


def _kept_until(target: Target, now: datetime) -> datetime | None:
    """Return until when the code is kept beyond its usual time: a token that nobody can name nobody can end."""
    lives = timedelta(seconds=target.lifetime_seconds)
    return now + lives if lives > timedelta(seconds=KEPT_SECONDS) else None


def _own_session(decision: Decision, request: GrantRequest, issuing: Issuing) -> Session:
    sign_in, lifetimes = decision.sign_in, issuing.lifetimes
    assert sign_in is not None  # noqa: S101 - check sets it
    return Session(
        id=sign_in.session_id,
        user_id=sign_in.user_id,
        client_id=request.client.id,
        authenticated_at=sign_in.authenticated_at,
        amr=sign_in.amr,
        expires_at=request.now + timedelta(seconds=max(lifetimes.session, lifetimes.refresh)),
    )


def _replayed(code: AuthorizationCode, request: GrantRequest) -> InvalidGrant:
    """Return the refusal of a second use: one of the two who know the code has stolen it, so that both have nothing.

    Source: RFC 6749 §4.1.2, RFC 9700 §4.5.
    """
    refusal = _refused("code_replayed", keep=(partial(_end, code=code, now=request.now),))
    return refusal.about(user_id=code.sign_in.user_id)


def _end(uow: UnitOfWork, *, code: AuthorizationCode, now: datetime) -> None:
    uow.access_tokens.revoke(code.token_id, now + _LONGEST)
    if code.sign_in.family_id is not None:
        uow.families.end(code.sign_in.family_id, now)


def _refused(rule: str, *, keep: tuple[Effect, ...] = ()) -> InvalidGrant:
    return InvalidGrant("the code is unknown, expired, used or not for this request", rule=rule, keep=keep)
