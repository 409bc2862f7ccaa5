"""POST /introspect: a form in, JSON out, or a signed JWT for who asks for one."""

from authsvc.protocol.grant import Issuing
from authsvc.protocol.introspect import TYPE, introspect, sign_introspection
from authsvc.web.accept import prefers
from authsvc.web.endpoint import Handler
from authsvc.web.oauth.token import token_request
from authsvc.web.request import Call
from authsvc.web.responses import NO_STORE, Response, json_response

SIGNED = f"application/{TYPE}"


def introspect_handler(issuing: Issuing) -> Handler:
    """Return the handler of POST /introspect (RFC 7662 §2, RFC 9701 §4)."""

    def handle(call: Call) -> Response:
        request = token_request(call)
        answer = introspect(request, call.uow, issuing)
        if not prefers(call.request, SIGNED, to="application/json"):
            return json_response(200, answer.members)
        signed = sign_introspection(answer, request, call.uow, issuing)
        return Response(200, ((b"content-type", SIGNED.encode()), *NO_STORE), signed.encode())

    return handle
