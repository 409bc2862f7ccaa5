"""Forms that belong to no errand: their token is tied to the browser's cookie alone."""

from authsvc.crypto import opaque
from authsvc.web.cookies import with_browser
from authsvc.web.csrf import csrf_token
from authsvc.web.flow import FIELD, values_of
from authsvc.web.request import Call
from authsvc.web.responses import Headers


def proof_and_news(call: Call, form: str) -> tuple[dict[str, str], Headers]:
    """Return what the form named `form` carries, and the headers that set the browser's cookie if it had none."""
    cookies, news = with_browser(call)
    return {"csrf": csrf_token(call, cookies, form)}, news


def flow_at_hand(call: Call) -> str:
    """Return the handle of the errand that a link may lead back to, unread: /ui/continue judges it. "" if none."""
    handle = values_of(call).get(FIELD, "")
    return handle if opaque.is_well_formed(opaque.CONTINUATION, handle) else ""
