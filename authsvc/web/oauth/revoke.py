"""POST /revoke: a form in, nothing out."""

from authsvc.protocol.grant import Issuing
from authsvc.protocol.revoke import revoke
from authsvc.web.endpoint import Handler
from authsvc.web.oauth.token import token_request
from authsvc.web.request import Call
from authsvc.web.responses import Response, empty


def revoke_handler(issuing: Issuing) -> Handler:
    """Return the handler of POST /revoke (RFC 7009 §2)."""

    def handle(call: Call) -> Response:
        revoke(token_request(call), call.uow, issuing)
        return empty(200)

    return handle
