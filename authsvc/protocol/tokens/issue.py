"""The only mint: turns what was granted into the token answer (RFC 6749 §5.1)."""

from dataclasses import dataclass, field, replace

from authsvc.crypto.algorithms import QUICK_ALGORITHMS
from authsvc.domain.parties.resources import OPAQUE
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.tokens.content import SignIn, Target
from authsvc.errors import LaneNeeded
from authsvc.protocol.errors import InvalidGrant
from authsvc.protocol.grant import Decision, GrantRequest, Issuing
from authsvc.protocol.subjects import session_for, subject_for
from authsvc.protocol.tokens.access_token import sign_access_token, store_access_token
from authsvc.protocol.tokens.id_token import Subject, sign_id_token


@dataclass(frozen=True, slots=True)
class Granted:
    """What the phases before came to: the decision, the narrowed target, and the refresh token to hand out."""

    decision: Decision
    target: Target
    refresh_token: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """The successful answer; `expires_in` in seconds."""

    access_token: str = field(repr=False)
    expires_in: int
    scope: str
    refresh_token: str | None = field(repr=False)
    id_token: str | None = field(repr=False)
    issued_token_type: str | None = None


def mint(granted: Granted, request: GrantRequest, uow: UnitOfWork, issuing: Issuing) -> TokenAnswer:
    """Make the tokens. Keys are opened once a process: one signature, or two with an ID token."""
    target = granted.target
    access_token = _access_token(granted, request, uow, issuing)
    return TokenAnswer(
        access_token=access_token,
        expires_in=target.lifetime_seconds,
        scope=" ".join(sorted(target.scopes)),
        refresh_token=granted.refresh_token,
        id_token=_id_token(granted, access_token, request, uow, issuing),
        issued_token_type=granted.decision.issued_token_type,
    )


def _access_token(granted: Granted, request: GrantRequest, uow: UnitOfWork, issuing: Issuing) -> str:
    """Make it in the form that its resource wants: a signed one, or a reference to what is stored."""
    target = granted.target
    decision = granted.decision
    if decision.sign_in is not None:
        # The client knows the person by one name, whichever token tells it (OpenID Connect Core §5.3.2).
        name = subject_for(decision.sign_in.user_id, request.client, issuing.keyring, uow, request.now)
        decision = replace(decision, subject=name, sign_in=_as_told(decision.sign_in, request, uow, issuing))
    if target.token_format == OPAQUE:
        return store_access_token(request, decision, target, uow)
    if uow.from_memory and target.algorithm not in QUICK_ALGORITHMS:
        # One such signature would keep every other connection of the process waiting.
        raise LaneNeeded
    key = issuing.keyring.signing_key(target.algorithm, uow, request.now)
    return sign_access_token(request, decision, target, key)


def _id_token(
    granted: Granted, access_token: str, request: GrantRequest, uow: UnitOfWork, issuing: Issuing
) -> str | None:
    sign_in, scopes = granted.decision.sign_in, granted.target.scopes
    if sign_in is None or "openid" not in scopes:
        return None
    decision, client = granted.decision, request.client
    user = decision.proved.user if decision.proved else decision.user or uow.users.get(sign_in.user_id)
    if user is None:
        raise InvalidGrant("the account is gone", rule="account_gone")
    subject = Subject(
        user=user,
        name=subject_for(user.id, client, issuing.keyring, uow, request.now),
        sign_in=_as_told(_first_told(decision, sign_in), request, uow, issuing),
        scopes=scopes,
        access_token=access_token,
        code=decision.code,
    )
    key = issuing.keyring.signing_key(client.id_token_algorithm, uow, request.now)
    return sign_id_token(request, subject, key, issuing.lifetimes.id_token)


def _as_told(sign_in: SignIn, request: GrantRequest, uow: UnitOfWork, issuing: Issuing) -> SignIn:
    """Return the sign-in with the name that the client knows its session by."""
    told = session_for(sign_in.session_id, request.client, issuing.keyring, uow, request.now)
    return replace(sign_in, session_id=told)


def _first_told(decision: Decision, sign_in: SignIn) -> SignIn:
    """Return the sign-in with the session that the client's first ID token names: the browser's.

    What is granted for offline use has a session of its own, of which no client is told. An ID token that comes of a
    refresh names the same one as the first: it tells of that sign-in still (OpenID Connect Core §12.2).
    """
    if decision.code is not None:
        return decision.code.sign_in
    told = decision.presented.family.told_session_id if decision.presented is not None else None
    return sign_in if told is None else replace(sign_in, session_id=told)
