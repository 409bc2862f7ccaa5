"""Refresh tokens: a family is one row, a token names family and generation, a successor is derived.

Any node can recompute the successor of a presented token, and the database holds hashes only.
"""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from authsvc.crypto import opaque
from authsvc.crypto.errors import OpaqueInvalid
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.sign_in.sessions import FamilyState, RefreshFamily
from authsvc.domain.tokens.content import SignIn, Target
from authsvc.protocol.claims import asked_of_userinfo
from authsvc.protocol.errors import InvalidGrant
from authsvc.protocol.grant import Decision, GrantRequest, Issuing, PresentedFamily

_SKEW = timedelta(seconds=60)
"""How far the clock of the node that rotated may be ahead of ours."""


@dataclass(frozen=True, slots=True)
class _Standing:
    """How a presented token stands to its family."""

    is_current: bool
    is_previous: bool
    is_recent: bool


def start_family(decision: Decision, target: Target, request: GrantRequest, uow: UnitOfWork, issuing: Issuing) -> str:
    """Store the family of the sign-in, for what the target allows and no more; returns its first token."""
    lifetimes, now, sign_in, code = issuing.lifetimes, request.now, decision.sign_in, decision.code
    assert sign_in is not None and sign_in.family_id is not None  # noqa: S101, PT018 - who calls this has named it
    token = opaque.new_refresh_token(sign_in.family_id)
    uow.families.add(
        RefreshFamily(
            id=token.family_id,
            session_id=sign_in.session_id,
            user_id=sign_in.user_id,
            client_id=request.client.id,
            scopes=target.scopes,
            resources=frozenset(target.audiences),
            current_hash=opaque.refresh_token_hash(token),
            previous_hash=None,
            generation=token.generation,
            rotated_at=now,
            created_at=now,
            idle_expires_at=now + timedelta(seconds=lifetimes.refresh_idle),
            expires_at=now + timedelta(seconds=lifetimes.refresh),
            userinfo_claims=frozenset() if code is None else asked_of_userinfo(code.claims),
            told_session_id=code.sign_in.session_id if code is not None and code.offline else None,
            authenticated_at=sign_in.authenticated_at,
            amr=sign_in.amr,
        )
    )
    return opaque.encode_refresh_token(token, issuing.keyring.opaque_key(uow, now))


def find_family(
    presented: str, uow: UnitOfWork, issuing: Issuing, now: datetime
) -> tuple[PresentedFamily, FamilyState]:
    """Return the family of a presented token, whatever its state. Raises: InvalidGrant if it is none of ours."""
    try:
        token = opaque.decode_refresh_token(presented, issuing.keyring.opaque_key(uow, now))
    except OpaqueInvalid as error:
        raise InvalidGrant("the refresh token is malformed", rule="refresh_token_malformed") from error
    state = uow.families.find(token.family_id)
    if state is None:
        raise InvalidGrant("the refresh token is unknown", rule="refresh_token_unknown")
    return PresentedFamily(token, state.family), state


def sign_in_of(state: FamilyState) -> SignIn:
    """Return the sign-in that the family descends from: a later one on the same session makes no token of it younger.

    Source: OpenID Connect Core §12.2, RFC 9068 §2.2.1.
    """
    family, session = state.family, state.session
    return SignIn(
        user_id=family.user_id,
        session_id=session.id,
        authenticated_at=family.authenticated_at or session.authenticated_at,
        amr=session.amr if family.amr is None else family.amr,
        family_id=family.id,
    )


def check_presented(presented: PresentedFamily, issuing: Issuing, now: datetime) -> None:
    """Refuse a token that is no longer good for a refresh.

    The previous token passes for a few seconds (its answer may have been lost, or a twin was quicker). An older one
    that comes back late was stolen, or its thief was quicker: the family ends. Source: RFC 9700 §4.14.2.
    Raises: InvalidGrant.
    """
    standing = _standing(presented, issuing.lifetimes.refresh_retry, now)
    if standing.is_current or (standing.is_previous and standing.is_recent):
        return
    if standing.is_recent:
        raise InvalidGrant("the refresh token was already used", rule="refresh_token_superseded")
    family_id = presented.family.id
    raise InvalidGrant(
        "the refresh token was already used; all that descend from the same sign-in are revoked",
        rule="refresh_token_reused",
        keep=(partial(_end_family, family_id=family_id, now=now),),
    )


def rotate(presented: PresentedFamily, uow: UnitOfWork, issuing: Issuing, now: datetime) -> str:
    """Use the token up and return its successor: the same one for every presenter within the retry window.

    Raises: InvalidGrant if another token of the family was quicker.
    """
    key = issuing.keyring.opaque_key(uow, now)
    successor = opaque.successor(presented.token, key)
    answer = opaque.encode_refresh_token(successor, key)
    if not _standing(presented, issuing.lifetimes.refresh_retry, now).is_current:
        return answer
    uow.begin()
    rotated = uow.families.rotate(
        presented.family.id,
        presented_hash=presented.family.current_hash,
        successor_hash=opaque.refresh_token_hash(successor),
        generation=presented.family.generation,
        now=now,
        idle_expires_at=now + timedelta(seconds=issuing.lifetimes.refresh_idle),
    )
    if not rotated:
        _check_twin(presented, uow, issuing, now)
    return answer


def _check_twin(presented: PresentedFamily, uow: UnitOfWork, issuing: Issuing, now: datetime) -> None:
    """The row changed between look and use: a twin request may have made the very same successor current."""
    state = uow.families.find(presented.family.id)
    if state is None or not state.family.is_alive(now):
        raise InvalidGrant("the session has ended", rule="family_over")
    standing = _standing(PresentedFamily(presented.token, state.family), issuing.lifetimes.refresh_retry, now)
    if not (standing.is_previous and standing.is_recent):
        raise InvalidGrant("the refresh token was already used", rule="refresh_token_superseded")


def _standing(presented: PresentedFamily, retry_seconds: int, now: datetime) -> _Standing:
    family = presented.family
    digest = opaque.refresh_token_hash(presented.token)
    return _Standing(
        is_current=hmac.compare_digest(digest, family.current_hash),
        is_previous=family.previous_hash is not None and hmac.compare_digest(digest, family.previous_hash),
        # A clock that was set back must not make it recent again.
        is_recent=-_SKEW <= now - family.rotated_at <= timedelta(seconds=retry_seconds),
    )


def _end_family(uow: UnitOfWork, *, family_id: UUID, now: datetime) -> None:
    uow.families.end(family_id, now)
