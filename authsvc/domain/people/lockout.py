"""Throttling of guesses: how many looks at a password a key gets, and how long it then waits.

An attempt is *reserved* before the password is looked at, in a transaction of its own, so that parallel guesses are
counted. A right password gives its reservations back.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address, ip_network
from uuid import UUID

from authsvc.errors import DomainError


class Throttled(DomainError):
    """Too many attempts; the password was not looked at. `retry_after_seconds` is whole seconds, at least 1."""

    rule = "throttled"

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(f"retry after {retry_after_seconds} s")
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True, slots=True)
class Schedule:
    """How a counter throttles: the `free` attempts of a window pass, then each one closes it for a growing delay.

    The delay after attempt n >= free is `first_delay_seconds * 2 ** (n - free)`, at most `longest_delay_seconds`.
    A counter that was quiet for `window_seconds` starts anew.
    """

    free: int
    first_delay_seconds: int
    longest_delay_seconds: int
    window_seconds: int

    def delays(self) -> tuple[tuple[int, int], ...]:
        """Return (attempt count, delay in seconds) steps; the last one holds for every higher count."""
        steps = [(self.free, min(self.first_delay_seconds, self.longest_delay_seconds))]
        while steps[-1][1] < self.longest_delay_seconds:
            count, delay = steps[-1]
            steps.append((count + 1, min(delay * 2, self.longest_delay_seconds)))
        return tuple(steps)


@dataclass(frozen=True, slots=True)
class Reservation:
    """One counter to be raised: the key (a hash: names and addresses are not stored in clear) and its schedule."""

    key: str
    schedule: Schedule


@dataclass(frozen=True, slots=True)
class LockoutPolicy:
    """The two counters of a sign-in: per account and address, and over all addresses of the account."""

    per_address: Schedule
    per_account: Schedule


def reservations(account: UUID | str, address: str, policy: LockoutPolicy) -> tuple[Reservation, ...]:
    """Return the counters of one attempt at `account` (its id, or the canonical name when nobody has it).

    One id stands for every spelling and for name and address alike, so that no second spelling gives more looks.
    """
    network = network_of(address)
    # A name that looks like somebody's id is not that somebody.
    kind = "user" if isinstance(account, UUID) else "name"
    return (
        Reservation(_key("address", kind, str(account), network), policy.per_address),
        Reservation(_key("account", kind, str(account)), policy.per_account),
    )


def reservation(purpose: str, schedule: Schedule, address: str | None = None) -> Reservation:
    """Return the counter of attempts at something else than a password: those of one address, or of everybody."""
    who = () if address is None else (network_of(address),)
    return Reservation(_key("purpose", purpose, *who), schedule)


def network_of(address: str) -> str:
    """Return what an address is counted as: an IPv6 subscriber owns a /64 at least, so its addresses count as one."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((parsed, 64), strict=False)) if parsed.version == 6 else address  # noqa: PLR2004


def _key(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def seconds_until(blocked_until: datetime, now: datetime) -> int:
    """Return whole seconds to wait, at least 1."""
    return max(1, int(-(-(blocked_until - now).total_seconds() // 1)))
