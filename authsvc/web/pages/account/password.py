"""GET and POST /ui/account/password: a new password, for who knows the current one; every other sign-in ends."""

from collections.abc import Mapping

from authsvc.domain.fields import FieldProblem, FieldsInvalid
from authsvc.domain.people import password_change
from authsvc.domain.people.password_change import PasswordChange
from authsvc.protocol.audit import record
from authsvc.protocol.browser_session import begin_session
from authsvc.web.api.account import occasion
from authsvc.web.cookies import Cookies, set_cookies
from authsvc.web.field_words import MISSING
from authsvc.web.flow import values_of, visit_of
from authsvc.web.pages.account.here import AccountPage, Desk, Here, back_to
from authsvc.web.request import Call
from authsvc.web.responses import Response


def _view(call: Call, here: Here, desk: Desk) -> Mapping[str, object]:  # noqa: ARG001 - a view's shape
    policy = desk.api.accounts.passwords
    return {"min_length": policy.min_length_single_factor, "username": here.user.username}


def _act(call: Call, here: Here, desk: Desk) -> Response:
    values = values_of(call)
    missing = [name for name in ("current_password", "new_password") if not values.get(name)]
    if missing:
        raise FieldsInvalid(tuple(FieldProblem(name, "is required", MISSING) for name in missing))
    change = PasswordChange(values["current_password"], values["new_password"], here.session.id)
    password_change.change_password(here.user, change, occasion(call), call.uow, desk.api.accounts)
    record(call.uow, call.request, "password.changed", user_id=here.user.id)
    # Whoever else knows this browser's cookie is out, too.
    visit = visit_of(call, here.cookies)
    begun = begin_session(here.user.id, here.session.amr, visit, call.uow, desk.issuing)
    return back_to(call, PAGE.name, "saved", set_cookies(call.tenant, Cookies(begun.secret)))


PAGE = AccountPage("account/password", "password", _view, _act)
