"""The `claims` parameter: single claims that the client asks for, and what it must be that they say (Core §5.5)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from authsvc.crypto import strict_json
from authsvc.protocol.authorize.request import AuthorizationRequest, Judging
from authsvc.protocol.claims import PERSONAL
from authsvc.protocol.errors import InvalidRequest

MAX_CHARACTERS = 8_192
MAX_VALUES = 32
MAX_DEPTH = 16
"""Nothing that is known here lies deeper than four; what other servers know does (verified_claims)."""
MEMBERS = ("id_token", "userinfo")
_KNOWN = PERSONAL | {"sub", "acr"}
"""Of the others, everything is told that can be, asked or not."""
_SCALARS = (str, int, float, bool)


def check_claims_parameter(request: AuthorizationRequest, judging: Judging) -> AuthorizationRequest:
    """Read `claims`. Raises: InvalidRequest.

    It says something in requests of OpenID Connect only. Members that are not known are left out (Core §5.5), what has
    another form than it should is refused. A value of `sub` says whom it must be.
    """
    presented = request.parameters.get("claims")
    if presented is None or "openid" not in request.scopes:
        return request
    claims = {name: wishes for name, wishes in read_claims(presented).items() if wishes}
    wanted = _values(claims.get("id_token", {}).get("sub", {}))
    subjects = (*request.subjects, frozenset(str(value) for value in wanted)) if wanted else request.subjects
    return replace(request, claims=claims, subjects=subjects)


def read_claims(presented: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Return both members of a `claims` parameter, each wish for a known claim in its longest spelling.

    A claim that is not known here is no error, however it is wished for (Core §5.5.1). Raises: InvalidRequest.
    """
    if len(presented) > MAX_CHARACTERS:
        raise InvalidRequest(f"claims has at most {MAX_CHARACTERS} characters")
    try:
        document = strict_json.parse_object(presented.encode())
    except ValueError as error:
        raise _malformed(str(error)) from error
    if _is_deep(document, MAX_DEPTH):
        raise _malformed("nested too deeply")
    return {member: _wishes(document.get(member)) for member in MEMBERS}


def essential_acr_values(claims: Mapping[str, Mapping[str, Any]]) -> frozenset[str] | None:
    """Return the values of which the sign-in must have one; None where nothing is essential. Source: Core §5.5.1.1."""
    wish = claims.get("id_token", {}).get("acr", {})
    values = _values(wish)
    return frozenset(str(value) for value in values) if wish.get("essential") is True and values else None


def _is_deep(value: object, left: int) -> bool:
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(left == 0 or _is_deep(member, left - 1) for member in members)


def _wishes(member: object) -> dict[str, dict[str, Any]]:
    if member is None:
        return {}
    if not isinstance(member, dict):
        raise _malformed("a member is no object")
    return {name: _wish(wish) for name, wish in member.items() if name in _KNOWN}


def _wish(wish: object) -> dict[str, Any]:
    if wish is None:
        return {}
    if not isinstance(wish, dict):
        raise _malformed("a wish is neither null nor an object")
    kept: dict[str, Any] = {}
    if wish.get("essential") not in (None, True, False):
        raise _malformed("essential is neither true nor false")
    if wish.get("essential"):
        kept["essential"] = True
    values = wish.get("values", [wish["value"]] if "value" in wish else None)
    if values is None:
        return kept
    if not isinstance(values, list) or not 0 < len(values) <= MAX_VALUES:
        raise _malformed("values is no list, empty or too long")
    if not all(isinstance(value, _SCALARS) for value in values):
        raise _malformed("a value is neither a text, a number nor a truth")
    return {**kept, "values": values}


def _values(wish: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(wish.get("values", ()))


def _malformed(detail: str) -> InvalidRequest:
    return InvalidRequest("claims is not as OpenID Connect Core 5.5 wants it", detail=f"claims: {detail}")
