"""/me: a person's own account, with an account token. What is asked of it beyond that stands at each endpoint."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from authsvc.domain.people import profile
from authsvc.domain.people.accounts import delete_account
from authsvc.protocol.audit import record
from authsvc.web.api.account import AccountApi, TokenBody, occasion, public_fields
from authsvc.web.api.lane_route import LaneRoute, runs_on
from authsvc.web.request import Call
from authsvc.web.responses import Response, empty, json_response

_SIGN_IN_NAMES = frozenset({"username", "email"})


class ProfileBody(BaseModel):
    """What may be changed; every other field is refused by name (a client never writes `email_verified`)."""

    model_config = ConfigDict(extra="forbid")

    username: str = ""
    # What cannot be one is told by the domain, so that every bad field is named at once.
    name: str | None = None
    given_name: str | None = None
    family_name: str | None = None
    nickname: str | None = None
    locale: str | None = None
    email: str | None = None


def me_router(api: AccountApi) -> APIRouter:
    """Return the endpoints of the profile."""
    router = APIRouter(route_class=LaneRoute)

    @router.get("/me")
    @runs_on("people")
    def read(call: Call) -> Response:
        """Return the account."""
        return json_response(200, public_fields(api.caller(call).user))

    @router.patch("/me")
    @runs_on("people", then=api.wake_mail)
    def change(call: Call, body: ProfileBody) -> Response:
        """Change the profile. A new user name or address needs a recent login: it is what one signs in with."""
        changes = body.model_dump(exclude_unset=True)
        caller = api.caller(call, recent=not _SIGN_IN_NAMES.isdisjoint(changes))
        if not changes:
            return json_response(200, public_fields(caller.user))
        changed = profile.change_profile(caller.user, changes, occasion(call), call.uow, api.accounts)
        record(call.uow, call.request, "user.changed", user_id=caller.user.id)
        pending = {} if changed.pending_email is None else {"pending_email": changed.pending_email}
        return json_response(200, {**public_fields(changed.user), **pending})

    @router.delete("/me", status_code=204)
    @runs_on("people", then=api.wake_mail)
    def delete(call: Call) -> Response:
        """Delete the account; needs a recent login."""
        caller = api.caller(call, recent=True)
        delete_account(caller.user, call.uow, call.request.now)
        record(call.uow, call.request, "user.deleted", user_id=caller.user.id)
        return empty(204)

    @router.post("/me/email/confirm")
    @runs_on("people", then=api.wake_mail)
    def confirm_email(call: Call, body: TokenBody) -> Response:
        """Verify the address that a mailed link proves."""
        caller = api.caller(call)
        user = profile.confirm_email(caller.user, body.token, occasion(call), call.uow, api.accounts)
        record(call.uow, call.request, "email.verified", user_id=user.id)
        return json_response(200, public_fields(user))

    return router
