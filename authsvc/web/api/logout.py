"""POST /logout: ends the session behind a refresh token or an account token."""

from authsvc.protocol.grant import Issuing
from authsvc.protocol.logout import logout
from authsvc.web.endpoint import Handler
from authsvc.web.oauth.token import token_request
from authsvc.web.origin import refuse_foreign_origin
from authsvc.web.request import Call
from authsvc.web.responses import Response, empty


def logout_handler(issuing: Issuing) -> Handler:
    """Return the handler: 204 when the session has ended."""

    def handle(call: Call) -> Response:
        request = token_request(call)
        refuse_foreign_origin(call, request.parameters.get("client_id"))
        logout(request, call.uow, issuing)
        return empty(204)

    return handle
