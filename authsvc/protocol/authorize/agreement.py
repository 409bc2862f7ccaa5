"""What a person says to a client's request: yes, no, or with which account. Each is stored, and decides nothing."""

from dataclasses import dataclass, replace
from hashlib import sha256

from authsvc.domain.ports import UnitOfWork
from authsvc.domain.sign_in.consents import Consent
from authsvc.domain.sign_in.continuations import Continuation
from authsvc.domain.sign_in.sessions import Visitor
from authsvc.protocol.audit import Happening, record
from authsvc.protocol.authorize.prompt import CONSENT, SELECT_ACCOUNT
from authsvc.protocol.authorize.request import AuthorizationRequest
from authsvc.protocol.claims import beyond_scopes


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client asks of a person."""

    scopes: frozenset[str]
    resources: frozenset[str]
    claims: frozenset[str]

    def digest(self, visitor: Visitor) -> str:
        """Return what ties a form to this wish and this person: nobody agrees to what they were not shown."""
        parts = (str(visitor.user.id), *sorted(self.scopes), "", *sorted(self.resources), "", *sorted(self.claims))
        return sha256("\x1f".join(parts).encode()).hexdigest()


def whole_wish(request: AuthorizationRequest) -> Wish:
    """Return everything that the request asks for."""
    return Wish(request.scopes, request.audiences, beyond_scopes(request.claims, request.scopes))


def new_in(wish: Wish, consent: Consent | None) -> Wish:
    """Return what was not allowed before; all of it where nothing is new, for then it was asked for again."""
    if consent is None or consent.covers(wish.scopes, wish.resources, wish.claims):
        return wish
    return Wish(wish.scopes - consent.scopes, wish.resources - consent.resources, wish.claims - consent.claims)


def allow(
    flow: Continuation, request: AuthorizationRequest, visitor: Visitor, happening: Happening, uow: UnitOfWork
) -> None:
    """Store that the person said yes. Raises: Conflict if user, client or errand is gone or changed."""
    wish, now = whole_wish(request), happening.now
    uow.begin()
    given = Consent(visitor.user.id, request.client.id, wish.scopes, wish.resources, wish.claims, now, now)
    uow.consents.give(given)
    uow.continuations.save(_done(flow, visitor, CONSENT))
    record(uow, happening, "consent.given", user_id=visitor.user.id, client_id=request.client.id)


def deny(flow: Continuation, visitor: Visitor, happening: Happening, uow: UnitOfWork) -> None:
    """Store that the person said no. Raises: Conflict."""
    uow.begin()
    uow.continuations.save(replace(flow, denied=True))
    record(uow, happening, "consent.denied", user_id=visitor.user.id, client_id=flow.client_id)


def select(flow: Continuation, visitor: Visitor, uow: UnitOfWork) -> None:
    """Store that the person goes on with the account that is signed in here. Raises: Conflict."""
    uow.begin()
    uow.continuations.save(_done(flow, visitor, SELECT_ACCOUNT))


def _done(flow: Continuation, visitor: Visitor, prompt: str) -> Continuation:
    """What was done in another sign-in counts no more."""
    session_id = visitor.browser.session.id
    done = flow.done if flow.session_id == session_id else frozenset()
    return replace(flow, session_id=session_id, done=done | {prompt})
