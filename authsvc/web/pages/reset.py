"""GET and POST /ui/reset: a new password for who brings the secret of a mailed link. Only the form uses it up."""

from collections.abc import Mapping
from dataclasses import dataclass

from authsvc.domain.fields import FieldProblem, FieldsInvalid
from authsvc.domain.mail.links import LinkInvalid
from authsvc.domain.people import password_reset
from authsvc.domain.people.password_reset import PasswordReset
from authsvc.errors import AuthsvcError, Conflict
from authsvc.protocol.audit import record
from authsvc.web.api.account import AccountApi, occasion
from authsvc.web.csrf import FormOutdated, check_csrf
from authsvc.web.errors import status_of
from authsvc.web.field_words import MISSING, in_words
from authsvc.web.flow import values_of
from authsvc.web.languages import mark
from authsvc.web.page import Frame, page_address, render, see_other
from authsvc.web.plain_form import proof_and_news
from authsvc.web.request import Call
from authsvc.web.responses import Response

NAME = "reset"
_DEAD = mark("This link or code does not work any more. It works once, and only for a short time.")
_WORDS: Mapping[type[AuthsvcError], str] = {
    LinkInvalid: _DEAD,
    Conflict: _DEAD,
    FormOutdated: mark("This page was out of date. Please try again."),
}


@dataclass(frozen=True, slots=True)
class ResetPage:
    """The page, with the secret in a hidden field, or a field for the code where the address has none."""

    api: AccountApi

    def get(self, call: Call) -> Response:
        """Show the form, or that it was done. Raises: LinkInvalid, which `refused` shows."""
        values = values_of(call)
        if "done" in values:
            return render(call, "reset_done", {})
        return self._form(call, {}, values.get("token", ""))

    def post(self, call: Call) -> Response:
        """Set the password. Raises: what `refused` shows, besides ForeignForm."""
        check_csrf(call, NAME)
        values = values_of(call)
        if not values.get("new_password"):
            raise FieldsInvalid((FieldProblem("new_password", "is required", MISSING),))
        reset = PasswordReset(values.get("token", "").strip(), values["new_password"])
        user = password_reset.reset_password(reset, occasion(call), call.uow, self.api.accounts)
        record(call.uow, call.request, "password.reset", user_id=user.id)
        return see_other(f"{page_address(call.tenant, NAME)}?done=1")

    def refused(self, call: Call, error: AuthsvcError) -> Response | None:
        """Show the form again with what is wrong; None for what the error page says."""
        token = values_of(call).get("token", "").strip()
        if isinstance(error, FieldsInvalid):
            return self._form(call, in_words(error), token, status_of(error))
        if type(error) not in _WORDS:
            return None
        kept = token if isinstance(error, FormOutdated) else ""
        return self._form(call, {"": _WORDS[type(error)]}, kept, status_of(error))

    def _form(self, call: Call, problems: Mapping[str, str], token: str, status: int = 200) -> Response:
        """A secret that is in order is not asked for again; one that is not is shown as none."""
        username = self._username(call, token) if token else ""
        proof, news = proof_and_news(call, NAME)
        context = {
            "problems": problems,
            "token": token if username else "",
            "username": username,
            "min_length": self.api.accounts.passwords.min_length_single_factor,
            **proof,
        }
        return render(call, "reset", context, Frame(status, news))

    def _username(self, call: Call, token: str) -> str:
        """Return whose password it is, for the browser to keep with the new one. Raises: LinkInvalid."""
        return password_reset.find_resettable(token, call.uow, call.request.now).username
