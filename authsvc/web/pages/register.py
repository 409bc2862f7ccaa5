"""GET and POST /ui/register: a new account, at once or once the mailed link was followed."""

from collections.abc import Mapping
from dataclasses import dataclass

from authsvc.domain.fields import FieldProblem, FieldsInvalid
from authsvc.domain.people import registration
from authsvc.domain.people.lockout import Throttled
from authsvc.domain.people.profile import MAX_NAME
from authsvc.domain.people.registration import Registration
from authsvc.domain.people.users import User
from authsvc.errors import AuthsvcError, Conflict
from authsvc.protocol.audit import record
from authsvc.protocol.browser_sign_up import sign_up_browser
from authsvc.protocol.grant import Issuing
from authsvc.web.account_errand import begin_account_errand
from authsvc.web.api.account import AccountApi, occasion
from authsvc.web.cookies import Cookies, set_cookies
from authsvc.web.csrf import FormOutdated, check_csrf
from authsvc.web.errors import headers_of, status_of
from authsvc.web.field_words import MISSING, TAKEN, in_words
from authsvc.web.flow import Flow, client_of, flow_of, frame_of, go_on, proof_of, values_of, visit_of
from authsvc.web.languages import mark
from authsvc.web.page import page_address, render, see_other
from authsvc.web.request import Call
from authsvc.web.responses import Response

NAME = "register"
_WORDS: Mapping[type[AuthsvcError], str] = {
    Throttled: mark("There were too many attempts. Please wait a few minutes, then try again."),
    FormOutdated: mark("This page was out of date. Please try again."),
}


@dataclass(frozen=True, slots=True)
class RegisterPage:
    """The page, always in an errand: without one it begins a visit to the account."""

    api: AccountApi
    issuing: Issuing

    def get(self, call: Call) -> Response:
        """Show the form, or that the letter is on its way."""
        if not call.request.query:
            return begin_account_errand(call, self.issuing, NAME)
        flow = flow_of(call)
        if "sent" in values_of(call):
            minutes = self.api.accounts.mailed_link_seconds // 60
            return render(call, "register_sent", {"flow": flow.handle, "minutes": minutes}, frame_of(flow, None))
        return self._form(call, flow, {})

    def post(self, call: Call) -> Response:
        """Make the account, or send the letter. Raises: what `refused` shows, besides errors of the errand."""
        flow = flow_of(call)
        check_csrf(call, NAME, flow.handle)
        user = self._register(call)
        if user is None:
            record(call.uow, call.request, "registration.started", client_id=flow.continuation.client_id)
            return see_other(f"{page_address(call.tenant, NAME, flow.handle)}&sent=1")
        visit = visit_of(call, flow.cookies)
        begun = sign_up_browser(user, flow.continuation, visit, call.uow, self.issuing)
        return go_on(call, flow, set_cookies(call.tenant, Cookies(begun.secret)))

    def refused(self, call: Call, error: AuthsvcError) -> Response | None:
        """Show the form again with what is wrong; None for what the error page says."""
        if isinstance(error, FieldsInvalid):
            return self._form(call, flow_of(call), in_words(error), error)
        return self._form(call, flow_of(call), {"": _WORDS[type(error)]}, error) if type(error) in _WORDS else None

    def _register(self, call: Call) -> User | None:
        values = values_of(call)
        name = values.get("name", "").strip() or None
        confirms_mail = self.api.accounts.confirms_mail
        needed = ("username",) if confirms_mail else ("username", "password")
        missing = [field for field in needed if not values.get(field)]
        problems = [FieldProblem(field, "is required", MISSING) for field in missing]
        if name is not None and len(name) > MAX_NAME:
            problems.append(FieldProblem("name", "is too long"))
        if problems:
            raise FieldsInvalid(tuple(problems))
        email = values.get("email", "").strip() or None
        # A page that was open before the setting changed may still send one: nobody signs in with it.
        password = None if confirms_mail else values["password"]
        wanted = Registration(values["username"].strip(), password, email, name)
        try:
            return registration.register(wanted, occasion(call), call.uow, self.api.accounts)
        except Conflict as error:
            raise FieldsInvalid((FieldProblem("username", "is taken", TAKEN),)) from error

    def _form(
        self, call: Call, flow: Flow, problems: Mapping[str, str], error: AuthsvcError | None = None
    ) -> Response:  # fmt: skip
        client, values = client_of(call, flow), values_of(call) if call.request.method == "POST" else {}
        if isinstance(error, FormOutdated):
            values = {}
        context = {
            "client_name": client.name if client is not None else "",
            "given": {field: values.get(field, "")[:1_024] for field in ("username", "email", "name")},
            "problems": problems,
            "confirms_mail": self.api.accounts.confirms_mail,
            "min_length": self.api.accounts.passwords.min_length_single_factor,
            **proof_of(call, flow, NAME),
        }
        status, headers = (200, ()) if error is None else (status_of(error), headers_of(error))
        return render(call, NAME, context, frame_of(flow, client, status, headers))
