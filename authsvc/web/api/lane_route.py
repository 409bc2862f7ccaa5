"""Endpoints that are declared with FastAPI, run like all others: a plain function, on our lane, in our transaction.

FastAPI matches the path and checks the body against its pydantic model, on the event loop. The edge does the rest: it
has read the body before, and runs the function, commits and answers as for the endpoints of the URL map.
"""

import inspect
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import Request as StarletteRequest
from starlette.responses import Response as StarletteResponse

from authsvc.web.api.refusals import fields_invalid
from authsvc.web.edge import ARRIVAL, EDGE, Edge
from authsvc.web.endpoint import Arrival, Endpoint, LaneName, Route
from authsvc.web.forms import Fields
from authsvc.web.request import Call
from authsvc.web.responses import Response

Function = Callable[..., Response]
Answering = Callable[[StarletteRequest], Coroutine[Any, Any, StarletteResponse]]
_DECLARED = "authsvc_declared"
_REQUEST = "asgi_request"


@dataclass(frozen=True, slots=True)
class Declared:
    """What a declared function says of itself: where it runs, and what follows when its answer was committed."""

    route: Route
    then: Callable[[], None] | None


def runs_on(
    lane: LaneName, *, hashes: bool = False, padded: bool = False, then: Callable[[], None] | None = None
) -> Callable[[Function], Function]:
    """Name the lane of a declared function, whether it hashes a password, and whether its duration may tell nothing.

    `then` is called on the event loop after the commit, unless the request was refused; it must not block.
    """

    def declare(function: Function) -> Function:
        setattr(function, _DECLARED, Declared(Route(lane, hashes, padded=padded), then))
        return function

    return declare


class LaneRoute(APIRoute):
    """A declared endpoint: `function(call, ...)`, marked with `runs_on`; FastAPI fills in all but the call."""

    def __init__(self, path: str, endpoint: Function, **options: Any) -> None:  # noqa: ANN401 - FastAPI's own
        self.endpoint_name = path.lstrip("/")
        super().__init__(path, _on_lane(endpoint, self.endpoint_name), **options)

    def get_route_handler(self) -> Answering:
        """Answer what FastAPI refuses as a problem of ours."""
        answer = super().get_route_handler()

        async def handle(request: StarletteRequest) -> StarletteResponse:
            try:
                return await answer(request)
            except RequestValidationError as error:
                edge: Edge = request.scope[EDGE]
                arrival = _named(request.scope[ARRIVAL], self.endpoint_name)
                return as_starlette(edge.refuse(fields_invalid(error), arrival))

        return handle


def as_starlette(response: Response) -> StarletteResponse:
    """Return our answer as FastAPI wants it."""
    answer = StarletteResponse(response.body, response.status)
    answer.raw_headers = [*response.headers, (b"content-length", str(len(response.body)).encode())]
    return answer


def _on_lane(function: Function, name: str) -> Callable[..., Coroutine[Any, Any, StarletteResponse]]:
    declared = getattr(function, _DECLARED, None)
    if not isinstance(declared, Declared):
        message = f"{name}: a declared endpoint names its lane (runs_on)"
        raise TypeError(message)

    async def endpoint(**values: Any) -> StarletteResponse:  # noqa: ANN401 - what the signature below says
        request: StarletteRequest = values.pop(_REQUEST)
        edge: Edge = request.scope[EDGE]
        arrival: Arrival = request.scope[ARRIVAL]

        def handle(call: Call) -> Response:
            return function(call, **values)

        response = await edge.hop(_named(arrival, name, handle), declared.route)
        if declared.then is not None and response.status < 400:  # noqa: PLR2004 - from here on, refusals
            declared.then()
        return as_starlette(response)

    endpoint.__name__, endpoint.__doc__ = function.__name__, function.__doc__
    endpoint.__signature__ = _signature(function)  # type: ignore[attr-defined]
    return endpoint


def _signature(function: Function) -> inspect.Signature:
    """Return what FastAPI is to fill in: the function's parameters, with the request in place of the call."""
    _, *others = inspect.signature(function).parameters.values()
    request = inspect.Parameter(_REQUEST, inspect.Parameter.KEYWORD_ONLY, annotation=StarletteRequest)
    filled = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in others]
    return inspect.Signature([request, *filled], return_annotation=StarletteResponse)


def _named(arrival: Arrival, name: str, handle: Callable[[Call], Response] | None = None) -> Arrival:
    handlers = {} if handle is None else {arrival.request.method: handle}
    return replace(arrival, endpoint=Endpoint(name, handlers, _unrouted, refusals="api"))


def _unrouted(fields: Fields) -> Route:  # noqa: ARG001 - runs_on has said it
    return Route("people")
