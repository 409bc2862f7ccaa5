"""The answer on its way to the client: a URL to go to, or the fields of a form (RFC 6749 §4.1.2, RFC 9207)."""

from collections.abc import Mapping
from urllib.parse import urlencode

from authsvc.protocol.errors import ProtocolError
from authsvc.protocol.way_back import FRAGMENT, WayBack


def success(code: str, way_back: WayBack) -> Mapping[str, str]:
    """Return the members of a good answer."""
    return {"code": code, **_common(way_back)}


def refusal(error: ProtocolError, way_back: WayBack) -> Mapping[str, str]:
    """Return the members of a refusal. Source: RFC 6749 §4.1.2.1."""
    return {"error": error.code, "error_description": error.description, **_common(way_back)}


def address(members: Mapping[str, str], way_back: WayBack) -> str:
    """Return where the browser goes with them; what the registered URI has of a query stays."""
    uri, text = way_back.redirect_uri, urlencode(members)
    if way_back.response_mode == FRAGMENT:
        return f"{uri}#{text}"
    return f"{uri}{'&' if '?' in uri else '?'}{text}"


def _common(way_back: WayBack) -> Mapping[str, str]:
    issuer = {"iss": way_back.issuer}
    return issuer if way_back.state is None else {"state": way_back.state, **issuer}
