"""The sign-in that a browser holds: how it begins, is renewed by the same person, and ends.

What was known before a sign-in is worth nothing after it: every one gives the browser a secret that nobody has seen.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from authsvc.crypto import opaque
from authsvc.domain.ports import HashPermit, UnitOfWork
from authsvc.domain.sign_in.session_ends import end_session
from authsvc.domain.sign_in.sessions import BROWSER, BrowserSession, Session, Visitor
from authsvc.protocol.grant import Issuing

MAX_USER_AGENT = 300


@dataclass(frozen=True, slots=True)
class Visit:
    """A request of a browser: from where, with what, and who its cookie says was here (alive or not)."""

    address: str
    user_agent: str
    request_id: str
    now: datetime
    permit: HashPermit
    visitor: Visitor | None


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in of a browser, and the secret of its new cookie."""

    session_id: UUID
    secret: str


def begin_session(user_id: UUID, amr: tuple[str, ...], visit: Visit, uow: UnitOfWork, issuing: Issuing) -> Begun:
    """Store that this person has just signed in here, by these means (RFC 8176), and return the new cookie's secret.

    The same person keeps the session, so that clients know them again; another person's is ended, with all that
    clients hold of it. Raises: Conflict if the user is gone.
    """
    uow.begin()
    old, secret = visit.visitor, opaque.new_secret(opaque.SESSION)
    is_theirs = old is not None and old.user.id == user_id and old.browser.session.is_alive(visit.now)
    browser = _browser(user_id, amr, secret, visit, issuing)
    if old is not None and is_theirs:
        kept = replace(browser, session=replace(browser.session, id=old.browser.session.id))
        if uow.browser_sessions.renew(kept, instead_of=old.browser.secret_hash):
            return Begun(kept.session.id, secret)
    elif old is not None and old.browser.session.ended_at is None:
        end_session(old.browser.session, uow, visit.now)
    uow.browser_sessions.add(browser)
    return Begun(browser.session.id, secret)


def _browser(user_id: UUID, amr: tuple[str, ...], secret: str, visit: Visit, issuing: Issuing) -> BrowserSession:
    now, lifetimes = visit.now, issuing.lifetimes
    return BrowserSession(
        session=Session(
            id=uuid4(),
            user_id=user_id,
            client_id=BROWSER,
            authenticated_at=now,
            amr=amr,
            expires_at=now + timedelta(seconds=lifetimes.session),
        ),
        secret_hash=opaque.hash_secret(secret),
        idle_expires_at=now + timedelta(seconds=lifetimes.browser_idle),
        seen_at=now,
        address=visit.address,
        user_agent=visit.user_agent[:MAX_USER_AGENT],
    )
