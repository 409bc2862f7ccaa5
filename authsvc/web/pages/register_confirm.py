"""GET and POST /ui/register/confirm: the mailed link that makes a registration an account. Only the form uses it up.

The password is chosen here, by who reads the letter: whoever began the registration may be somebody else.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from authsvc.domain.fields import FieldsInvalid
from authsvc.domain.mail.links import LinkInvalid
from authsvc.domain.people import registration
from authsvc.domain.people.registration import Confirmation, Registration
from authsvc.errors import AuthsvcError, Conflict
from authsvc.protocol.audit import record
from authsvc.web.api.account import AccountApi, occasion
from authsvc.web.csrf import FormOutdated, check_csrf
from authsvc.web.errors import status_of
from authsvc.web.field_words import in_words
from authsvc.web.flow import values_of
from authsvc.web.languages import mark
from authsvc.web.page import Frame, page_address, render, see_other
from authsvc.web.plain_form import proof_and_news
from authsvc.web.request import Call
from authsvc.web.responses import Response

NAME = "register/confirm"
_WORDS: Mapping[type[AuthsvcError], str] = {
    LinkInvalid: mark("This link or code does not work any more. It works once, and only for a short time."),
    Conflict: mark("Somebody else has taken this name or address meanwhile. Please create the account again."),
    FormOutdated: mark("This page was out of date. Please try again."),
}


@dataclass(frozen=True, slots=True)
class RegisterConfirmPage:
    """The page. It signs nobody in: a link that a stranger passed on must not make their account this browser's."""

    api: AccountApi

    def get(self, call: Call) -> Response:
        """Show the form, or that it was done. Raises: LinkInvalid, which `refused` shows."""
        values = values_of(call)
        if "done" in values:
            return render(call, "register_done", {})
        return self._form(call, {}, values.get("token", ""))

    def post(self, call: Call) -> Response:
        """Make the account. Raises: what `refused` shows, besides ForeignForm."""
        check_csrf(call, NAME)
        values = values_of(call)
        confirmation = Confirmation(values.get("token", "").strip(), values.get("password", ""))
        user = registration.confirm_registration(confirmation, occasion(call), call.uow, self.api.accounts)
        record(call.uow, call.request, "user.registered", user_id=user.id)
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
        wanted = self._wanted(call, token) if token else None
        proof, news = proof_and_news(call, NAME)
        context = {
            "problems": problems,
            "token": token if wanted is not None else "",
            "wanted": wanted,
            "min_length": self.api.accounts.passwords.min_length_single_factor,
            **proof,
        }
        return render(call, "register_confirm", context, Frame(status, news))

    def _wanted(self, call: Call, token: str) -> Registration:
        """Return what would become an account: its reader may not be who began it. Raises: LinkInvalid."""
        return registration.find_registration(token, occasion(call), call.uow, self.api.accounts)
