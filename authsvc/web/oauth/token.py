"""POST /token and POST /login: form or JSON in, token answer out."""

from collections.abc import Callable

from authsvc.domain.people.passwords import is_endless
from authsvc.domain.people.users import MAX_LOGIN_CHARACTERS
from authsvc.domain.ports import UnitOfWork
from authsvc.protocol import first_party
from authsvc.protocol.grant import Issuing
from authsvc.protocol.grants import GRANTS
from authsvc.protocol.token import REPEATABLE, TokenRequest, token
from authsvc.protocol.tokens.issue import TokenAnswer
from authsvc.web.endpoint import Handler, Route
from authsvc.web.forms import Fields, single_values
from authsvc.web.origin import refuse_foreign_origin
from authsvc.web.request import Call
from authsvc.web.responses import Response, json_response

_ROUTES = {name: Route(grant.LANE) for name, grant in GRANTS.items() if not grant.HASHES}
_HASHING = {name for name, grant in GRANTS.items() if grant.HASHES}
_OTHERWISE = Route("machine")
Answering = Callable[[TokenRequest, UnitOfWork, Issuing], TokenAnswer]


def token_route(fields: Fields) -> Route:
    """Return the lane of the grant that is asked for."""
    grant_type = fields.get("grant_type", ("",))[0]
    if grant_type in _HASHING:
        return login_route(fields)
    return _ROUTES.get(grant_type, _OTHERWISE)


def login_route(fields: Fields) -> Route:
    """Return the lane of a sign-in, one at a time for each name. A password that is nobody's is not hashed."""
    presented_username, presented_password = (fields.get(name, ("",))[0] for name in ("username", "password"))
    if is_endless(presented_password):
        return Route("people")
    return Route("people", hashes=True, turn=presented_username[:MAX_LOGIN_CHARACTERS].strip().casefold())


def token_handler(issuing: Issuing) -> Handler:
    """Return the handler of POST /token."""

    def handle(call: Call) -> Response:
        return _answered(token(token_request(call), call.uow, issuing))

    return handle


def login_handler(issuing: Issuing) -> Handler:
    """Return the handler of POST /login; browsers on origins that are not the client's are refused."""

    def handle(call: Call) -> Response:
        request = token_request(call)
        refuse_foreign_origin(call, request.parameters.get("client_id"))
        return _answered(first_party.login(request, call.uow, issuing))

    return handle


def token_request(call: Call) -> TokenRequest:
    """Return the request in the protocol's terms. Raises: InvalidRequest for repeated parameters or headers."""
    request = call.request
    return TokenRequest(
        tenant=call.tenant,
        parameters=single_values(request.fields, REPEATABLE),
        resources=request.fields.get("resource", ()),
        audiences=request.fields.get("audience", ()),
        authorization=request.header(b"authorization"),
        address=request.address,
        request_id=request.request_id,
        now=request.now,
        permit=request.permit,
    )


def _answered(answer: TokenAnswer) -> Response:
    body = {"access_token": answer.access_token, "token_type": "Bearer", "expires_in": answer.expires_in}
    if answer.refresh_token is not None:
        body["refresh_token"] = answer.refresh_token
    if answer.id_token is not None:
        body["id_token"] = answer.id_token
    if answer.issued_token_type is not None:
        body["issued_token_type"] = answer.issued_token_type
    if answer.scope:
        body["scope"] = answer.scope
    return json_response(200, body)
