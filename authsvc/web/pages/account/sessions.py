"""GET and POST /ui/account/sessions: where a person is signed in, and "sign out" for one of them or all others."""

from collections.abc import Iterator, Mapping
from uuid import UUID

from authsvc.domain.sign_in.session_ends import end_session, end_sessions
from authsvc.domain.sign_in.sessions import BROWSER, BrowserSession, Session
from authsvc.protocol.audit import record
from authsvc.web.client_words import name_of
from authsvc.web.dates import in_language
from authsvc.web.device_words import device_of
from authsvc.web.flow import values_of
from authsvc.web.page import page_address
from authsvc.web.pages.account.here import AccountPage, Desk, Here, back_to, language_here
from authsvc.web.request import Call
from authsvc.web.responses import Response


def _view(call: Call, here: Here, desk: Desk) -> Mapping[str, object]:  # noqa: ARG001 - a view's shape
    language = language_here(call, here)
    browsers = call.uow.browser_sessions.list(here.user.id)
    apps = [session for session in call.uow.sessions.list(here.user.id) if session.client_id != BROWSER]
    shown = [*_browsers(browsers, call, here, language), *_apps(apps, call, language)]
    return {"sign_ins": shown, "logout": page_address(call.tenant, "logout")}


def _browsers(
    found: tuple[BrowserSession, ...], call: Call, here: Here, language: str
) -> Iterator[Mapping[str, object]]:  # fmt: skip
    for browser in found:
        if browser.is_alive(call.request.now):
            yield {
                "id": str(browser.session.id),
                "device": device_of(browser.user_agent),
                "app": "",
                "address": browser.address,
                "seen": in_language(browser.seen_at, language),
                "since": in_language(browser.session.authenticated_at, language),
                "is_here": browser.session.id == here.session.id,
            }


def _apps(found: list[Session], call: Call, language: str) -> Iterator[Mapping[str, object]]:
    for session in found:
        if session.is_alive(call.request.now):
            yield {
                "id": str(session.id),
                "device": None,
                "app": name_of(call.uow.clients.get(session.client_id), language) or session.client_id,
                "address": "",
                "seen": "",
                "since": in_language(session.authenticated_at, language),
                "is_here": False,
            }


def _act(call: Call, here: Here, desk: Desk) -> Response:  # noqa: ARG001 - an action's shape
    """End what was asked for; what is not the person's, or has ended already, is passed over."""
    values, now = values_of(call), call.request.now
    call.uow.begin()
    if "others" in values:
        end_sessions(here.user.id, call.uow, now, but=here.session.id)
        record(call.uow, call.request, "sessions.ended", user_id=here.user.id)
        return back_to(call, PAGE.name, "ended")
    session = _own(values.get("end", ""), call, here)
    if session is not None and end_session(session, call.uow, now):
        record(call.uow, call.request, "session.ended", user_id=here.user.id, detail=f"session {session.id}")
    return back_to(call, PAGE.name, "ended")


def _own(presented_id: str, call: Call, here: Here) -> Session | None:
    try:
        session = call.uow.sessions.get(UUID(presented_id))
    except ValueError:
        return None
    return session if session is not None and session.user_id == here.user.id else None


PAGE = AccountPage("account/sessions", "sessions", _view, _act)
