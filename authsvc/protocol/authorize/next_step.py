"""What is wanting before the client can be answered: decided here alone, from what is known, and from nothing else."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from authsvc.domain.sign_in.consents import Consent
from authsvc.domain.sign_in.sessions import Visitor
from authsvc.protocol.acr import ACR_VALUES, acr_of
from authsvc.protocol.authorize.claims import essential_acr_values
from authsvc.protocol.authorize.consent import is_covered, is_trusted
from authsvc.protocol.authorize.prompt import CONSENT, CREATE, LOGIN, NONE, SELECT_ACCOUNT
from authsvc.protocol.authorize.request import AuthorizationRequest
from authsvc.protocol.errors import (
    AccessDenied,
    ConsentRequired,
    LoginRequired,
    UnmetAuthenticationRequirements,
)


class Step(StrEnum):
    """A page that the person has to see, or the answer."""

    LOGIN = "login"
    SELECT_ACCOUNT = "select_account"
    CREATE = "create"
    CONSENT = "consent"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class Errand:
    """What has happened in this errand: the prompts answered, the sign-in that it stands on, whether they said no."""

    done: frozenset[str] = frozenset()
    session_id: UUID | None = None
    denied: bool = False


@dataclass(frozen=True, slots=True)
class Present:
    """Who is here: the visitor of the browser's cookie, as the client knows them, and what they allowed it."""

    visitor: Visitor
    subject: str
    consent: Consent | None


NOTHING_DONE = Errand()


def next_step(request: AuthorizationRequest, present: Present | None, errand: Errand, now: datetime) -> Step:
    """Return the next step.

    What was answered counts only for the sign-in that it was answered in: a change of person meanwhile begins anew.
    Raises: AccessDenied, LoginRequired, ConsentRequired, UnmetAuthenticationRequirements.
    Source: OpenID Connect Core §3.1.2.3, §3.1.2.4, §3.1.2.6.
    """
    if errand.denied:
        raise AccessDenied("the person said no")
    wanted_acr = essential_acr_values(request.claims)
    if wanted_acr is not None and wanted_acr.isdisjoint(ACR_VALUES):
        raise UnmetAuthenticationRequirements("no sign-in here reaches what acr asks for")
    here = present if present is not None and present.visitor.is_signed_in(now) else None
    done = _done(here, errand)
    if page := _person(request, here, done, now):
        if NONE in request.prompts:
            raise LoginRequired("nobody is signed in as this request wants it")
        return page
    assert here is not None  # noqa: S101 - without anybody _person names a page
    if _wants_consent(request, here, done):
        if NONE in request.prompts:
            raise ConsentRequired("the person has not agreed to this yet")
        return Step.CONSENT
    return Step.ANSWER


def _done(here: Present | None, errand: Errand) -> frozenset[str]:
    return errand.done if here is not None and here.visitor.browser.session.id == errand.session_id else frozenset()


def _person(request: AuthorizationRequest, here: Present | None, done: frozenset[str], now: datetime) -> Step | None:
    """Return the page that brings the right person, freshly enough signed in; None if they are here."""
    signed_in_here = not done.isdisjoint({LOGIN, CREATE})
    if CREATE in request.prompts and not signed_in_here:
        return Step.CREATE
    if here is None:
        return Step.LOGIN
    if SELECT_ACCOUNT in request.prompts and not signed_in_here and SELECT_ACCOUNT not in done:
        return Step.SELECT_ACCOUNT
    if signed_in_here:
        _refuse_wrong(request, here)
        return None
    is_wanted = LOGIN in request.prompts or _is_too_old(request, here, now)
    return Step.LOGIN if is_wanted or not _is_right(request, here) or not _has_acr(request, here) else None


def _refuse_wrong(request: AuthorizationRequest, here: Present) -> None:
    """Who has just signed in is asked no second time. Raises: LoginRequired, UnmetAuthenticationRequirements."""
    if not _is_right(request, here):
        raise LoginRequired("another person signed in than the one that is asked for")
    if not _has_acr(request, here):
        raise UnmetAuthenticationRequirements("the sign-in does not reach what acr asks for")


def _is_too_old(request: AuthorizationRequest, here: Present, now: datetime) -> bool:
    if request.max_age_seconds is None:
        return False
    # 0 asks for a new sign-in whenever that was (Core §3.1.2.1 of 2023).
    age = now - here.visitor.browser.session.authenticated_at
    return request.max_age_seconds == 0 or age > timedelta(seconds=request.max_age_seconds)


def _is_right(request: AuthorizationRequest, here: Present) -> bool:
    return all(here.subject in subjects for subjects in request.subjects)


def _has_acr(request: AuthorizationRequest, here: Present) -> bool:
    wanted = essential_acr_values(request.claims)
    return wanted is None or acr_of(here.visitor.browser.session.amr) in wanted


def _wants_consent(request: AuthorizationRequest, here: Present, done: frozenset[str]) -> bool:
    if CONSENT in request.prompts and CONSENT not in done:
        return True
    if is_trusted(request.client):
        return False
    return not is_covered(request, here.consent)
