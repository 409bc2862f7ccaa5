"""The caller's address: the socket peer, unless the peer is a listed proxy that names another."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Networks = tuple[IPv4Network | IPv6Network, ...]
UNKNOWN = "unknown"


def parse_networks(listed: Iterable[str]) -> Networks:
    """Return the listed proxies as networks. Raises: ValueError naming the bad one."""
    return tuple(ip_network(entry) for entry in listed)


def caller_address(peer: str | None, forwarded_for: str | None, trusted: Networks) -> str:
    """Return the address that requests are counted under.

    The header is read from the right, past every listed proxy: what stands left of the first stranger was written by
    that stranger, and proves nothing.
    """
    address = _canonical(peer) if peer else None
    if address is None:
        return UNKNOWN
    if not trusted or forwarded_for is None or not is_listed(address, trusted):
        return address
    for entry in reversed(forwarded_for.split(",")):
        named = _canonical(entry.strip())
        if named is None:
            return address
        address = named
        if not is_listed(address, trusted):
            break
    return address


@lru_cache(maxsize=1_024)
def is_listed(address: str, networks: Networks) -> bool:
    """Whether the address lies in one of the networks."""
    parsed = ip_address(address)
    return any(parsed in network for network in networks)


@lru_cache(maxsize=1_024)
def _canonical(entry: str) -> str | None:
    try:
        parsed = ip_address(entry)
    except ValueError:
        return None
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(parsed)
