"""Request objects by value: parameters that the client has signed (RFC 9101, OpenID Connect Core §6.1)."""

import json
from dataclasses import replace
from typing import Any

from authsvc.crypto.algorithms import STRANGER_ALGORITHMS
from authsvc.crypto.errors import TokenError
from authsvc.crypto.jws import StrangerExpectation, peek, verify_stranger
from authsvc.domain.documents import FetchFailed
from authsvc.protocol.authorize.parameters import KNOWN
from authsvc.protocol.authorize.request import AuthorizationRequest, Judging
from authsvc.protocol.errors import InvalidRequestObject, RegistrationNotSupported
from authsvc.protocol.stranger_keys import find_keys

ALGORITHMS = STRANGER_ALGORITHMS
"""Asymmetric ones: an unsigned object says nothing that the browser could not have changed."""
TYPE = "oauth-authz-req+jwt"
_TYPES: frozenset[str | None] = frozenset({None, "JWT", TYPE})
_REQUIRED = frozenset({"iss", "aud", "client_id"})
_OF_JWT = frozenset({"iss", "aud", "exp", "nbf", "iat", "jti"})
_NEVER = frozenset({"request", "request_uri"})
"""Must not stand in one (RFC 9101 §4). `sub` neither: else it could pass for a client assertion (§10.8)."""


def check_request_object(request: AuthorizationRequest, judging: Judging) -> AuthorizationRequest:
    """Open the request object, if there is one; from here on its parameters count.

    Raises: InvalidRequestObject, RegistrationNotSupported.
    A client of OAuth alone is held to what it signed (RFC 9101 §5), OpenID Connect lets the others stand beside it.
    The redirect URI must be proved anew.
    """
    presented = request.parameters.get("request")
    if presented is None:
        return request
    signed = _opened(presented, request, judging)
    if "registration" in signed:
        raise RegistrationNotSupported("clients register beforehand")
    resources = signed.pop("resource", None)
    # What is not known here says nothing, whatever it is (RFC 6749 §3.1).
    parameters = {name: _text(name, value) for name, value in signed.items() if name in KNOWN}
    if parameters["client_id"] != request.client.id:
        raise _refused("client_id is not the client that asks")
    beside = {name: value for name, value in request.parameters.items() if name != "request"}
    is_openid = "openid" in parameters.get("scope", beside.get("scope", "")).split(" ")
    if is_openid:
        named = request.resources if resources is None else _resources(resources)
        return replace(request, parameters={**beside, **parameters}, resources=named, redirect_uri=None)
    return replace(request, parameters=parameters, resources=_resources(resources), redirect_uri=None)


def _opened(presented: str, request: AuthorizationRequest, judging: Judging) -> dict[str, Any]:
    client = request.client
    named = client.relying_party.request_object_algorithm
    algorithms = frozenset(ALGORITHMS if named is None else (named,))
    # Whom it is for is said: else another server could be sent on with what was signed for it.
    expected = StrangerExpectation(algorithms, _TYPES, client.id, request.tenant.issuer, required=_REQUIRED)
    try:
        kid = peek(presented).kid
        keys = find_keys(client.jwks, client.jwks_uri, algorithms, kid, judging.issuing.fetcher)
        claims = verify_stranger(presented, keys, expected, (judging.asked_at or judging.now).timestamp())
    except (TokenError, FetchFailed) as error:
        raise _refused(f"{error.rule}: {error}") from error
    if not claims.keys().isdisjoint(_NEVER) or claims.get("sub") is not None:
        raise _refused("it holds what it must not")
    return {name: value for name, value in claims.items() if name not in _OF_JWT and value is not None}


def _text(name: str, value: object) -> str:
    """Return a member as the parameter of a form would be spelled."""
    if name == "claims" and isinstance(value, dict):
        return json.dumps(value, separators=(",", ":"))
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not _is_clean(value):
        raise _refused(f"{name!r} is no text")
    return value


def _resources(value: object) -> tuple[str, ...]:
    found = value if isinstance(value, list) else [] if value is None else [value]
    if not all(isinstance(item, str) and _is_clean(item) for item in found):
        raise _refused("resource is no text")
    return tuple(found)


def _is_clean(text: str) -> bool:
    """As forms are: without control characters (lone surrogates are refused with the JSON)."""
    return not any(character < " " or "\x7f" <= character <= "\x9f" for character in text)


def _refused(detail: str) -> InvalidRequestObject:
    return InvalidRequestObject(
        "the request object is not signed by this client as it is registered", detail=detail, rule="request_object"
    )
