"""What the admin API takes and tells of users: the fields by their names, each other field refused."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from authsvc.domain.people.profile import DETAILS
from authsvc.domain.people.user_administration import Given
from authsvc.domain.people.users import User
from authsvc.web.api.account import Name

_PROFILE = frozenset({"username", "email", "name"}) | DETAILS
Hash = Annotated[str, Field(max_length=1_024)]


class ChangedUserBody(BaseModel):
    """What an administrator may change; null takes an address or a name away."""

    model_config = ConfigDict(extra="forbid")

    username: str = ""
    email: str | None = None
    email_verified: bool | None = None
    name: Name | None = None
    given_name: Name | None = None
    family_name: Name | None = None
    nickname: Name | None = None
    locale: Name | None = None
    password: str | None = None
    password_hash: Hash | None = None
    disabled: bool | None = None


class NewUserBody(ChangedUserBody):
    """What an administrator may give a new user; without password and hash it cannot sign in with one yet."""

    username: str


def given(body: ChangedUserBody) -> Given:
    """Return what was given."""
    fields = body.model_dump(exclude_unset=True)
    profile = {name: value for name, value in fields.items() if name in _PROFILE}
    return Given(profile, **{name: value for name, value in fields.items() if name not in _PROFILE})


def told(user: User) -> Mapping[str, Any]:
    """Return what an administrator is told of a user; never the hash."""
    return {
        "id": str(user.id),
        "username": user.username,
        "email": user.email,
        "email_verified": user.email_verified,
        "name": user.name,
        **{name: user.details.get(name) for name in sorted(DETAILS)},
        "has_password": user.password_hash is not None,
        "disabled": user.disabled_at is not None,
        "created_at": instant(user.created_at),
        "updated_at": instant(user.updated_at),
        "disabled_at": instant(user.disabled_at),
    }


def instant(at: datetime | None) -> str | None:
    """Return the instant as it is told, to the second."""
    return None if at is None else at.isoformat(timespec="seconds")
