"""GET and POST /ui/login: name or address and password, in the errand that brought the person here."""

from collections.abc import Mapping
from dataclasses import dataclass

from authsvc.domain.fields import FieldProblem, FieldsInvalid
from authsvc.domain.people.lockout import Throttled
from authsvc.domain.people.login import AccountDisabled, BadCredentials, PasswordAttempt
from authsvc.domain.people.users import MAX_LOGIN_CHARACTERS
from authsvc.errors import AuthsvcError
from authsvc.protocol.browser_sign_in import sign_in_browser
from authsvc.protocol.grant import Issuing
from authsvc.web.client_words import name_of
from authsvc.web.cookies import Cookies, set_cookies
from authsvc.web.csrf import FormOutdated, check_csrf
from authsvc.web.errors import headers_of, status_of
from authsvc.web.flow import (
    Flow,
    client_of,
    flow_of,
    frame_of,
    go_on,
    language_of,
    proof_of,
    values_of,
    visit_of,
    visitor_of,
)
from authsvc.web.languages import mark
from authsvc.web.page import page_address, render, see_other
from authsvc.web.request import Call
from authsvc.web.responses import Headers, Response

NAME = "login"
_WORDS: Mapping[type[AuthsvcError], str] = {
    BadCredentials: mark("The name or the password is wrong."),
    AccountDisabled: mark("This account is disabled. Please ask the people who run this service."),
    Throttled: mark("There were too many attempts. Please wait a few minutes, then try again."),
    FormOutdated: mark("This page was out of date. Please sign in again."),
}
_NAME_MISSING = mark("Enter your user name or e-mail address.")
_NAME_TOO_LONG = mark("This name is too long.")
_PASSWORD_MISSING = mark("Enter your password.")


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the form shows besides itself: the name that was given, and problems by field ("" for none of them)."""

    username: str = ""
    problems: Mapping[str, str] | None = None
    status: int = 200
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class LoginPage:
    """The page. `links` names the pages that it may lead to: register, forgot."""

    issuing: Issuing
    links: frozenset[str]

    def get(self, call: Call) -> Response:
        """Show the form; without an errand, send the person to their account, which begins one."""
        if not call.request.query:
            return see_other(page_address(call.tenant, "account"))
        flow = flow_of(call)
        return self._page(call, flow, _Shown(flow.parameter("login_hint")[:MAX_LOGIN_CHARACTERS]))

    def post(self, call: Call) -> Response:
        """Sign the person in and go on. Raises: what `refused` shows, besides errors of the errand."""
        flow, values = flow_of(call), values_of(call)
        check_csrf(call, NAME, flow.handle)
        visit = visit_of(call, flow.cookies)
        attempt = PasswordAttempt(*_credentials(values), call.request.address)
        begun = sign_in_browser(attempt, flow.continuation, visit, call.uow, self.issuing)
        return go_on(call, flow, set_cookies(call.tenant, Cookies(begun.secret)))

    def refused(self, call: Call, error: AuthsvcError) -> Response | None:
        """Show the form again with what is wrong; None for what the error page says."""
        if not isinstance(error, (FieldsInvalid, *_WORDS)):
            return None
        flow, username = flow_of(call), call.request.fields.get("username", ("",))[0]
        if isinstance(error, FormOutdated):
            visitor, username = visitor_of(call, flow.cookies), ""
            if visitor is not None and visitor.is_signed_in(call.request.now):
                return go_on(call, flow)  # It was done in another window, or by the first of two clicks.
        # 401 would have to name a way in which browsers authenticate by themselves (RFC 9110 §15.5.2).
        status = 403 if isinstance(error, BadCredentials) else status_of(error)
        shown = _Shown(username[:MAX_LOGIN_CHARACTERS], _problems(error), status, headers_of(error))
        return self._page(call, flow, shown)

    def _page(self, call: Call, flow: Flow, shown: _Shown) -> Response:
        client = client_of(call, flow)
        context = {
            "client_name": name_of(client, language_of(call, flow)),
            "username": shown.username,
            "problems": shown.problems or {},
            "links": self.links,
            **proof_of(call, flow, NAME),
        }
        return render(call, NAME, context, frame_of(flow, client, shown.status, shown.headers))


def _credentials(values: Mapping[str, str]) -> tuple[str, str]:
    """Return name and password. Raises: FieldsInvalid for what no account could have; nothing is counted then."""
    username, password = values.get("username", ""), values.get("password", "")
    problems = []
    if not username.strip():
        problems.append(FieldProblem("username", _NAME_MISSING))
    elif len(username) > MAX_LOGIN_CHARACTERS:
        problems.append(FieldProblem("username", _NAME_TOO_LONG))
    if not password:
        problems.append(FieldProblem("password", _PASSWORD_MISSING))
    if problems:
        raise FieldsInvalid(tuple(problems))
    return username, password


def _problems(error: AuthsvcError) -> Mapping[str, str]:
    if isinstance(error, FieldsInvalid):
        return {problem.field: problem.message for problem in error.problems}
    return {"": _WORDS[type(error)]}
