"""/me: a person's own account, with an account token. What is asked of it beyond that stands at each endpoint."""

from collections.abc import Callable

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from authsvc.domain import password_change, profile
from authsvc.domain.accounts import Accounts, delete_account
from authsvc.domain.keyring import Keyring
from authsvc.domain.password_change import PasswordChange
from authsvc.protocol.audit import record
from authsvc.protocol.bearer import Caller, authenticate_caller, require_recent_login
from authsvc.web.api.account import Name, TokenBody, occasion, public_fields
from authsvc.web.api.lane_route import LaneRoute, runs_on
from authsvc.web.request import Call
from authsvc.web.responses import Response, empty, json_response

_SIGN_IN_NAMES = frozenset({"username", "email"})


class ProfileBody(BaseModel):
    """What may be changed; every other field is refused by name (a client never writes `email_verified`)."""

    model_config = ConfigDict(extra="forbid")

    username: str = ""
    name: Name | None = None
    email: str | None = None


class PasswordBody(BaseModel):
    """The change of a password."""

    model_config = ConfigDict(extra="forbid")

    current_password: str
    new_password: str


def me_router(
    accounts: Accounts, keyring: Keyring, recent_login_seconds: int, wake_mail: Callable[[], None]
) -> APIRouter:
    """Return the endpoints of /me. `wake_mail` is told when a letter may wait."""
    router = APIRouter(route_class=LaneRoute)

    def caller_of(call: Call, *, recent: bool = False) -> Caller:
        request = call.request
        caller = authenticate_caller(request.header(b"authorization"), call.tenant, call.uow, keyring, request.now)
        if recent:
            require_recent_login(caller, recent_login_seconds, request.now)
        return caller

    @router.get("/me")
    @runs_on("people")
    def read(call: Call) -> Response:
        """Return the account."""
        return json_response(200, public_fields(caller_of(call).user))

    @router.patch("/me")
    @runs_on("people", then=wake_mail)
    def change(call: Call, body: ProfileBody) -> Response:
        """Change the profile. A new user name or address needs a recent login: it is what one signs in with."""
        changes = body.model_dump(exclude_unset=True)
        caller = caller_of(call, recent=not _SIGN_IN_NAMES.isdisjoint(changes))
        if not changes:
            return json_response(200, public_fields(caller.user))
        changed = profile.change_profile(caller.user, changes, occasion(call), call.uow, accounts)
        record(call.uow, call.request, "user.changed", user_id=caller.user.id)
        pending = {} if changed.pending_email is None else {"pending_email": changed.pending_email}
        return json_response(200, {**public_fields(changed.user), **pending})

    @router.delete("/me", status_code=204)
    @runs_on("people")
    def delete(call: Call) -> Response:
        """Delete the account; needs a recent login."""
        caller = caller_of(call, recent=True)
        delete_account(caller.user, call.uow)
        record(call.uow, call.request, "user.deleted", user_id=caller.user.id)
        return empty(204)

    @router.post("/me/password", status_code=204)
    @runs_on("people", hashes=True, then=wake_mail)
    def change_password(call: Call, body: PasswordBody) -> Response:
        """Change the password; needs a recent login and the current one, and ends all other sessions."""
        caller = caller_of(call, recent=True)
        change = PasswordChange(body.current_password, body.new_password, caller.session.id)
        password_change.change_password(caller.user, change, occasion(call), call.uow, accounts)
        record(call.uow, call.request, "password.changed", user_id=caller.user.id)
        return empty(204)

    @router.post("/me/email/confirm")
    @runs_on("people", then=wake_mail)
    def confirm_email(call: Call, body: TokenBody) -> Response:
        """Verify the address that a mailed link proves."""
        caller = caller_of(call)
        user = profile.confirm_email(caller.user, body.token, occasion(call), call.uow, accounts)
        record(call.uow, call.request, "email.verified", user_id=user.id)
        return json_response(200, public_fields(user))

    return router
