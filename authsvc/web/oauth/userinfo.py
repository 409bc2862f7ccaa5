"""GET and POST /userinfo: an access token in, claims about its person out, signed for clients that want them so."""

from authsvc.domain.keyring import Keyring
from authsvc.protocol.userinfo import UserinfoRequest, sign_userinfo, userinfo
from authsvc.web.endpoint import Handler
from authsvc.web.forms import single_values
from authsvc.web.request import Call
from authsvc.web.responses import NO_STORE, Response, json_response


def userinfo_handler(keyring: Keyring) -> Handler:
    """Return the handler of both methods (OpenID Connect Core 1.0 §5.3.1, §5.3.2).

    The body of a GET is not looked at (RFC 6750 §2.2), nor is the URL.
    """

    def handle(call: Call) -> Response:
        request = call.request
        fields = single_values(request.fields, frozenset()) if request.method == "POST" else {}
        presented = UserinfoRequest(
            call.tenant, request.header(b"authorization"), fields.get("access_token"), request.now
        )
        told = userinfo(presented, call.uow, keyring)
        signed = sign_userinfo(told, presented, call.uow, keyring)
        if signed is None:
            return json_response(200, told.members)
        return Response(200, ((b"content-type", b"application/jwt"), *NO_STORE), signed.encode())

    return handle
