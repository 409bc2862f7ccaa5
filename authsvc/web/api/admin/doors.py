"""The one way into the admin API: whoever calls is known, and has the scope of the route, before its function runs."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any
from uuid import UUID

from fastapi import APIRouter

from authsvc.protocol.administrator import Administrator, authenticate_administrator
from authsvc.protocol.audit import record
from authsvc.web.api.account import AccountApi
from authsvc.web.api.admin.rules import RULES
from authsvc.web.api.lane_route import Function, LaneRoute, runs_on
from authsvc.web.request import Call
from authsvc.web.responses import Response


@dataclass(frozen=True, slots=True)
class Visit:
    """A call of an administrator who may make it."""

    call: Call
    admin: Administrator

    def record(
        self, event: str, *, user_id: UUID | None = None, client_id: str | None = None, about: str | None = None
    ) -> None:
        """Write into the audit trail what was done, and by whom."""
        by = f"by {self.admin.client_id}"
        detail = by if about is None else f"{about}; {by}"
        record(self.call.uow, self.call.request, event, user_id=user_id, client_id=client_id, detail=detail)


@dataclass(frozen=True, slots=True)
class Door:
    """A route by its name in RULES, the status of its success, and as in `runs_on`."""

    name: str
    status: int = 200
    hashes: bool = False
    then: Callable[[], None] | None = None


class Doors:
    """The routes of one noun."""

    def __init__(self, api: AccountApi) -> None:
        self._api = api
        self.router = APIRouter(route_class=LaneRoute)

    def open(self, door: Door) -> Callable[[Function], Function]:
        """Declare the function that answers at this door. Raises: KeyError if it has no rule."""
        method, path = door.name.split(" ")
        scope = RULES[door.name]

        def declare(function: Function) -> Function:
            @wraps(function)
            def admitted(call: Call, **values: Any) -> Response:  # noqa: ANN401 - what FastAPI has filled in
                visit = admit(self._api, call, scope)
                if method != "POST":
                    return function(visit, **values)
                principal = f"client {visit.admin.client_id}"
                return self._api.idempotency.once(call, principal, lambda: function(visit, **values))

            endpoint = runs_on("people", hashes=door.hashes, then=door.then)(admitted)
            self.router.add_api_route(path, endpoint, methods=[method], status_code=door.status)
            return function

        return declare


def admit(api: AccountApi, call: Call, scope: str) -> Visit:
    """Return the visit of an administrator. Raises: as protocol/administrator.py; without the scope, too."""
    authorization, now = call.request.header(b"authorization"), call.request.now
    admin = authenticate_administrator(authorization, call.tenant, call.uow, api.keyring, now)
    admin.require(scope)
    return Visit(call, admin)
