"""GET and POST /ui/account/profile: what apps may show of a person, and the language they read."""

from collections.abc import Mapping

from authsvc.domain.people import profile
from authsvc.domain.people.profile import DETAILS
from authsvc.protocol.audit import record
from authsvc.web.api.account import occasion
from authsvc.web.flow import values_of
from authsvc.web.languages import LANGUAGE_NAMES
from authsvc.web.pages.account.here import AccountPage, Desk, Here, back_to
from authsvc.web.request import Call
from authsvc.web.responses import Response

_FIELDS = ("name", *sorted(DETAILS))


def _view(call: Call, here: Here, desk: Desk) -> Mapping[str, object]:  # noqa: ARG001 - a view's shape
    stored = {"name": here.user.name, **{name: here.user.details.get(name) for name in DETAILS}}
    posted = values_of(call) if call.request.method == "POST" else {}
    given = {name: posted.get(name, "") if posted else stored.get(name) or "" for name in _FIELDS}
    return {"given": given, "languages": LANGUAGE_NAMES}


def _act(call: Call, here: Here, desk: Desk) -> Response:
    values = values_of(call)
    changes = {name: values.get(name, "").strip() or None for name in _FIELDS}
    profile.change_profile(here.user, changes, occasion(call), call.uow, desk.api.accounts)
    record(call.uow, call.request, "user.changed", user_id=here.user.id)
    return back_to(call, PAGE.name, "saved")


PAGE = AccountPage("account/profile", "profile", _view, _act)
