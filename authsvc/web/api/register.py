"""POST /register and POST /register/confirm: sign-up, at once or through a mailed link."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from authsvc.domain.people import registration
from authsvc.domain.people.registration import Confirmation, Registration
from authsvc.domain.people.users import User
from authsvc.protocol.audit import record
from authsvc.web.api.account import AccountApi, Name, occasion, public_fields
from authsvc.web.api.lane_route import LaneRoute, runs_on
from authsvc.web.origin import refuse_unregistered_origin
from authsvc.web.request import Call
from authsvc.web.responses import NO_STORE, Response, json_response

EarlyPassword = Annotated[str | None, Field(description="The password; none where it is chosen behind a mailed link.")]


class RegistrationBody(BaseModel):
    """What may be given; every other field is refused by name (a client never writes `email_verified`)."""

    model_config = ConfigDict(extra="forbid")

    username: str
    password: EarlyPassword = None
    email: str | None = None
    name: Name | None = None


class ConfirmationBody(BaseModel):
    """The secret of the mailed link, and the password of the account that it makes."""

    model_config = ConfigDict(extra="forbid")

    token: str
    password: str


def register_router(api: AccountApi) -> APIRouter:
    """Return the endpoints of sign-up."""
    router = APIRouter(route_class=LaneRoute)

    @router.post("/register", status_code=201)
    @runs_on("people", hashes=True, then=api.wake_mail)
    def register(call: Call, body: RegistrationBody) -> Response:
        """Register a user: 201, or 202 when the mailed link must be followed first, and the password chosen there."""
        refuse_unregistered_origin(call)
        wanted = Registration(body.username, body.password, body.email, body.name)
        user = registration.register(wanted, occasion(call), call.uow, api.accounts)
        if user is None:
            record(call.uow, call.request, "registration.started")
            return json_response(202, {"status": "confirmation_sent"})
        return _created(call, user)

    @router.post("/register/confirm", status_code=201)
    @runs_on("people", hashes=True)
    def confirm(call: Call, body: ConfirmationBody) -> Response:
        """Make the registration of a mailed link a user, whose password who reads the letter chooses now."""
        refuse_unregistered_origin(call)
        confirmation = Confirmation(body.token, body.password)
        return _created(call, registration.confirm_registration(confirmation, occasion(call), call.uow, api.accounts))

    return router


def _created(call: Call, user: User) -> Response:
    record(call.uow, call.request, "user.registered", user_id=user.id)
    location = (b"location", f"{call.tenant.issuer}/me".encode())
    return json_response(201, public_fields(user), (*NO_STORE, location))
