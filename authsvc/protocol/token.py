"""The token endpoint: the phases that every grant shares, in their order, so that no grant can forget one.

parse -> authenticate the client -> grant known and allowed -> drop foreign parameters -> check -> narrow scope and
audience -> consume -> mint; the edge commits. Whatever the client can mend is refused before the artefact is used up.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from authsvc.domain.clients import Client
from authsvc.domain.ports import HashPermit, UnitOfWork
from authsvc.domain.tenants import Tenant
from authsvc.domain.tokens import Target
from authsvc.errors import AuthsvcError
from authsvc.protocol.client_auth import authenticate_client
from authsvc.protocol.errors import InvalidRequest, ProtocolError, UnauthorizedClient, UnsupportedGrantType
from authsvc.protocol.grant import Decision, Grant, GrantRequest, Issuing
from authsvc.protocol.grants import GRANTS
from authsvc.protocol.scope import Bounds, narrow, parse_scope
from authsvc.protocol.tokens.issue import Granted, TokenAnswer, mint

SHARED_PARAMETERS = frozenset({"grant_type", "scope", "resource", "client_id", "client_secret"})
REPEATABLE = frozenset({"resource"})
"""The only parameter that may come twice (RFC 8707 §2)."""


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A request as it came: each parameter once; `resources` may repeat."""

    tenant: Tenant
    parameters: Mapping[str, str]
    resources: tuple[str, ...]
    authorization: str | None
    address: str
    request_id: str
    now: datetime
    permit: HashPermit


def token(request: TokenRequest, uow: UnitOfWork, issuing: Issuing) -> TokenAnswer:
    """Answer POST /token. Raises: ProtocolError, DomainError. Source: RFC 6749 §3.2."""
    grant_type = request.parameters.get("grant_type")
    client = authenticate_client(request, uow.clients)
    if grant_type is None:
        raise InvalidRequest("grant_type is required").about(client_id=client.id)
    grant = GRANTS.get(grant_type)
    if grant is None:
        raise UnsupportedGrantType("this grant type is not known here").about(client_id=client.id)
    if grant_type not in client.grant_types:
        raise UnauthorizedClient("this client may not use this grant type").about(client_id=client.id)
    return run(grant, client, request, uow, issuing)


def run(grant: Grant, client: Client, request: TokenRequest, uow: UnitOfWork, issuing: Issuing) -> TokenAnswer:
    """Run the phases once the client is known and may use the grant; `protocol/first_party.py` enters here too."""
    try:
        own = _own_request(grant, client, request)
        decision = grant.check(own, uow, issuing)
        target = _target(decision, own, uow, issuing)
        refresh_token = grant.consume(decision, target, own, uow, issuing)
        answer = mint(Granted(decision, target, refresh_token), own, uow, issuing)
    except AuthsvcError as error:
        error.about(client_id=client.id)
        raise
    issuing.metrics.token_issued(grant.GRANT_TYPE)
    return answer


def _own_request(grant: Grant, client: Client, request: TokenRequest) -> GrantRequest:
    return GrantRequest(
        tenant=request.tenant,
        client=client,
        parameters={name: value for name, value in request.parameters.items() if name in grant.PARAMETERS},
        scopes=parse_scope(request.parameters.get("scope")),
        resources=request.resources,
        address=request.address,
        request_id=request.request_id,
        now=request.now,
        permit=request.permit,
    )


def _target(decision: Decision, request: GrantRequest, uow: UnitOfWork, issuing: Issuing) -> Target:
    lifetimes, has_person = issuing.lifetimes, decision.sign_in is not None
    bounds = Bounds(
        issuer=request.tenant.issuer,
        scopes=decision.scopes,
        resources=decision.resources,
        lifetime_seconds=lifetimes.access_token if has_person else lifetimes.machine_access_token,
        has_person=has_person,
    )
    try:
        return narrow(request.scopes, request.resources, bounds, uow.resources.list())
    except ProtocolError as error:
        if decision.proved is not None:
            # The password was right: what the app asked for besides must not count as a guess.
            error.keep = (*error.keep, partial(_give_attempts_back, keys=decision.proved.attempt_keys))
        raise


def _give_attempts_back(uow: UnitOfWork, *, keys: tuple[str, ...]) -> None:
    uow.attempts.give_back(keys)
