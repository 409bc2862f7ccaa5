"""Judge what a file would make as the other commands judge what is typed, before anything is written."""

from collections.abc import Iterable
from typing import Any

from authsvc.cli import exchange
from authsvc.cli.client_options import check_names
from authsvc.cli.issuers import require_foreign
from authsvc.cli.refusal import Refused
from authsvc.cli.registered import Known
from authsvc.crypto.algorithms import SIGNING_ALGORITHMS
from authsvc.domain.administration import check_audience
from authsvc.domain.configuration.changes import Change, TenantChanges, Verb
from authsvc.domain.configuration.document import TenantState
from authsvc.domain.configuration.kinds import CLIENT, ISSUER, RESOURCE
from authsvc.domain.parties.clients import Client, check_client
from authsvc.domain.parties.resources import check_resource
from authsvc.domain.parties.trusted_issuers import TrustedIssuer, check_trusted_issuer
from authsvc.domain.tenants import CLIENT_REGISTRATION, Tenant, check_look
from authsvc.errors import DomainError
from authsvc.settings import Settings


def check_all(found: Iterable[TenantChanges], settings: Settings) -> None:
    """Judge all that changes, and every client that names what is removed.

    What is as it was is not judged: rules may have come since. Raises: Refused, and the place that is wrong.
    """
    hosts = frozenset(host.lower() for host in settings.outbound.allowed_hosts)
    for tenant in found:
        for change in tenant.made:
            _judge(tenant, change, hosts)
        _check_identities(tenant.after)
        _check_left(tenant)


def _judge(found: TenantChanges, change: Change, hosts: frozenset[str]) -> None:
    try:
        if change.verb is not Verb.REMOVE:
            _check(change.after, found.after, hosts)
    except (DomainError, Refused) as error:
        said = error.detail if isinstance(error, DomainError) else str(error)
        place = f"Tenant {found.after.tenant.name}" + ("" if change.kind is None else f", {change.word} {change.name}")
        raise Refused(f"{place}: {said}") from None


def _check(value: Any, after: TenantState, hosts: frozenset[str]) -> None:  # noqa: ANN401 - of any kind
    match value:
        case Tenant():
            _check_tenant(value)
        case TrustedIssuer():
            require_foreign(value, after.tenant)
            check_trusted_issuer(value, hosts)
        case Client():
            check_client(value, hosts)
            _check_names(value, after)
        case _:
            check_audience(value.audience, after.tenant)
            check_resource(value, SIGNING_ALGORITHMS)


def _check_tenant(tenant: Tenant) -> None:
    check_look(tenant.look)
    if tenant.client_registration not in CLIENT_REGISTRATION:
        raise Refused(f"client_registration: one of {', '.join(CLIENT_REGISTRATION)}")


def _check_names(client: Client, after: TenantState) -> None:
    known = Known(after.tenant, after.of(CLIENT).get, after.of(ISSUER).get, lambda: after.resources)
    check_names(known, client)
    for policy in client.exchanges:
        exchange.check_names(known, client, policy)


def _check_identities(after: TenantState) -> None:
    owners: dict[tuple[str, str], str] = {}
    for client in after.clients:
        for identity in client.identities:
            owner = owners.setdefault((identity.issuer, identity.subject), client.id)
            if owner != client.id:
                raise Refused(f"Clients {owner} and {client.id} cannot both be {identity.subject} of {identity.issuer}")


def _check_left(found: TenantChanges) -> None:
    """Refuse to remove what a client still names."""
    gone = {(change.word, change.name) for change in found.made if change.verb is Verb.REMOVE and change.kind}
    if not gone:
        return
    for client in found.after.clients:
        if named := sorted(_named_by(client) & gone):
            word, name = named[0]
            raise Refused(f"Client {client.id} still names the {word} {name}, which is to be removed")


def _named_by(client: Client) -> set[tuple[str, str]]:
    resources, issuers, clients = (kind.word for kind in (RESOURCE, ISSUER, CLIENT))
    named = {(resources, audience) for audience in client.resources | client.serves}
    named |= {(issuers, identity.issuer) for identity in client.identities}
    for policy in client.exchanges:
        named.add((resources, policy.audience))
        named |= {(issuers, name) for name in policy.issuers} | {(clients, name) for name in policy.clients}
    return named
