"""What a browser carries from here to a client: by the address it is sent to, or by a form that it posts there."""

from collections.abc import Mapping

from authsvc.protocol.authorize.respond import address
from authsvc.protocol.way_back import FORM_POST, WayBack
from authsvc.web.page import Frame, Reader, render_for
from authsvc.web.responses import NO_STORE, Response

_SCRIPT = "document.forms[0].submit()"


def to_client(members: Mapping[str, str], way_back: WayBack, reader: Reader) -> Response:
    """Return the answer to an authorization request, in the mode that it asked for.

    The form is posted by its own script, or by its button where scripts are off (OAuth 2.0 Form Post Response Mode §4).
    303 keeps browsers from posting to the client what was posted here (RFC 9700 §4.12).
    """
    if way_back.response_mode == FORM_POST:
        shown = {"action": way_back.redirect_uri, "members": members, "script": _SCRIPT}
        return render_for(reader, "form_post", shown, Frame(script=_SCRIPT))
    return Response(303, ((b"location", address(members, way_back).encode()), *NO_STORE))
