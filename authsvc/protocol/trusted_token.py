"""A JWT of a trusted issuer, and which user it names; jwt-bearer and token exchange share it."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from authsvc.crypto import jws
from authsvc.crypto.errors import TokenError
from authsvc.domain.documents import FetchFailed
from authsvc.domain.parties.trusted_issuers import TrustedIssuer
from authsvc.domain.people.users import MAX_LOGIN_CHARACTERS, User, canonical_login
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.sign_in.sessions import Session
from authsvc.domain.tokens.content import SignIn, Target
from authsvc.protocol.audit import record
from authsvc.protocol.errors import InvalidGrant
from authsvc.protocol.grant import Decision, GrantRequest, Issuing, TrustedWord
from authsvc.protocol.stranger_keys import find_keys

LEEWAY_SECONDS = 60
"""How far a stranger's clock may differ from ours."""

_ADDRESS = "@"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the token must be: of an issuer trusted for `purpose`, of one of these `typ`, for one of `audiences`.

    The tenant's issuer, and the audiences that the trusted issuer is registered with, count besides.
    """

    purpose: str
    types: frozenset[str | None]
    audiences: frozenset[str] = frozenset()
    required: frozenset[str] = frozenset({"iss", "sub", "aud", "exp"})


@dataclass(frozen=True, slots=True)
class TrustedToken:
    """A token that counts, and the enabled user whom it names."""

    issuer: TrustedIssuer
    claims: Mapping[str, Any]
    user: User
    expires_at: datetime

    def sign_in(self, now: datetime) -> SignIn:
        """Return a new sign-in, not yet stored; without `amr`, for how the person proved who they are is hearsay."""
        return SignIn(self.user.id, uuid4(), self._authenticated_at(now), ())

    def word(self) -> TrustedWord:
        """Return what `store_session` must know of it; it counts until the last clock that is forgiven has passed."""
        last = self.expires_at + timedelta(seconds=LEEWAY_SECONDS)
        return TrustedWord(self.issuer.issuer, self.claims.get("jti"), last)

    def _authenticated_at(self, now: datetime) -> datetime:
        told = self.claims.get("auth_time", self.claims.get("iat"))
        # A bool is an int to Python, but no instant.
        if type(told) not in (int, float) or not 0 <= told <= now.timestamp():
            return now
        return datetime.fromtimestamp(told, UTC)


def judge_trusted_token(
    presented: str, wanted: Wanted, request: GrantRequest, uow: UnitOfWork, issuing: Issuing
) -> TrustedToken:
    """Return the token and its user; reads only. Raises: InvalidGrant, FetchBusy. Source: RFC 7523 §3."""
    try:
        unverified = jws.peek(presented)
    except TokenError as error:
        raise _refused("the token is not a signed JWT", error.rule) from error
    issuer = _issuer(unverified.claims.get("iss"), wanted.purpose, request, uow)
    expected = jws.StrangerExpectation(
        algorithms=issuer.algorithms,
        types=wanted.types,
        issuer=issuer.issuer,
        audience=wanted.audiences | issuer.audiences | {request.tenant.issuer},
        leeway_seconds=LEEWAY_SECONDS,
        required=wanted.required,
    )
    try:
        keys = find_keys(issuer.jwks, issuer.jwks_uri, issuer.algorithms, unverified.kid, issuing.fetcher)
        claims = jws.verify_stranger(presented, keys, expected, request.now.timestamp())
    except FetchFailed as error:
        raise _refused("the keys of the token's issuer cannot be read now", error.detail) from error
    except TokenError as error:
        raise _refused("the token is invalid or expired, or not for this server", error.rule) from error
    _check_life(claims, issuer, request.now)
    if "cnf" in claims:
        # Taken as a bearer token it would be worth stealing again.
        raise _refused("the token is bound to a key, which cannot be proved here", "cnf")
    return TrustedToken(issuer, claims, _named(claims, issuer, uow), datetime.fromtimestamp(claims["exp"], UTC))


def store_session(decision: Decision, target: Target, request: GrantRequest, uow: UnitOfWork) -> None:
    """Store the session of a sign-in by a trusted issuer's word, for as long as its token lives.

    The user is read again within the transaction: they may have gone since. Raises: InvalidGrant.
    """
    sign_in = decision.sign_in
    assert sign_in is not None  # noqa: S101 - who calls this has decided for a person
    uow.begin()
    user = uow.users.get(sign_in.user_id)
    if user is None or user.disabled_at is not None:
        raise _nobody("gone or disabled meanwhile")
    uow.sessions.add(
        Session(
            id=sign_in.session_id,
            user_id=sign_in.user_id,
            client_id=request.client.id,
            authenticated_at=sign_in.authenticated_at,
            amr=sign_in.amr,
            expires_at=request.now + timedelta(seconds=target.lifetime_seconds),
        )
    )
    record(uow, request, "login.by_trusted_issuer", user_id=sign_in.user_id, client_id=request.client.id)


def _issuer(name: object, purpose: str, request: GrantRequest, uow: UnitOfWork) -> TrustedIssuer:
    found = uow.issuers.get(name) if isinstance(name, str) else None
    # What this server signs is judged as its own, or not at all: an ID token must not sign anybody in.
    if found is None or not found.is_trusted_for(purpose) or found.issuer == request.tenant.issuer:
        raise _refused("the issuer of the token is not trusted here for this", "issuer")
    return found


def _check_life(claims: Mapping[str, Any], issuer: TrustedIssuer, now: datetime) -> None:
    begins = min(claims.get("iat", now.timestamp()), now.timestamp())
    if claims["exp"] - begins > issuer.max_token_seconds:
        raise _refused("the token lives longer than its issuer may let it live", "lifetime")


def _named(claims: Mapping[str, Any], issuer: TrustedIssuer, uow: UnitOfWork) -> User:
    """Return the user of the subject claim; one refusal for all reasons, so that nobody learns who has an account."""
    subject = claims.get(issuer.subject_claim)
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_LOGIN_CHARACTERS or not issuer.may_name(subject):
        raise _nobody("a subject that the issuer may not name")
    user = _found(subject, claims, issuer, uow)
    if user is None:
        raise _nobody("unknown")
    if user.disabled_at is not None:
        raise _nobody("disabled").about(user_id=user.id)
    return user


def _found(subject: str, claims: Mapping[str, Any], issuer: TrustedIssuer, uow: UnitOfWork) -> User | None:
    if issuer.subject_kind == "user_id":
        return _by_id(subject, uow)
    is_address = _ADDRESS in subject
    if issuer.subject_kind == "username":
        # Names and addresses share one look-up: who may choose their name there must not choose an address here.
        user = None if is_address else uow.users.find_by_login(canonical_login(subject))
        return user if user is not None and _is_same(subject, user.username) else None
    if not is_address or claims.get("email_verified") is not True:
        return None
    user = uow.users.find_by_login(canonical_login(subject))
    return user if user is not None and _is_same(subject, user.email) else None


def _is_same(subject: str, ours: str | None) -> bool:
    """Whether the issuer means this name or address, up to case.

    The look-up takes much for one spelling (a wide @, fass and faß, white space) that is somebody else's elsewhere.
    A text out of normal form is nobody's: a mark that joins the letter before it could outrun the rule for subjects.
    """
    return ours is not None and subject.lower() == unicodedata.normalize("NFC", ours).lower()


def _by_id(subject: str, uow: UnitOfWork) -> User | None:
    try:
        user_id = UUID(subject)
    except ValueError:
        return None
    return uow.users.get(user_id) if str(user_id) == subject else None


def _nobody(detail: str) -> InvalidGrant:
    return InvalidGrant("the token names nobody who may sign in here", detail=detail, rule="trusted_subject")


def _refused(description: str, detail: str) -> InvalidGrant:
    return InvalidGrant(description, detail=f"{description}: {detail}", rule="trusted_token")
