"""An authorization request from its arrival to its answer, over as many pages as it takes.

No page knows of another: each does its one thing and sends the browser to `resume`, which judges the stored request
anew and asks `next_step`. What can be answered at once is stored nowhere.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from authsvc.crypto import opaque
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.sign_in.continuations import ACCOUNT, AUTHORIZE, Continuation
from authsvc.domain.sign_in.flows import FlowOver, ForeignBrowser, find_flow, open_flow
from authsvc.domain.tenants import Tenant
from authsvc.errors import Conflict
from authsvc.protocol.authorize.answer import Answer, answer
from authsvc.protocol.authorize.consent import is_trusted
from authsvc.protocol.authorize.next_step import (
    NOTHING_DONE,
    Errand,
    Present,
    Step,
    next_step,
)
from authsvc.protocol.authorize.parameters import READ_BY_PAGES, known_of
from authsvc.protocol.authorize.pipeline import judge
from authsvc.protocol.authorize.request import AuthorizationRequest, Judging, Parameters
from authsvc.protocol.authorize.stored import opened, sealed
from authsvc.protocol.errors import ProtocolError
from authsvc.protocol.subjects import subject_for


@dataclass(frozen=True, slots=True)
class Browser:
    """What a browser brought: the hashes of its two cookies (see web/cookies.py)."""

    session_hash: str | None
    browser_hash: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """The browser goes on to the page of this name; `handle` is the errand's, None where it has come to its end."""

    name: str
    handle: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How far an errand has come: the request as it counts now, who is here, and the page that is wanted."""

    request: AuthorizationRequest
    present: Present | None
    step: Step


Outcome = Answer | Page
ACCOUNT_PAGE = "account"


def start(given: Parameters, browser: Browser, tenant: Tenant, judging: Judging) -> Outcome:
    """Judge a request and answer it, or keep it for this browser. Raises: ProtocolError with its `way_back`."""
    request = judge(given, tenant, judging)
    present = find_present(request, browser, judging)
    step = _next(request, present, NOTHING_DONE, judging)
    if step is Step.ANSWER and present is not None:
        return answer(request, present, judging)
    return Page(step, _kept(request, browser.browser_hash, present, judging))


def keep(given: Parameters, tenant: Tenant, judging: Judging) -> str:
    """Judge a request and keep it for whichever browser shows the handle first; returns the handle.

    For a POST: another site's carries no cookies, and so says nothing of who is here. Raises: as `start`.
    """
    return _kept(judge(given, tenant, judging), None, None, judging)


def resume(handle: str | None, browser: Browser, tenant: Tenant, judging: Judging) -> Outcome:
    """Go on with an errand of this browser: to the next page, or to its answer, which it has once.

    Raises: FlowOver, ForeignBrowser; ProtocolError with its `way_back`.
    """
    found = open_errand(handle, browser, judging)
    if found.purpose == ACCOUNT:
        return _resume_account(handle, found, browser, judging)
    try:
        standing = where_it_stands(found, browser, tenant, judging)
    except ProtocolError as error:
        error.keep = (*error.keep, partial(_forget, handle_hash=found.handle_hash))
        raise
    if standing.step is not Step.ANSWER or standing.present is None:
        return Page(standing.step, handle)
    _finish(found, judging)
    return answer(standing.request, standing.present, judging)


def where_it_stands(found: Continuation, browser: Browser, tenant: Tenant, judging: Judging) -> Standing:
    """Return how far an errand of a client has come, judging its request anew. Raises: ProtocolError, FetchBusy."""
    at_first = replace(judging, asked_at=found.created_at)
    request = judge(opened(found.parameters, found.handle_hash, judging), tenant, at_first)
    present = find_present(request, browser, judging)
    step = _next(request, present, Errand(found.done, found.session_id, found.denied), judging)
    return Standing(request, present, step)


def open_errand(handle: str | None, browser: Browser, judging: Judging) -> Continuation:
    """Return what this browser came for; one that no browser has yet is bound to this one. Raises: as `open_flow`."""
    uow, now = judging.uow, judging.now
    found = find_flow(handle, uow.continuations, now)
    if found.browser_hash is not None or browser.browser_hash is None:
        return open_flow(handle, browser.browser_hash, uow.continuations, now)
    uow.begin()
    try:
        return uow.continuations.save(replace(found, browser_hash=browser.browser_hash))
    except Conflict as error:
        raise ForeignBrowser("another browser was quicker").about(client_id=found.client_id) from error


def find_present(request: AuthorizationRequest, browser: Browser, judging: Judging) -> Present | None:
    """Return who is here: by one statement, and another where a consent may be needed."""
    uow, client = judging.uow, request.client
    visitor = uow.browser_sessions.find(browser.session_hash) if browser.session_hash is not None else None
    if visitor is None:
        return None
    consent = None if is_trusted(client) else uow.consents.get(visitor.user.id, client.id)
    return Present(visitor, subject_for(visitor.user.id, client, judging.issuing.keyring, uow, judging.now), consent)


def _next(request: AuthorizationRequest, present: Present | None, errand: Errand, judging: Judging) -> Step:
    try:
        return next_step(request, present, errand, judging.now)
    except ProtocolError as error:
        error.about(client_id=request.client.id)
        error.way_back = request.way_back
        raise


def _resume_account(handle: str | None, found: Continuation, browser: Browser, judging: Judging) -> Page:
    held = browser.session_hash
    visitor = judging.uow.browser_sessions.find(held) if held is not None else None
    if visitor is None or not visitor.is_signed_in(judging.now):
        return Page(Step.LOGIN, handle)
    _finish(found, judging)
    return Page(ACCOUNT_PAGE, None)


def _kept(
    request: AuthorizationRequest, browser_hash: str | None, present: Present | None, judging: Judging
) -> str:  # fmt: skip
    handle, seconds = opaque.new_secret(opaque.CONTINUATION), judging.issuing.lifetimes.continuation
    handle_hash = opaque.hash_secret(handle)
    is_here = present is not None and present.visitor.is_signed_in(judging.now)
    judging.uow.begin()
    judging.uow.continuations.add(
        Continuation(
            handle_hash=handle_hash,
            browser_hash=browser_hash,
            purpose=AUTHORIZE,
            client_id=request.client.id,
            parameters=sealed(_for_pages(request), handle_hash, judging),
            created_at=judging.now,
            expires_at=judging.now + timedelta(seconds=seconds),
            session_id=present.visitor.browser.session.id if present is not None and is_here else None,
        )
    )
    return handle


def _for_pages(request: AuthorizationRequest) -> Parameters:
    """Return what is kept of the request; what pages read of it is as it counts, wherever the client has said it."""
    counts = {name: (request.parameters[name],) for name in READ_BY_PAGES if name in request.parameters}
    return {name: values for name, values in known_of(request.given).items() if name not in READ_BY_PAGES} | counts


def _finish(found: Continuation, judging: Judging) -> None:
    """Give the errand up for its answer. Raises: FlowOver if that was given already."""
    judging.uow.begin()
    if not judging.uow.continuations.finish(found.handle_hash):
        raise FlowOver("another answer was quicker").about(client_id=found.client_id)


def _forget(uow: UnitOfWork, *, handle_hash: str) -> None:
    uow.continuations.finish(handle_hash)
