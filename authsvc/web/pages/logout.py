"""Signing out: /connect/logout, where clients send the browser, and /ui/logout, where a person says yes.

Nobody is signed out because another site wants it: only the client that was told of just this session may ask for its
end without a question, everybody else's request ends at a page that asks.
"""

from dataclasses import dataclass
from urllib.parse import urlencode

from authsvc.domain.sign_in.sessions import Session
from authsvc.domain.web_address import read_url
from authsvc.errors import AuthsvcError
from authsvc.protocol.end_session import PARAMETERS, LogoutRequest, frames_of, judge_logout, sign_out
from authsvc.protocol.grant import Issuing
from authsvc.web.cookies import Cookies, clear_cookies, presented_cookies
from authsvc.web.csrf import FormOutdated, check_csrf, csrf_token
from authsvc.web.flow import values_of, visitor_of
from authsvc.web.page import Frame, render, see_other
from authsvc.web.request import Call
from authsvc.web.responses import Headers, Response

NAME = "logout"
REFRESH_SECONDS = 3
"""How long the clients' frames have, before the browser goes on by itself."""


@dataclass(frozen=True, slots=True)
class LogoutPage:
    """Both addresses of signing out."""

    issuing: Issuing

    def asked(self, call: Call) -> Response:
        """GET or POST /connect/logout: end the session at once, or ask the person first. Raises: InvalidRequest.

        A form of another site brings no cookies along: it is sent on to this address, where they arrive.
        """
        values = values_of(call)
        request, cookies = self._judged(call, values), presented_cookies(call)
        if call.request.method == "POST" and cookies.session is None:
            known = {name: value for name, value in values.items() if name in PARAMETERS}
            return see_other(f"{call.tenant.issuer}/connect/logout?{urlencode(known)}")
        session = _live_session(call, cookies)
        if session is None:
            return self._done(call, request)
        if request.is_of(session):
            return self._ended(call, request, session)
        return _question(call, cookies, request)

    def get(self, call: Call) -> Response:
        """GET /ui/logout: ask the person who came by themselves."""
        cookies = presented_cookies(call)
        if _live_session(call, cookies) is None:
            return self._done(call, LogoutRequest())
        return _question(call, cookies, LogoutRequest())

    def post(self, call: Call) -> Response:
        """POST /ui/logout: the person said yes. Raises: ForeignForm, FormOutdated, InvalidRequest."""
        check_csrf(call, NAME)
        request, session = self._judged(call, values_of(call)), _live_session(call, presented_cookies(call))
        return self._done(call, request) if session is None else self._ended(call, request, session)

    def refused(self, call: Call, error: AuthsvcError) -> Response | None:
        """Answer a second click as the first, which has taken the cookie away."""
        if isinstance(error, FormOutdated) and presented_cookies(call).session is None:
            return self._done(call, self._judged(call, values_of(call)))
        return None

    def _judged(self, call: Call, values: dict[str, str]) -> LogoutRequest:
        return judge_logout(values, call.tenant, call.uow, self.issuing.keyring, call.request.now)

    def _ended(self, call: Call, request: LogoutRequest, session: Session) -> Response:
        sign_out(session, call.request, call.uow, request.client.id if request.client else None)
        frames = frames_of(session, call.tenant, call.uow, self.issuing.keyring, call.request.now)
        return self._done(call, request, frames, clear_cookies(call.tenant))

    def _done(
        self, call: Call, request: LogoutRequest, frames: tuple[str, ...] = (), headers: Headers = ()
    ) -> Response:
        return_to = request.return_to
        if return_to is not None and not frames:
            return see_other(return_to, headers)
        onward: Headers = ()
        if return_to is not None:
            onward = ((b"refresh", f"{REFRESH_SECONDS};url={return_to}".encode()),)
        context = {
            "return_to": return_to,
            "client_name": request.client.name if request.client is not None else "",
            "frames": frames,
        }
        origins = tuple(sorted({read_url(address).origin for address in frames}))
        frame = Frame(headers=(*headers, *onward), ui_locales=_ui_locales(call), frames=origins)
        return render(call, "signed_out", context, frame)


def _question(call: Call, cookies: Cookies, request: LogoutRequest) -> Response:
    """Ask; what was judged goes along in the form, and is judged again."""
    client, visitor = request.client, visitor_of(call, cookies)
    asked = {
        "client_id": client.id if client is not None else None,
        "post_logout_redirect_uri": request.redirect_uri,
        "state": request.state if request.redirect_uri is not None else None,
        "ui_locales": _ui_locales(call),
    }
    context = {
        "client_name": client.name if client is not None else "",
        "username": visitor.user.username if visitor is not None else "",
        "asked": {name: value for name, value in asked.items() if value},
        "csrf": csrf_token(call, cookies, NAME),
        "action": f"{call.tenant.issuer}/ui/logout",
    }
    leads_to = () if request.redirect_uri is None else (request.redirect_uri,)
    return render(call, NAME, context, Frame(ui_locales=_ui_locales(call), leads_to=leads_to))


def _live_session(call: Call, cookies: Cookies) -> Session | None:
    """Return the session of the browser's cookie, also when no visit was made for long: it can still be ended."""
    visitor = visitor_of(call, cookies)
    session = None if visitor is None else visitor.browser.session
    return session if session is not None and session.is_alive(call.request.now) else None


def _ui_locales(call: Call) -> str:
    return values_of(call).get("ui_locales", "")
