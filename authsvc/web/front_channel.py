"""What a browser carries from here to a client: by the address it is sent to, or by a form that it posts there."""

from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256

from jinja2 import Environment, PackageLoader, StrictUndefined

from authsvc.protocol.authorize.respond import address
from authsvc.protocol.way_back import FORM_POST, WayBack
from authsvc.web.responses import NO_STORE, Headers, Response

_SCRIPT = "document.forms[0].submit()"
_HASH = b64encode(sha256(_SCRIPT.encode()).digest()).decode()
# No form-action: browsers hold it against every redirect that follows the post, and those are the client's.
_POLICY = f"default-src 'none'; script-src 'sha256-{_HASH}'; base-uri 'none'; frame-ancestors 'none'"
_PAGE: Headers = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", _POLICY.encode()),
    *NO_STORE,
)
_FORM = Environment(
    loader=PackageLoader("authsvc.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
).get_template("form_post.html")


def to_client(members: Mapping[str, str], way_back: WayBack) -> Response:
    """Return the answer to an authorization request, in the mode that it asked for.

    The form is posted by its own script, or by its button where scripts are off (OAuth 2.0 Form Post Response Mode §4).
    303 keeps browsers from posting to the client what was posted here (RFC 9700 §4.12).
    """
    if way_back.response_mode == FORM_POST:
        page = _FORM.render(action=way_back.redirect_uri, members=members, script=_SCRIPT)
        return Response(200, _PAGE, page.encode())
    return Response(303, ((b"location", address(members, way_back).encode()), *NO_STORE))
