"""URIs that browsers are sent to, in a grammar in which nothing reads two ways: whole strings can be compared."""

import re

from authsvc.domain.tenants import LOOPBACK_HOSTS
from authsvc.domain.web_address import MAX_URL_CHARACTERS, UrlInvalid, WebAddress, read_url

NATIVE_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+")
"""A scheme in an app's own name, a domain name in reverse (RFC 8252 §7.1): none that a browser itself acts on."""
_PRIVATE = re.compile(
    rf"(?P<scheme>{NATIVE_SCHEME.pattern}):/{{1,2}}[A-Za-z0-9._~-](?:[A-Za-z0-9._~!$&'()+,;=:/?-]|%[0-9A-Fa-f]{{2}})*"
)


def check_browser_uri(uri: str, *, is_native: bool) -> None:
    """Check a URI that a browser may be sent back to: of the web, or for a native app one of its own scheme.

    Raises: UrlInvalid with what to mend. Source: OpenID Connect Registration §2, RFC 8252 §7.
    """
    if len(uri) > MAX_URL_CHARACTERS:
        raise UrlInvalid(f"at most {MAX_URL_CHARACTERS} characters")
    if uri.startswith(("https:", "http:")):
        check_web_uri(uri)
    elif not is_native:
        raise UrlInvalid("https, or http on this machine; schemes of an app's own are for native clients")
    elif not _PRIVATE.fullmatch(uri):
        raise UrlInvalid("a private scheme is a domain name in reverse, such as com.example.app:/path: plain ASCII")


def check_web_uri(uri: str) -> WebAddress:
    """Return the parts of an https URL, or of an http one on this machine. Raises: UrlInvalid.

    A star would stand for itself alone: whoever registers one means something else.
    """
    address = read_url(uri)
    if "*" in uri:
        raise UrlInvalid("no wildcard: every URI is registered as a whole")
    if address.scheme == "http" and address.host not in LOOPBACK_HOSTS:
        raise UrlInvalid("https; plain http is for localhost, 127.0.0.1 and [::1] only")
    return address
