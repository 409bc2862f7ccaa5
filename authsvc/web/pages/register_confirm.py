"""GET and POST /ui/register/confirm: the mailed link that makes a registration an account. Only the form uses it up."""

from collections.abc import Mapping
from dataclasses import dataclass

from authsvc.domain import links, registration
from authsvc.domain.links import LinkInvalid
from authsvc.errors import AuthsvcError, Conflict
from authsvc.protocol.audit import record
from authsvc.web.api.account import AccountApi, occasion
from authsvc.web.csrf import FormOutdated, check_csrf
from authsvc.web.errors import status_of
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
        token = values.get("token", "")
        if token:
            links.find(token, links.REGISTER, call.uow.links, call.request.now)
        return self._form(call, {}, token)

    def post(self, call: Call) -> Response:
        """Make the account. Raises: what `refused` shows, besides ForeignForm."""
        check_csrf(call, NAME)
        token = values_of(call).get("token", "").strip()
        user = registration.confirm_registration(token, occasion(call), call.uow, self.api.accounts)
        record(call.uow, call.request, "user.registered", user_id=user.id)
        return see_other(f"{page_address(call.tenant, NAME)}?done=1")

    def refused(self, call: Call, error: AuthsvcError) -> Response | None:
        """Show the form again with what is wrong; None for what the error page says."""
        if type(error) not in _WORDS:
            return None
        kept = values_of(call).get("token", "") if isinstance(error, FormOutdated) else ""
        return self._form(call, {"": _WORDS[type(error)]}, kept, status_of(error))

    def _form(self, call: Call, problems: Mapping[str, str], token: str, status: int = 200) -> Response:
        proof, news = proof_and_news(call, NAME)
        return render(call, "register_confirm", {"problems": problems, "token": token, **proof}, Frame(status, news))
