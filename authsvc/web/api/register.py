"""POST /register and POST /register/confirm: sign-up, at once or through a mailed link."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from authsvc.domain import registration
from authsvc.domain.registration import Registration
from authsvc.domain.users import User
from authsvc.protocol.audit import record
from authsvc.web.api.account import AccountApi, Name, TokenBody, occasion, public_fields
from authsvc.web.api.lane_route import LaneRoute, runs_on
from authsvc.web.origin import refuse_unregistered_origin
from authsvc.web.request import Call
from authsvc.web.responses import NO_STORE, Response, json_response


class RegistrationBody(BaseModel):
    """What may be given; every other field is refused by name (a client never writes `email_verified`)."""

    model_config = ConfigDict(extra="forbid")

    username: str
    password: str
    email: str | None = None
    name: Name | None = None


def register_router(api: AccountApi) -> APIRouter:
    """Return the endpoints of sign-up."""
    router = APIRouter(route_class=LaneRoute)

    @router.post("/register", status_code=201)
    @runs_on("people", hashes=True, then=api.wake_mail)
    def register(call: Call, body: RegistrationBody) -> Response:
        """Register a user: 201, or 202 when the mailed link must be followed first."""
        refuse_unregistered_origin(call)
        wanted = Registration(body.username, body.password, body.email, body.name)
        user = registration.register(wanted, occasion(call), call.uow, api.accounts)
        if user is None:
            record(call.uow, call.request, "registration.started")
            return json_response(202, {"status": "confirmation_sent"})
        return _created(call, user)

    @router.post("/register/confirm", status_code=201)
    @runs_on("people")
    def confirm(call: Call, body: TokenBody) -> Response:
        """Make the registration of a mailed link a user."""
        refuse_unregistered_origin(call)
        return _created(call, registration.confirm_registration(body.token, occasion(call), call.uow, api.accounts))

    return router


def _created(call: Call, user: User) -> Response:
    record(call.uow, call.request, "user.registered", user_id=user.id)
    location = (b"location", f"{call.tenant.issuer}/me".encode())
    return json_response(201, public_fields(user), (*NO_STORE, location))
