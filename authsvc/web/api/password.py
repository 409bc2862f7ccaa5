"""POST /me/password: a person's new password."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from authsvc.domain.people import password_change
from authsvc.domain.people.password_change import PasswordChange
from authsvc.protocol.audit import record
from authsvc.web.api.account import AccountApi, occasion
from authsvc.web.api.lane_route import LaneRoute, runs_on
from authsvc.web.request import Call
from authsvc.web.responses import Response, empty


class PasswordBody(BaseModel):
    """The change of a password."""

    model_config = ConfigDict(extra="forbid")

    current_password: str
    new_password: str


def password_router(api: AccountApi) -> APIRouter:
    """Return the endpoint of the password."""
    router = APIRouter(route_class=LaneRoute)

    @router.post("/me/password", status_code=204)
    @runs_on("people", hashes=True, then=api.wake_mail)
    def change_password(call: Call, body: PasswordBody) -> Response:
        """Change the password; needs a recent login and the current one, and ends all other sessions."""
        caller = api.caller(call, recent=True)
        change = PasswordChange(body.current_password, body.new_password, caller.session.id)
        password_change.change_password(caller.user, change, occasion(call), call.uow, api.accounts)
        record(call.uow, call.request, "password.changed", user_id=caller.user.id)
        return empty(204)

    return router
