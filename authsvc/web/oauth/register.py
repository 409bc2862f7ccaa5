"""POST /connect/register, and GET, PUT and DELETE of what it made: JSON in, JSON out (RFC 7591, RFC 7592)."""

from collections.abc import Mapping

from authsvc.protocol.errors import InvalidRequest
from authsvc.protocol.register import (
    Registered,
    Registering,
    RegistrationRequest,
    information,
    register,
    registration_uri,
)
from authsvc.protocol.registration_management import (
    ManagementRequest,
    delete_registration,
    read_registration,
    replace_registration,
)
from authsvc.web.endpoint import Handler
from authsvc.web.forms import checked_json, parse_form, single_values
from authsvc.web.request import Call
from authsvc.web.responses import NO_STORE, Response, empty, json_response


def registration_handlers(registering: Registering) -> Mapping[str, Handler]:
    """Return the handlers by method."""

    def created(call: Call) -> Response:
        request = call.request
        wanted = RegistrationRequest(
            tenant=call.tenant,
            authorization=request.header(b"authorization"),
            metadata=checked_json(request.body),
            address=request.address,
            request_id=request.request_id,
            now=request.now,
        )
        registered = register(wanted, call.uow, registering)
        location = registration_uri(registered.client, call.tenant)
        return _told(201, registered, call, ((b"location", location.encode()),))

    def replaced(call: Call) -> Response:
        request = _management(call)
        return _told(200, replace_registration(request, checked_json(call.request.body), call.uow, registering), call)

    return {"POST": created, "GET": _read, "PUT": replaced, "DELETE": _deleted}


def _read(call: Call) -> Response:
    return _told(200, read_registration(_management(call), call.uow), call)


def _deleted(call: Call) -> Response:
    delete_registration(_management(call), call.uow)
    return empty(204)


def _management(call: Call) -> ManagementRequest:
    """Return which client the URL names. Raises: InvalidRequest."""
    request = call.request
    client_id = single_values(parse_form(request.query), frozenset()).get("client_id")
    if client_id is None:
        raise InvalidRequest("the URL names no client: use the registration_client_uri")
    return ManagementRequest(
        tenant=call.tenant,
        client_id=client_id,
        authorization=request.header(b"authorization"),
        address=request.address,
        request_id=request.request_id,
        now=request.now,
    )


def _told(status: int, registered: Registered, call: Call, headers: tuple[tuple[bytes, bytes], ...] = ()) -> Response:
    return json_response(status, information(registered, call.tenant), NO_STORE + headers)
