"""GET and POST /userinfo: an access token in, claims about its person out."""

from authsvc.domain.keyring import Keyring
from authsvc.protocol.userinfo import UserinfoRequest, userinfo
from authsvc.web.endpoint import Handler
from authsvc.web.forms import single_values
from authsvc.web.request import Call
from authsvc.web.responses import Response, json_response


def userinfo_handler(keyring: Keyring) -> Handler:
    """Return the handler of both methods (OpenID Connect Core 1.0 §5.3.1).

    The body of a GET is not looked at (RFC 6750 §2.2), nor is the URL.
    """

    def handle(call: Call) -> Response:
        request = call.request
        fields = single_values(request.fields, frozenset()) if request.method == "POST" else {}
        presented = UserinfoRequest(
            call.tenant, request.header(b"authorization"), fields.get("access_token"), request.now
        )
        return json_response(200, userinfo(presented, call.uow, keyring))

    return handle
