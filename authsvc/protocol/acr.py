"""How much a sign-in is worth, in one word (`acr`): computed from how it was done (`amr`), by one table."""

from collections.abc import Iterable

_TABLE = (("urn:authsvc:acr:1fa", frozenset({"pwd"})),)
"""Strongest first: the name, and the methods of which a sign-in needs all (RFC 8176)."""
ACR_VALUES = tuple(name for name, _ in _TABLE)


def acr_of(amr: Iterable[str]) -> str | None:
    """Return the strongest name that the methods reach; None if they reach none. Source: OpenID Connect Core §2."""
    used = frozenset(amr)
    return next((name for name, needed in _TABLE if needed <= used), None)
