"""Adds declared endpoints to the FastAPI application, and answers for paths and methods that none of them has."""

from collections.abc import Iterable

from fastapi import APIRouter, FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request as StarletteRequest
from starlette.responses import Response as StarletteResponse
from starlette.routing import Match

from authsvc.web.api.lane_route import LaneRoute, as_starlette
from authsvc.web.edge import ARRIVAL, EDGE, Edge
from authsvc.web.errors import HttpError
from authsvc.web.responses import Headers

_TITLES = {404: "There is nothing at this address.", 405: "This method is not for this address."}


def declare(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """Add the routes of these routers.

    No slash is added or taken away by a redirect: its address would be made of the Host header.
    """
    app.router.redirect_slashes = False
    app.add_exception_handler(HTTPException, _refuse)
    for router in routers:
        app.router.routes.extend(_lane_routes(router))


def endpoint_names(routers: Iterable[APIRouter]) -> tuple[str, ...]:
    """Return the names of the endpoints, for the metrics."""
    return tuple(dict.fromkeys(route.endpoint_name for router in routers for route in _lane_routes(router)))


def _lane_routes(router: APIRouter) -> list[LaneRoute]:
    routes = [route for route in router.routes if isinstance(route, LaneRoute)]
    if len(routes) != len(router.routes):
        message = "declared endpoints are LaneRoutes"
        raise TypeError(message)
    return routes


async def _refuse(request: StarletteRequest, error: Exception) -> StarletteResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    edge: Edge = request.scope[EDGE]
    refusal = HttpError(status, _TITLES.get(status, "This request cannot be answered."), _allow(request, status))
    return as_starlette(edge.refuse(refusal, request.scope[ARRIVAL]))


def _allow(request: StarletteRequest, status: int) -> Headers:
    """Return the Allow header: of every route of this path, since each knows its own method only."""
    if status != 405:  # noqa: PLR2004 - Method Not Allowed
        return ()
    methods = {"OPTIONS"}
    for route in request.app.router.routes:
        if isinstance(route, LaneRoute) and route.matches(request.scope)[0] is not Match.NONE:
            methods |= route.methods or set()
    if "GET" in methods:
        methods.add("HEAD")
    return ((b"allow", ", ".join(sorted(methods)).encode()),)
