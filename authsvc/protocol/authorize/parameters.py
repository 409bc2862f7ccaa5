"""The form of the parameters: each once, none overlong, none that belongs to what is not supported here.

Strangers fill the store with errands: of each only what is known here is kept, and not much of it.
"""

from authsvc.protocol.authorize.request import AuthorizationRequest, Judging, Parameters
from authsvc.protocol.errors import InvalidRequest, RegistrationNotSupported, RequestUriNotSupported

REPEATABLE = frozenset({"resource"})
"""The only parameter that may come twice (RFC 8707 §2)."""
MAX_CHARACTERS = {"state": 4_096, "nonce": 1_024, "login_hint": 1_024, "ui_locales": 512, "acr_values": 1_024}
"""Longer ones are refused, never cut: a client compares what comes back.

Clients that broker between others put the state of those into theirs: 2,400 characters have been seen.
"""
MAX_KEPT_CHARACTERS = 16_384
"""Of all parameters together."""
READ_BY_PAGES = frozenset({"login_hint", "ui_locales"})
"""They say nothing here: the pages of sign-in read them."""
KNOWN = frozenset(
    {
        "client_id", "redirect_uri", "response_type", "response_mode", "scope", "resource", "state", "nonce", "prompt",
        "max_age", "claims", "acr_values", "login_hint", "id_token_hint", "ui_locales", "request", "code_challenge",
        "code_challenge_method",
    }
)  # fmt: skip


def check_single(request: AuthorizationRequest, judging: Judging) -> AuthorizationRequest:
    """Refuse what comes twice and could be read in two ways. Raises: InvalidRequest. Source: RFC 6749 §3.1."""
    for name, values in request.given.items():
        if len(values) > 1 and name not in REPEATABLE:
            raise InvalidRequest("a parameter is repeated", detail=f"parameter {name!r}", rule="parameter_repeated")
    return request


def check_supported(request: AuthorizationRequest, judging: Judging) -> AuthorizationRequest:
    """Refuse what only other servers offer. Raises: RequestUriNotSupported, RegistrationNotSupported.

    Source: OpenID Connect Core §6.2, §7.2.1.
    """
    if "request_uri" in request.parameters:
        if "request" in request.parameters:
            raise InvalidRequest("request and request_uri exclude each other")
        raise RequestUriNotSupported("request objects are taken by value only")
    if "registration" in request.parameters:
        raise RegistrationNotSupported("clients register beforehand")
    return request


def check_lengths(request: AuthorizationRequest, judging: Judging) -> AuthorizationRequest:
    """Refuse overlong values, and too much of all together. Raises: InvalidRequest."""
    for name, limit in MAX_CHARACTERS.items():
        if len(request.parameters.get(name, "")) > limit:
            raise InvalidRequest(f"{name} has at most {limit} characters")
    if sum(len(value) for values in known_of(request.given).values() for value in values) > MAX_KEPT_CHARACTERS:
        raise InvalidRequest(f"the parameters have at most {MAX_KEPT_CHARACTERS} characters together")
    return request


def known_of(given: Parameters) -> Parameters:
    """Return what is worth keeping: what is not known says nothing here (RFC 6749 §3.1)."""
    return {name: values for name, values in given.items() if name in KNOWN}
