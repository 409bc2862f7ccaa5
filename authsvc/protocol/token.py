"""The token endpoint: the phases that every grant shares, in their order, so that no grant can forget one.

parse -> authenticate the client -> grant known and allowed -> drop foreign parameters -> check -> narrow scope and
audience -> consume -> mint -> use the client's assertion up; the edge commits. Whatever the client can mend is refused
before the artefact is used up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from authsvc.domain.parties.clients import Client
from authsvc.domain.ports import HashPermit, UnitOfWork
from authsvc.domain.tenants import Tenant
from authsvc.domain.tokens.content import Target
from authsvc.errors import AuthsvcError
from authsvc.protocol.administrator import admin_target
from authsvc.protocol.client_auth import Authenticated, authenticate_client, using_up
from authsvc.protocol.errors import (
    InvalidGrant,
    InvalidRequest,
    ProtocolError,
    UnauthorizedClient,
    UnsupportedGrantType,
)
from authsvc.protocol.grant import Decision, Grant, GrantRequest, Issuing
from authsvc.protocol.grants import GRANTS
from authsvc.protocol.scope import Bounds, narrow, parse_scope
from authsvc.protocol.tokens.issue import Granted, TokenAnswer, mint

SHARED_PARAMETERS = frozenset(
    {"grant_type", "scope", "resource", "client_id", "client_secret", "client_assertion", "client_assertion_type"}
)
REPEATABLE = frozenset({"resource", "audience"})
"""The only parameters that may come twice (RFC 8707 §2, RFC 8693 §2.1)."""


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A request as it came: each parameter once; `resources` and `audiences` may repeat."""

    tenant: Tenant
    parameters: Mapping[str, str]
    resources: tuple[str, ...]
    audiences: tuple[str, ...]
    authorization: str | None
    address: str
    request_id: str
    now: datetime
    permit: HashPermit


def token(request: TokenRequest, uow: UnitOfWork, issuing: Issuing) -> TokenAnswer:
    """Answer POST /token. Raises: ProtocolError, DomainError. Source: RFC 6749 §3.2."""
    grant_type = request.parameters.get("grant_type")
    authenticated = authenticate_client(request, uow, issuing)
    client = authenticated.client
    if grant_type is None:
        raise InvalidRequest("grant_type is required").about(client_id=client.id)
    grant = GRANTS.get(grant_type)
    if grant is None:
        raise UnsupportedGrantType("this grant type is not known here").about(client_id=client.id)
    if grant_type not in client.grant_types:
        raise UnauthorizedClient("this client may not use this grant type").about(client_id=client.id)
    return run(grant, authenticated, request, uow, issuing)


def run(
    grant: Grant, authenticated: Authenticated, request: TokenRequest, uow: UnitOfWork, issuing: Issuing
) -> TokenAnswer:
    """Run the phases once the client is known and may use the grant; `protocol/first_party.py` enters here too."""
    client = authenticated.client
    try:
        with using_up(authenticated, uow):
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
        # The two names of one thing (RFC 8693 §2.1); `audience` is dropped where the grant does not know it.
        resources=request.resources + (request.audiences if "audience" in grant.PARAMETERS else ()),
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
        named = request.resources if decision.audience is None else (decision.audience,)
        target = admin_target(request.scopes, named, bounds) if decision.for_itself else None
        if target is None:
            target = narrow(_wanted(decision, request.scopes), named, bounds, uow.resources.list())
        return _within(target, decision.expires_at, request.now)
    except ProtocolError as error:
        if decision.proved is not None:
            # The password was right: what the app asked for besides must not count as a guess.
            error.keep = (*error.keep, partial(_give_attempts_back, keys=decision.proved.attempt_keys))
        raise


def _wanted(decision: Decision, named: frozenset[str] | None) -> frozenset[str] | None:
    """Return the scopes that are asked for; with a code of OpenID Connect, those that /authorize left out go again.

    Some clients repeat there what they asked for here (OpenID Connect Core §3.1.2.1, RFC 6749 §4.1.3 knows no scope).
    """
    if named is None or decision.code is None or "openid" not in decision.code.scopes:
        return named
    return named & decision.scopes or named


def _within(target: Target, expires_at: datetime | None, now: datetime) -> Target:
    """Return the target so that its token does not outlive what it comes from. Raises: InvalidGrant if that is over."""
    if expires_at is None:
        return target
    left = int(expires_at.timestamp()) - int(now.timestamp())
    if left <= 0:
        raise InvalidGrant("what was presented has expired", rule="presented_expired")
    return replace(target, lifetime_seconds=min(target.lifetime_seconds, left))


def _give_attempts_back(uow: UnitOfWork, *, keys: tuple[str, ...]) -> None:
    uow.attempts.give_back(keys)
