"""Where and how the answer to an authorization request goes, once the redirect URI is proved the client's."""

from dataclasses import dataclass, field

QUERY, FRAGMENT, FORM_POST = "query", "fragment", "form_post"
RESPONSE_MODES = (QUERY, FRAGMENT, FORM_POST)
"""OAuth 2.0 Multiple Response Type Encoding Practices §2.1, OAuth 2.0 Form Post Response Mode §2."""


@dataclass(frozen=True, slots=True)
class WayBack:
    """The registered URI, the form of the answer, the client's `state`, and who answers (`iss`, RFC 9207)."""

    redirect_uri: str
    response_mode: str
    state: str | None = field(repr=False)
    issuer: str
