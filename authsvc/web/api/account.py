"""What the endpoints of sign-up and of /me share: who calls, the fields that may be given, what a person is told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from authsvc.domain.keyring import Keyring
from authsvc.domain.people.accounts import Accounts, Occasion
from authsvc.domain.people.profile import DETAILS, MAX_NAME
from authsvc.domain.people.users import User
from authsvc.protocol.bearer import Caller, authenticate_caller, require_recent_login
from authsvc.web.idempotency import Idempotency
from authsvc.web.page import accept_language
from authsvc.web.request import Call

Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME)]


class TokenBody(BaseModel):
    """The secret of a mailed link."""

    model_config = ConfigDict(extra="forbid")

    token: str


@dataclass(frozen=True, slots=True)
class AccountApi:
    """What the endpoints of the account API are lent. `wake_mail` is told when a letter may wait, or a logout."""

    accounts: Accounts
    keyring: Keyring
    recent_login_seconds: int
    wake_mail: Callable[[], None]
    idempotency: Idempotency

    def caller(self, call: Call, *, recent: bool = False) -> Caller:
        """Return whose account this is. Raises: as protocol/bearer.py; with `recent`, if they signed in long ago."""
        authorization, now = call.request.header(b"authorization"), call.request.now
        caller = authenticate_caller(authorization, call.tenant, call.uow, self.keyring, now)
        if recent:
            require_recent_login(caller, self.recent_login_seconds, now)
        return caller


def occasion(call: Call) -> Occasion:
    """Return what the domain needs to know of the request."""
    request = call.request
    languages = accept_language(request.headers)
    return Occasion(call.tenant, request.address, request.now, request.permit, languages)


def public_fields(user: User) -> Mapping[str, Any]:
    """Return what a person is told of their own account."""
    return {
        "sub": str(user.id),
        "username": user.username,
        "name": user.name,
        **{name: user.details.get(name) for name in sorted(DETAILS)},
        "email": user.email,
        "email_verified": user.email_verified,
        "created_at": user.created_at.isoformat(timespec="seconds"),
    }
