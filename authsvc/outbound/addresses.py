"""Which addresses a stranger's name may lead to: global unicast, judged on the address itself, whatever its spelling.

Own tables, not `ipaddress.is_global`: that one changes with Python's releases, passes NAT64 and 6to4, and knows no
metadata services. Source: IANA IPv4 and IPv6 Special-Purpose Address Registries, RFC 6890.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from authsvc.domain.documents import FetchFailed

_PRIVATE = tuple(map(ip_network, (
    "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7",
)))  # fmt: skip
"""Loopback, private, CGNAT, ULA: only for hosts that the operator named."""

_NEVER = tuple(map(ip_network, (
    "0.0.0.0/8",           # This host: many systems take it for loopback.
    "169.254.0.0/16",      # Link-local, with the metadata services of most clouds.
    "192.0.0.0/24",        # Protocol assignments; Oracle's metadata service.
    "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24",  # Documentation.
    "192.88.99.0/24",      # 6to4 relays.
    "198.18.0.0/15",       # Benchmarking.
    "224.0.0.0/4", "240.0.0.0/4",  # Multicast, reserved, broadcast.
    "100.100.100.200/32",  # Alibaba's metadata service.
    "168.63.129.16/32",    # Azure's wire server, public only by its looks.
    "2001::/23",           # Protocol assignments: Teredo, ORCHID, benchmarking.
    "2001:db8::/32", "3fff::/20",  # Documentation.
    "2002::/16",           # 6to4 holds an IPv4 address.
    "3ffe::/16",           # What was the 6bone.
    "fd00:ec2::254/128", "fd20:ce::254/128",  # Metadata services of Amazon and Google.
)))  # fmt: skip

_GLOBAL_UNICAST = IPv6Network("2000::/3")
"""The rest is mapped, compatible, NAT64, link-local, site-local, multicast, discard-only or not yet given out."""

_ISATAP = frozenset({0x00005EFE, 0x02005EFE})
"""These interface identifiers hold an IPv4 address (RFC 5214 §6.1)."""


def judge(texts: Sequence[str], *, is_listed: bool) -> tuple[str, ...]:
    """Return all addresses of one name in their shortest form, in their order.

    Raises: FetchFailed if there is none, or if a single one is forbidden: who mixes them is probing.
    """
    if not texts:
        raise FetchFailed("the name has no address", is_host=True)
    return tuple(_judged(text, is_listed=is_listed) for text in texts)


def _judged(text: str, *, is_listed: bool) -> str:
    try:
        address = ip_address(text)
    except ValueError:
        raise FetchFailed(f"the resolver answered no address: {text[:64]!r}", is_host=True) from None
    if not _may_be_asked(address, is_listed=is_listed):
        raise FetchFailed(f"{address} is no public address", is_host=True)
    return str(address)


def _may_be_asked(address: IPv4Address | IPv6Address, *, is_listed: bool) -> bool:
    if any(address in network for network in _NEVER):
        return False
    if any(address in network for network in _PRIVATE):
        return is_listed and _zone(address) is None
    if isinstance(address, IPv4Address):
        return True
    return _zone(address) is None and address in _GLOBAL_UNICAST and (int(address) >> 32) & 0xFFFFFFFF not in _ISATAP


def _zone(address: IPv4Address | IPv6Address) -> str | None:
    return address.scope_id if isinstance(address, IPv6Address) else None
