"""GET and POST /ui/me/email/confirm: the mailed link that makes an address the account's own, used up by the form."""

from collections.abc import Mapping

from authsvc.domain.mail.links import LinkInvalid
from authsvc.domain.people import profile
from authsvc.errors import AuthsvcError
from authsvc.protocol.audit import record
from authsvc.web.api.account import occasion
from authsvc.web.flow import values_of
from authsvc.web.languages import mark
from authsvc.web.page import page_address, render
from authsvc.web.pages.account.here import AccountPage, Desk, Here, SignedIn, back_to, here_of, show
from authsvc.web.person_words import shown_person
from authsvc.web.request import Call
from authsvc.web.responses import Response

_DEAD = mark("This link or code does not work for this account. It works once, and only for a short time.")


def _view(call: Call, here: Here, desk: Desk) -> Mapping[str, object]:  # noqa: ARG001 - a view's shape
    return {"token": values_of(call).get("token", "").strip(), "person": shown_person(here.visitor)}


def _act(call: Call, here: Here, desk: Desk) -> Response:
    token = values_of(call).get("token", "").strip()
    user = profile.confirm_email(here.user, token, occasion(call), call.uow, desk.api.accounts)
    record(call.uow, call.request, "email.verified", user_id=user.id)
    return back_to(call, "account", "address")


class EmailConfirm(SignedIn):
    """The page. Whoever is not signed in is asked to do so first, and keeps the letter."""

    __slots__ = ()

    def get(self, call: Call) -> Response:
        """Show the form; the link is judged when it is sent."""
        if here_of(call) is None:
            return render(call, "account/sign_in_first", {"account": page_address(call.tenant, "account")})
        return SignedIn.get(self, call)

    def refused(self, call: Call, error: AuthsvcError) -> Response | None:
        """Show the form again with what is wrong."""
        here = here_of(call)
        if here is not None and isinstance(error, LinkInvalid):
            return show(self.page, call, here, self.desk, (error, {"": _DEAD}))
        return SignedIn.refused(self, call, error)


PAGE = AccountPage("me/email/confirm", "email_confirm", _view, _act)
