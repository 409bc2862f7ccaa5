"""What a command names must be there: it is found, or refused with the command that shows or makes it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from authsvc.cli.installation import Desk
from authsvc.cli.refusal import Refused
from authsvc.domain.parties.clients import Client
from authsvc.domain.parties.resources import Resource
from authsvc.domain.parties.trusted_issuers import TrustedIssuer
from authsvc.domain.tenants import Tenant


@dataclass(frozen=True, slots=True)
class Known:
    """What the members of a client may name: what is there, or what a file is going to make."""

    tenant: Tenant
    client: Callable[[str], Client | None]
    issuer: Callable[[str], TrustedIssuer | None]
    resources: Callable[[], tuple[Resource, ...]]


def known(desk: Desk) -> Known:
    """Return what is there."""
    return Known(desk.tenant, desk.uow.clients.get, desk.uow.issuers.get, desk.uow.resources.list)


def require_client(known: Known, client_id: str) -> Client:
    """Return the client of that id. Raises: Refused."""
    found = known.client(client_id)
    if found is None:
        raise Refused(f"There is no client {client_id}: `authsvc clients list` shows those that there are.")
    return found


def client(desk: Desk, client_id: str) -> Client:
    """Return the client of that id. Raises: Refused."""
    return require_client(known(desk), client_id)


def resource(desk: Desk, audience: str) -> Resource:
    """Return the resource of that audience. Raises: Refused."""
    for found in desk.uow.resources.list():
        if found.audience == audience:
            return found
    raise Refused(f"There is no resource {audience}: `authsvc resources list` shows those that there are.")


def issuer(desk: Desk, name: str) -> TrustedIssuer:
    """Return the trusted issuer of that name. Raises: Refused."""
    found = desk.uow.issuers.get(name)
    if found is None:
        raise Refused(f"There is no trusted issuer {name}: `authsvc issuers list` shows those that there are.")
    return found


def issuer_for(known: Known, name: str, purpose: str) -> TrustedIssuer:
    """Return the issuer if its tokens count for the purpose. Raises: Refused."""
    found = known.issuer(name)
    if found is None:
        raise Refused(
            f"There is no trusted issuer {name}: `authsvc issuers create {name} --purpose {purpose} ...` makes one."
        )
    if purpose not in found.purposes:
        raise Refused(
            f"Issuer {name} is not trusted for {purpose}: `authsvc issuers update {name} --purpose {purpose} ...`."
        )
    return found


def resources(known: Known, audiences: Iterable[str]) -> tuple[Resource, ...]:
    """Return the resources of these audiences. Raises: Refused for the first that is not there."""
    there = {found.audience: found for found in known.resources()}
    wanted = sorted(audiences)
    for audience in wanted:
        if audience not in there:
            raise Refused(
                f"There is no resource {audience}: `authsvc resources create {audience} --scope ...` makes one."
            )
    return tuple(there[audience] for audience in wanted)
