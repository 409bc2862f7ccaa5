"""What is told about a person, by scope (OpenID Connect Core 1.0 §5.4)."""

from collections.abc import Mapping

from authsvc.domain.users import User


def claims_about(user: User, scopes: frozenset[str]) -> Mapping[str, str | bool]:
    """Return the claims that the scopes allow; what is not known is left out."""
    claims: dict[str, str | bool] = {}
    if "profile" in scopes:
        claims["preferred_username"] = user.username
        if user.name is not None:
            claims["name"] = user.name
    if "email" in scopes and user.email is not None:
        claims["email"] = user.email
        claims["email_verified"] = user.email_verified
    return claims
