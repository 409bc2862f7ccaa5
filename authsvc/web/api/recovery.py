"""POST /password/forgot and POST /password/reset: a new password for who reads the account's mail."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from authsvc.domain.people import password_reset
from authsvc.domain.people.password_reset import PasswordReset
from authsvc.domain.people.users import MAX_LOGIN_CHARACTERS
from authsvc.protocol.audit import record
from authsvc.web.api.account import AccountApi, occasion
from authsvc.web.api.lane_route import LaneRoute, runs_on
from authsvc.web.origin import refuse_unregistered_origin
from authsvc.web.request import Call
from authsvc.web.responses import Response, empty, json_response


class ForgottenBody(BaseModel):
    """Whose password it is: by user name or address."""

    model_config = ConfigDict(extra="forbid")

    username: Annotated[str, Field(min_length=1, max_length=MAX_LOGIN_CHARACTERS)]


class ResetBody(BaseModel):
    """The secret of the mailed link, and the new password."""

    model_config = ConfigDict(extra="forbid")

    token: str
    new_password: str


def recovery_router(api: AccountApi) -> APIRouter:
    """Return the endpoints of a forgotten password."""
    router = APIRouter(route_class=LaneRoute)

    @router.post("/password/forgot", status_code=202)
    @runs_on("people", padded=True, then=api.wake_mail)
    def forgot(call: Call, body: ForgottenBody) -> Response:
        """Mail a link to the person's verified address, if there is one: the answer is the same for everybody."""
        refuse_unregistered_origin(call)
        user = password_reset.request_reset(body.username, occasion(call), call.uow, api.accounts)
        record(call.uow, call.request, "password.forgotten", user_id=user.id if user else None)
        return json_response(202, {"status": "letter_sent_if_known"})

    @router.post("/password/reset", status_code=204)
    @runs_on("people", hashes=True, then=api.wake_mail)
    def reset(call: Call, body: ResetBody) -> Response:
        """Set a new password by the mailed secret; ends every session of the person."""
        refuse_unregistered_origin(call)
        wanted = PasswordReset(body.token, body.new_password)
        user = password_reset.reset_password(wanted, occasion(call), call.uow, api.accounts)
        record(call.uow, call.request, "password.reset", user_id=user.id)
        return empty(204)

    return router
