"""What is told about a person: by scope, and claim by claim (OpenID Connect Core 1.0 §5.1, §5.4, §5.5)."""

from collections.abc import Iterable, Mapping
from typing import Any

from authsvc.domain.people.users import User

BY_SCOPE: Mapping[str, tuple[str, ...]] = {
    "profile": (
        "name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile", "picture",
        "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at",
    ),
    "email": ("email", "email_verified"),
    "address": ("address",),
    "phone": ("phone_number", "phone_number_verified"),
}  # fmt: skip
PERSONAL = frozenset(name for names in BY_SCOPE.values() for name in names)
_OWN = frozenset({"preferred_username", "name", "email", "email_verified", "updated_at"})
"""Have places of their own in the record: what is stored among the details cannot speak for them."""


def claims_about(user: User, scopes: Iterable[str], names: Iterable[str] = ()) -> Mapping[str, Any]:
    """Return the claims that the scopes allow, and those named besides; what is not known is left out."""
    told = told_by_scopes(scopes) | (PERSONAL & frozenset(names))
    return {name: value for name, value in _known(user).items() if name in told} if told else {}


def beyond_scopes(claims: Mapping[str, Mapping[str, Any]], scopes: frozenset[str]) -> frozenset[str]:
    """Return the personal claims that a `claims` parameter asks for and the scopes would not tell."""
    if not claims:
        return frozenset()
    return frozenset(name for member in claims.values() for name in member if name in PERSONAL) - told_by_scopes(scopes)


def told_by_scopes(scopes: Iterable[str]) -> frozenset[str]:
    """Return the claims that the scopes allow."""
    return frozenset(name for scope in scopes for name in BY_SCOPE.get(scope, ()))


def asked_of_userinfo(claims: Mapping[str, Mapping[str, Any]]) -> frozenset[str]:
    """Return the personal claims that a `claims` parameter asks of userinfo (§5.5)."""
    return PERSONAL.intersection(claims.get("userinfo", ()))


def _known(user: User) -> dict[str, Any]:
    known = {name: value for name, value in user.details.items() if name in PERSONAL - _OWN}
    known["preferred_username"] = user.username
    if user.name is not None:
        known["name"] = user.name
    if user.email is not None:
        known |= {"email": user.email, "email_verified": user.email_verified}
    if user.updated_at is not None:
        known["updated_at"] = int(user.updated_at.timestamp())
    return known
