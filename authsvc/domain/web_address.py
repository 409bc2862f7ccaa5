"""The one grammar of URLs that documents are read from: narrower than RFC 3986, so that nothing reads two ways.

What a lenient parser would repair (user info, backslashes, spaces, other alphabets, numbers for addresses) is refused.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

MAX_URL_CHARACTERS = 2_048
_PORTS = {"https": 443, "http": 80}
_MAX_PORT = 65_535
_FIRST_UNPRIVILEGED_PORT = 1_024
_MAX_NAME_CHARACTERS = 253
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<target>(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?"
    r"(?:\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?)"
)
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")

_URI = re.compile(r"(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+")


class UrlInvalid(ValueError):
    """No URL of a document; the text says what to mend."""


@dataclass(frozen=True, slots=True)
class WebAddress:
    """A URL in its parts. `host` is a name in lower case or an address in its shortest form, without brackets."""

    scheme: str
    host: str
    port: int
    target: str
    is_literal: bool

    @property
    def shown_host(self) -> str:
        """The host as it stands in a URL."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def host_header(self) -> str:
        """The host, and the port if it is not the scheme's own."""
        return self.shown_host if self.port == _PORTS[self.scheme] else self.authority

    @property
    def origin(self) -> str:
        """The origin, as browsers send and compare it (RFC 6454 §6.2)."""
        return f"{self.scheme}://{self.host_header}"

    @property
    def authority(self) -> str:
        """Host and port."""
        return f"{self.shown_host}:{self.port}"


def read_url(url: str) -> WebAddress:
    """Return the parts of an absolute http(s) URL. Raises: UrlInvalid."""
    if len(url) > MAX_URL_CHARACTERS:
        raise UrlInvalid(f"at most {MAX_URL_CHARACTERS} characters")
    found = _URL.fullmatch(url)
    if found is None:
        raise UrlInvalid("such as https://host/path: plain ASCII, without user name, fragment, spaces and backslashes")
    scheme, host, target = found["scheme"], found["host"], found["target"]
    port = int(found["port"] or _PORTS[scheme])
    if port > _MAX_PORT:
        raise UrlInvalid(f"no port is above {_MAX_PORT}")
    literal = _literal(host)
    if literal is None and not _is_name(host):
        raise UrlInvalid("the host is no name of a machine")
    name = host.lower() if literal is None else str(literal)
    return WebAddress(scheme, name, port, target if target.startswith("/") else f"/{target}", literal is not None)


def is_uri_text(text: str) -> bool:
    """Whether the text has characters of a URI alone: no spaces, no other alphabets (RFC 3986 §2)."""
    return _URI.fullmatch(text) is not None


def is_listed(address: WebAddress, hosts: frozenset[str]) -> bool:
    """Whether the operator named this host, as `host` or `host:port` in lower case (IPv6 in brackets, shortest)."""
    return address.shown_host in hosts or address.authority in hosts


def check_way(address: WebAddress, allowed_hosts: frozenset[str]) -> None:
    """Refuse what no stranger's document needs, but where the operator named the host. Raises: UrlInvalid."""
    if is_listed(address, allowed_hosts):
        return
    if address.scheme != "https":
        raise UrlInvalid("https, unless outbound.allowed_hosts names the host")
    if address.port != _PORTS["https"] and address.port < _FIRST_UNPRIVILEGED_PORT:
        # The ports of other services: what we send there would be read as their language.
        raise UrlInvalid(f"port {_PORTS['https']}, or one from {_FIRST_UNPRIVILEGED_PORT} on")
    if not address.is_literal and "." not in address.host:
        raise UrlInvalid("a full host name, unless outbound.allowed_hosts names the host")


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    if host.startswith("["):
        try:
            return IPv6Address(host[1:-1])
        except ValueError:
            raise UrlInvalid("the brackets hold no IPv6 address") from None
    # Where the last label is a number, resolvers take the whole for an address: 127.1, 0x7f.1, 2130706433.
    if not _NUMBER.fullmatch(host.rpartition(".")[2]):
        return None
    try:
        return IPv4Address(host)
    except ValueError:
        raise UrlInvalid("an IPv4 address is four decimal numbers") from None


def _is_name(host: str) -> bool:
    return len(host) <= _MAX_NAME_CHARACTERS and all(map(_LABEL.fullmatch, host.split(".")))
