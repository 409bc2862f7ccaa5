"""Whose account it is, and the one way in which its pages are shown, act, and show what is wrong."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from authsvc.domain.fields import FieldsInvalid
from authsvc.domain.people.lockout import Throttled
from authsvc.domain.people.login import BadCredentials
from authsvc.domain.people.password_change import WrongPassword
from authsvc.domain.people.users import User
from authsvc.domain.sign_in.sessions import Session, Visitor
from authsvc.errors import AuthsvcError, Conflict
from authsvc.protocol.grant import Issuing
from authsvc.web.account_errand import begin_account_errand
from authsvc.web.api.account import AccountApi
from authsvc.web.cookies import Cookies, presented_cookies
from authsvc.web.csrf import FormOutdated, check_csrf, csrf_token
from authsvc.web.errors import headers_of, status_of
from authsvc.web.field_words import in_words
from authsvc.web.flow import values_of, visitor_of
from authsvc.web.languages import choose_language, mark
from authsvc.web.page import Frame, accept_language, page_address, render, see_other
from authsvc.web.request import Call
from authsvc.web.responses import Headers, Response

_SEEN_SECONDS = 60
"""A visit is written down once in this while."""
_WRONG = mark("This is not your current password.")
_WORDS: Mapping[type[AuthsvcError], Mapping[str, str]] = {
    WrongPassword: {"current_password": _WRONG},
    BadCredentials: {"current_password": _WRONG},
    Throttled: {"": mark("There were too many attempts. Please wait a few minutes, then try again.")},
    FormOutdated: {"": mark("This page was out of date. Please try again.")},
    Conflict: {"": mark("Somebody has this name already, or it was changed in another window.")},
}


@dataclass(frozen=True, slots=True)
class Here:
    """Who is signed in in this browser, and the cookies that say so."""

    visitor: Visitor
    cookies: Cookies

    @property
    def user(self) -> User:
        """The person."""
        return self.visitor.user

    @property
    def session(self) -> Session:
        """Their sign-in."""
        return self.visitor.browser.session


@dataclass(frozen=True, slots=True)
class Desk:
    """What these pages are lent."""

    api: AccountApi
    issuing: Issuing

    def is_recent(self, here: Here, call: Call) -> bool:
        """Whether the person signed in just now: else what is grave asks for the password again."""
        age = call.request.now - here.session.authenticated_at
        return age <= timedelta(seconds=self.api.recent_login_seconds)


@dataclass(frozen=True, slots=True)
class AccountPage:
    """One page: its name below /ui, its template, what that shows, and what its form does (None: it has none)."""

    name: str
    template: str
    view: Callable[[Call, Here, Desk], Mapping[str, object]]
    act: Callable[[Call, Here, Desk], Response] | None = None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A page for who is signed in; whoever is not signs in first, and comes to the account."""

    page: AccountPage
    desk: Desk

    def get(self, call: Call) -> Response:
        """Show the page."""
        here = here_of(call)
        if here is None:
            return begin_account_errand(call, self.desk.issuing)
        self._note_visit(call, here)
        return show(self.page, call, here, self.desk)

    def post(self, call: Call) -> Response:
        """Do what the form asks. Raises: what `refused` shows, besides ForeignForm."""
        here = here_of(call)
        if here is None:
            return begin_account_errand(call, self.desk.issuing)
        check_csrf(call, self.page.name)
        assert self.page.act is not None  # noqa: S101 - pages without a form have no such method
        return self.page.act(call, here, self.desk)

    def refused(self, call: Call, error: AuthsvcError) -> Response | None:
        """Show the page again with what is wrong; None for what the error page says."""
        here = here_of(call)
        if here is None:
            return None
        problems = in_words(error) if isinstance(error, FieldsInvalid) else _WORDS.get(type(error))
        return None if problems is None else show(self.page, call, here, self.desk, (error, problems))

    def _note_visit(self, call: Call, here: Here) -> None:
        now, browser = call.request.now, here.visitor.browser
        if now - browser.seen_at >= timedelta(seconds=_SEEN_SECONDS):
            call.uow.begin()
            until = now + timedelta(seconds=self.desk.issuing.lifetimes.browser_idle)
            call.uow.browser_sessions.touch(browser.session.id, now, until)


def here_of(call: Call) -> Here | None:
    """Return who is signed in in this browser, None if nobody is."""
    cookies = presented_cookies(call)
    visitor = visitor_of(call, cookies)
    return Here(visitor, cookies) if visitor is not None and visitor.is_signed_in(call.request.now) else None


def show(
    page: AccountPage,
    call: Call,
    here: Here,
    desk: Desk,
    trouble: tuple[AuthsvcError, Mapping[str, str]] | None = None,
) -> Response:
    """Return the page, with what is wrong if something is."""
    context = {
        "csrf": csrf_token(call, here.cookies, page.name),
        "problems": trouble[1] if trouble else {},
        "done": values_of(call).get("done", "") if call.request.method == "GET" else "",
        "asks_password": not desk.is_recent(here, call),
        **page.view(call, here, desk),
    }
    # 401 would have to name a way in which browsers authenticate by themselves (RFC 9110 §15.5.2).
    told = trouble is not None and isinstance(trouble[0], BadCredentials)
    status = 200 if trouble is None else 403 if told else status_of(trouble[0])
    headers = headers_of(trouble[0]) if trouble else ()
    return render(call, f"account/{page.template}", context, Frame(status, headers, own_language(here)))


def own_language(here: Here) -> str:
    """Return the language that the person has chosen, "" if none."""
    own = here.user.details.get("locale")
    return own if isinstance(own, str) else ""


def language_here(call: Call, here: Here) -> str:
    """Return the code of the language in which the page is shown."""
    return choose_language(own_language(here), accept_language(call.request.headers)).code


def back_to(call: Call, name: str, done: str, headers: Headers = ()) -> Response:
    """Return to a page after its form was done; `done` says what it tells."""
    return see_other(f"{page_address(call.tenant, name)}?done={done}", headers)
