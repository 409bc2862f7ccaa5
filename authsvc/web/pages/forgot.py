"""GET and POST /ui/forgot: who has forgotten the password asks for a letter with a link."""

from collections.abc import Mapping
from dataclasses import dataclass

from authsvc.domain.fields import FieldProblem, FieldsInvalid
from authsvc.domain.people import password_reset
from authsvc.domain.people.lockout import Throttled
from authsvc.domain.people.users import MAX_LOGIN_CHARACTERS
from authsvc.errors import AuthsvcError
from authsvc.protocol.audit import record
from authsvc.web.api.account import AccountApi, occasion
from authsvc.web.csrf import FormOutdated, check_csrf
from authsvc.web.endpoint import Route
from authsvc.web.errors import headers_of, status_of
from authsvc.web.flow import values_of
from authsvc.web.forms import Fields
from authsvc.web.languages import mark
from authsvc.web.page import Frame, page_address, render, see_other
from authsvc.web.plain_form import flow_at_hand, proof_and_news
from authsvc.web.request import Call
from authsvc.web.responses import Response

NAME = "forgot"
_MISSING = mark("Enter your user name or e-mail address.")
_WORDS: Mapping[type[AuthsvcError], str] = {
    Throttled: mark("There were too many attempts. Please wait a few minutes, then try again."),
    FormOutdated: mark("This page was out of date. Please try again."),
}


def forgot_route(fields: Fields) -> Route:
    """Return the lane: how long an answer to the form takes tells nobody who is known."""
    return Route("people", padded=bool(fields))


@dataclass(frozen=True, slots=True)
class ForgotPage:
    """The page. What it answers does not depend on whether there is such an account."""

    api: AccountApi

    def get(self, call: Call) -> Response:
        """Show the form, or that the letter is on its way."""
        if "sent" in values_of(call):
            minutes = self.api.accounts.mailed_link_seconds // 60
            return render(call, "forgot_sent", {"flow": flow_at_hand(call), "minutes": minutes})
        return self._form(call, {})

    def post(self, call: Call) -> Response:
        """Send the letter. Raises: what `refused` shows, besides ForeignForm."""
        check_csrf(call, NAME)
        username = values_of(call).get("username", "")
        if not username.strip() or len(username) > MAX_LOGIN_CHARACTERS:
            raise FieldsInvalid((FieldProblem("username", _MISSING),))
        user = password_reset.request_reset(username, occasion(call), call.uow, self.api.accounts)
        record(call.uow, call.request, "password.forgotten", user_id=user.id if user else None)
        flow = flow_at_hand(call)
        return see_other(f"{page_address(call.tenant, NAME)}?sent=1{f'&flow={flow}' if flow else ''}")

    def refused(self, call: Call, error: AuthsvcError) -> Response | None:
        """Show the form again with what is wrong; None for what the error page says."""
        if isinstance(error, FieldsInvalid):
            return self._form(call, {"username": _MISSING}, error)
        return self._form(call, {"": _WORDS[type(error)]}, error) if type(error) in _WORDS else None

    def _form(self, call: Call, problems: Mapping[str, str], error: AuthsvcError | None = None) -> Response:
        proof, news = proof_and_news(call, NAME)
        status, headers = (200, ()) if error is None else (status_of(error), headers_of(error))
        context = {"problems": problems, "flow": flow_at_hand(call), **proof}
        return render(call, "forgot", context, Frame(status, (*headers, *news)))
