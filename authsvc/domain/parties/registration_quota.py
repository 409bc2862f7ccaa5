"""How many clients strangers may register where registration is open."""

from dataclasses import dataclass

from authsvc.domain.parties.ports import Clients
from authsvc.domain.people.lockout import Reservation, Schedule, reservation
from authsvc.errors import DomainError

_PURPOSE = "client registration"


class TooManyClients(DomainError):
    """Strangers have registered as many clients as they may."""

    rule = "too_many_clients"


@dataclass(frozen=True, slots=True)
class RegistrationQuota:
    """Attempts from one address and from all of them, and how many clients that strangers made a tenant may have."""

    per_address: Schedule
    per_tenant: Schedule
    most_clients: int


def attempt_from(address: str, quota: RegistrationQuota) -> tuple[Reservation, ...]:
    """Return the counters of one attempt to register a client without leave."""
    return (
        reservation(_PURPOSE, quota.per_address, address),
        reservation(_PURPOSE, quota.per_tenant),
    )


def require_room(clients: Clients, quota: RegistrationQuota) -> None:
    """Refuse one more client of a stranger where there are as many as may be. Raises: TooManyClients."""
    if clients.count_open(quota.most_clients) >= quota.most_clients:
        raise TooManyClients(f"{quota.most_clients} clients were registered openly")
