"""What the endpoints of sign-up and of /me share: fields that may be given, and what a person is told of themselves."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from authsvc.domain.accounts import Occasion
from authsvc.domain.profile import MAX_NAME
from authsvc.domain.users import User
from authsvc.web.request import Call

Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME)]


class TokenBody(BaseModel):
    """The secret of a mailed link."""

    model_config = ConfigDict(extra="forbid")

    token: str


def occasion(call: Call) -> Occasion:
    """Return what the domain needs to know of the request."""
    request = call.request
    return Occasion(call.tenant, request.address, request.now, request.permit)


def public_fields(user: User) -> Mapping[str, Any]:
    """Return what a person is told of their own account."""
    return {
        "sub": str(user.id),
        "username": user.username,
        "name": user.name,
        "email": user.email,
        "email_verified": user.email_verified,
        "created_at": user.created_at.isoformat(timespec="seconds"),
    }
