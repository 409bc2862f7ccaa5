"""GET /ui/account: what there is to see and to change."""

from collections.abc import Mapping

from authsvc.web.page import page_address
from authsvc.web.pages.account.here import AccountPage, Desk, Here
from authsvc.web.person_words import shown_person
from authsvc.web.request import Call


def _view(call: Call, here: Here, desk: Desk) -> Mapping[str, object]:  # noqa: ARG001 - a view's shape
    user, uow, now = here.user, call.uow, call.request.now
    return {
        "person": shown_person(here.visitor),
        "user": user,
        "base": page_address(call.tenant, "account"),
        "logout": page_address(call.tenant, "logout"),
        "sign_ins": sum(browser.is_alive(now) for browser in uow.browser_sessions.list(user.id)),
        "apps": len(uow.consents.list(user.id)),
        "keys": sum(key.is_alive(now) for key in uow.api_keys.list(user_id=user.id)),
    }


PAGE = AccountPage("account", "overview", _view)
