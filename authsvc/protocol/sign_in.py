"""A sign-in by name and password as a decision, and what it stores; /login and the password grant share it.

The proof itself (`prove_password`) is that of the sign-in page too.
"""

from datetime import datetime, timedelta
from uuid import uuid4

from authsvc.domain.people import login
from authsvc.domain.people.login import BEGUN, PASSWORD, PasswordAttempt, ProvedUser, advance, means_of
from authsvc.domain.people.passwords import MAX_PASSWORD_BYTES, is_endless
from authsvc.domain.people.users import MAX_LOGIN_CHARACTERS
from authsvc.domain.ports import HashPermit, UnitOfWork
from authsvc.domain.sign_in.sessions import Session
from authsvc.domain.tokens.content import SignIn, Target
from authsvc.errors import DomainError
from authsvc.protocol.audit import record
from authsvc.protocol.errors import InvalidRequest
from authsvc.protocol.grant import Decision, GrantRequest, Issuing
from authsvc.protocol.tokens.refresh_token import start_family


def prove_password(
    attempt: PasswordAttempt, permit: HashPermit, now: datetime, uow: UnitOfWork, issuing: Issuing
) -> tuple[ProvedUser, tuple[str, ...]]:
    """Return whose password it is, and the means of this sign-in (`amr`); counts how it ended.

    Raises: Throttled, BadCredentials, AccountDisabled; OutOfTurn if this person needs more than a password.
    """
    try:
        proved = login.check_password(attempt, uow.users, uow.attempts, permit, issuing.lockout, now)
        return proved, means_of(advance(BEGUN, PASSWORD, proved.user), proved.user)
    except DomainError as error:
        issuing.metrics.login(error.rule)
        raise


def decide_by_password(request: GrantRequest, uow: UnitOfWork, issuing: Issuing) -> Decision:
    """Decide for the person whose password this is.

    Raises: InvalidRequest if a parameter is missing or overlong; Throttled, BadCredentials, AccountDisabled.
    """
    username, password = request.parameters.get("username"), request.parameters.get("password")
    if username is None or password is None:
        raise InvalidRequest("username and password are required")
    if len(username) > MAX_LOGIN_CHARACTERS:
        raise InvalidRequest(f"username has at most {MAX_LOGIN_CHARACTERS} characters")
    if is_endless(password):
        raise InvalidRequest(f"password has at most {MAX_PASSWORD_BYTES} bytes")
    attempt = PasswordAttempt(username, password, request.address)
    proved, amr = prove_password(attempt, request.permit, request.now, uow, issuing)
    family_id = uuid4() if "refresh_token" in request.client.grant_types else None
    sign_in = SignIn(proved.user.id, uuid4(), request.now, amr, family_id)
    return Decision(
        subject=str(proved.user.id),
        scopes=request.client.scopes,
        resources=request.client.resources,
        sign_in=sign_in,
        proved=proved,
    )


def store_sign_in(
    decision: Decision, target: Target, request: GrantRequest, uow: UnitOfWork, issuing: Issuing
) -> str | None:
    """Store the session and what a right password changes; returns the first refresh token of a new family."""
    sign_in, proved = decision.sign_in, decision.proved
    assert sign_in is not None and proved is not None  # noqa: S101, PT018 - decide_by_password sets both
    uow.begin()
    login.record_success(proved, uow.users, uow.attempts)
    uow.sessions.add(
        Session(
            id=sign_in.session_id,
            user_id=sign_in.user_id,
            client_id=request.client.id,
            authenticated_at=sign_in.authenticated_at,
            amr=sign_in.amr,
            expires_at=request.now + timedelta(seconds=_session_seconds(request, issuing)),
        )
    )
    record(uow, request, "login.succeeded", user_id=sign_in.user_id, client_id=request.client.id)
    issuing.metrics.login("succeeded")
    if sign_in.family_id is None:
        return None
    return start_family(decision, target, request, uow, issuing)


def _session_seconds(request: GrantRequest, issuing: Issuing) -> int:
    """An app that may refresh keeps its session as long as its refresh tokens can last."""
    lifetimes = issuing.lifetimes
    can_refresh = "refresh_token" in request.client.grant_types
    return max(lifetimes.session, lifetimes.refresh) if can_refresh else lifetimes.session
