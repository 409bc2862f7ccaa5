"""GET /dev/outbox: the letters that `authsvc dev` keeps instead of sending them. No other command has this page."""

from collections.abc import Callable
from urllib.parse import urlsplit
from uuid import UUID

from authsvc.domain.mail.outbox import Mail
from authsvc.domain.tenants import LOOPBACK_HOSTS
from authsvc.web.endpoint import Handler
from authsvc.web.errors import HttpError
from authsvc.web.flow import values_of
from authsvc.web.page import render
from authsvc.web.request import Call
from authsvc.web.responses import NO_STORE, Headers, Response

Letters = Callable[[], tuple[tuple[UUID, Mail], ...]]
_AS_SENT: Headers = (
    (b"content-type", b"text/html; charset=utf-8"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'unsafe-inline'; sandbox allow-top-navigation-by-user-activation",
    ),
    *NO_STORE,
)
"""A letter by itself: it may have its own styles, and its link may be followed."""


def outbox_handler(letters: Letters) -> Handler:
    """Return the handler: all letters as text, or one as a mail program shows it (`?html=ID`)."""

    def handle(call: Call) -> Response:
        _refuse_other_names(call)
        wanted = values_of(call).get("html")
        if wanted is None:
            return render(call, "outbox", {"letters": letters()})
        for letter_id, mail in letters():
            if str(letter_id) == wanted:
                return Response(200, _AS_SENT, mail.html.encode())
        raise HttpError(404, "There is no such letter.")

    return handle


def _refuse_other_names(call: Call) -> None:
    """Letters hold secrets: a site whose name was made to point to this machine must not read them (DNS rebinding)."""
    host = urlsplit(f"//{call.request.header(b'host') or ''}").hostname
    if host not in LOOPBACK_HOSTS:
        raise HttpError(404, "There is nothing at this address.")
