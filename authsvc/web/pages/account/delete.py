"""GET and POST /ui/account/delete: the end of an account, for who gives the password and says so."""

from collections.abc import Mapping

from authsvc.domain.fields import FieldProblem, FieldsInvalid
from authsvc.domain.people.accounts import delete_account
from authsvc.protocol.audit import record
from authsvc.web.cookies import clear_cookies
from authsvc.web.flow import values_of
from authsvc.web.page import Frame, render
from authsvc.web.pages.account.here import AccountPage, Desk, Here, own_language
from authsvc.web.pages.account.password_again import proof_for_grave
from authsvc.web.request import Call
from authsvc.web.responses import Response


def _view(call: Call, here: Here, desk: Desk) -> Mapping[str, object]:  # noqa: ARG001 - a view's shape
    return {"username": here.user.username}


def _act(call: Call, here: Here, desk: Desk) -> Response:
    if values_of(call).get("sure") != "yes":
        raise FieldsInvalid((FieldProblem("sure", "is required"),))
    proof_for_grave(call, here, desk, always=True)
    delete_account(here.user, call.uow, call.request.now)
    record(call.uow, call.request, "user.deleted", user_id=here.user.id)
    return render(call, "account/deleted", {}, Frame(headers=clear_cookies(call.tenant), ui_locales=own_language(here)))


PAGE = AccountPage("account/delete", "delete", _view, _act)
