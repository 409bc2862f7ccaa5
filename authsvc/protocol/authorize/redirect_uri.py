"""Where the answer may go: to a registered URI, whole, character by character (RFC 9700 §2.1).

The one exception is the port of an app that listens on this device's own loopback address (RFC 8252 §7.3, §8.3).
"""

import re
from collections.abc import Iterable
from dataclasses import replace

from authsvc.protocol.authorize.request import AuthorizationRequest, Judging
from authsvc.protocol.errors import InvalidRequest

# Literal addresses only: names resolve to whatever the resolver says.
_LOOPBACK = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]))(?::([1-9][0-9]{0,4}))?([/?][\x21-\x7e]*)?", re.ASCII)
_LAST_PORT = 65_535


def check_redirect_uri(request: AuthorizationRequest, judging: Judging) -> AuthorizationRequest:
    """Find the URI to answer at. Raises: InvalidRequest, which becomes a page: there is nowhere else to tell it.

    It may be left out where one alone is registered, but not with OpenID Connect (Core §3.1.2.1). Beside a request
    object none needs to stand, nor one that is right: that of the object counts (RFC 9101 §6.3), once it is opened.
    """
    registered = request.client.relying_party.redirect_uris
    presented = request.parameters.get("redirect_uri")
    if presented is None:
        if len(request.given.get("redirect_uri", ())) > 1:
            raise InvalidRequest("redirect_uri is repeated", rule="parameter_repeated")
        if "request" in request.parameters:
            return request
        if len(registered) != 1 or request.client.profile == "oidc" or request.has_openid:
            raise InvalidRequest("redirect_uri is required", rule="redirect_uri_missing")
        return replace(request, redirect_uri=registered[0])
    if not is_registered(presented, registered):
        if "request" in request.parameters:
            return request
        raise InvalidRequest("the redirect_uri is not registered for this client", rule="redirect_uri_unregistered")
    return replace(request, redirect_uri=presented)


def is_registered(presented: str, registered: Iterable[str]) -> bool:
    """Say whether the URI is one of those registered, but for the port of a loopback address."""
    if presented in registered:
        return True
    portless = _without_port(presented)
    return portless is not None and any(_without_port(uri) == portless for uri in registered)


def _without_port(uri: str) -> tuple[str, str] | None:
    found = _LOOPBACK.fullmatch(uri)
    if found is None or int(found[2] or 0) > _LAST_PORT:
        return None
    return found[1], found[3] or ""
