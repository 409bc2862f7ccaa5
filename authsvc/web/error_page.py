"""The error page: calm words, what helps and the request's id; nothing of what was sent.

What a client did wrong is told in its own language too, that of the protocol: there is no other place for it when
nobody knows where the browser may be sent (RFC 6749 §4.1.2.1).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from authsvc.domain.mail.links import LinkInvalid
from authsvc.domain.people.lockout import Throttled
from authsvc.domain.sign_in.flows import FlowOver, ForeignBrowser
from authsvc.errors import AuthsvcError, StorageUnavailable
from authsvc.protocol.errors import ProtocolError
from authsvc.web.csrf import ForeignForm, FormOutdated
from authsvc.web.errors import headers_of, status_of
from authsvc.web.languages import mark, translations
from authsvc.web.page import Frame, Reader, render_for
from authsvc.web.rate_limit import TooManyRequests
from authsvc.web.responses import Response
from authsvc.web.rush import Overloaded


@dataclass(frozen=True, slots=True)
class Words:
    """What a person is told: what happened, and what helps."""

    title: str
    words: str
    advice: str = ""


_BUSY = Words(
    mark("Just a moment"),
    mark("The service cannot answer right now. Nothing was lost or changed."),
    mark("Please wait a little, then reload this page."),
)
_PAUSE = Words(
    mark("Too many attempts"),
    mark("To keep accounts safe, there is a short pause after many attempts."),
    mark("Please wait a few minutes, then try again."),
)
_START_AGAIN = mark("Please go back to the app that you came from and start again.")
WORDS: Mapping[type[AuthsvcError], Words] = {
    Throttled: _PAUSE,
    TooManyRequests: _PAUSE,
    Overloaded: _BUSY,
    StorageUnavailable: _BUSY,
    FlowOver: Words(
        mark("This page has expired"),
        mark("It was open for too long, or what it was for is done already."),
        _START_AGAIN,
    ),
    ForeignBrowser: Words(
        mark("This page belongs to another browser"),
        mark("It can be used only where it was opened first. If somebody sent you this address, do not use it."),
        _START_AGAIN,
    ),
    ForeignForm: Words(
        mark("This did not come from here"),
        mark("Another website tried to send a form in your name. Nothing was changed."),
        mark("You can close this page."),
    ),
    FormOutdated: Words(
        mark("This page is out of date"),
        mark("Somebody signed in or out while it was open. Nothing was changed."),
        mark("Please go back, reload the page and try again."),
    ),
    LinkInvalid: Words(
        mark("This link does not work any more"),
        mark("Links from letters work once and only for a short time."),
        mark("Please ask for a new one."),
    ),
}
NOT_FOUND = Words(
    mark("There is nothing here"),
    mark("The address may have been mistyped, or what was here is gone."),
)
REFUSED = Words(
    mark("This cannot be done"),
    mark("What was sent here is incomplete or does not fit. Nothing was changed."),
    _START_AGAIN,
)
FAULT = Words(
    mark("Something went wrong"),
    mark("This is our fault, not yours."),
    mark("Please try again. If it stays so, tell the people who run this service the request number below."),
)


def error_page(error: AuthsvcError, reader: Reader, request_id: str) -> Response:
    """Return the refusal as a person is shown it."""
    status = status_of(error)
    found = WORDS.get(type(error)) or _by_status(status)
    translate = translations(reader.language.code).gettext
    context = {
        "title": translate(found.title),
        "words": translate(found.words),
        "advice": found.advice and translate(found.advice),
        "request_id": request_id,
        "told": f"{error.code}: {error.description}" if found is REFUSED and isinstance(error, ProtocolError) else "",
    }
    return render_for(reader, "error", context, Frame(status, headers_of(error)))


def _by_status(status: int) -> Words:
    if status >= 500:  # noqa: PLR2004 - from here on, faults of ours
        return FAULT
    return NOT_FOUND if status == 404 else REFUSED  # noqa: PLR2004 - Not Found
