"""Administrators: clients that ask for themselves, with tokens for the issuer's admin API and for nothing else."""

from dataclasses import dataclass
from datetime import datetime

from authsvc.domain.administration import ADMIN_SCOPES, admin_audience, powers_of
from authsvc.domain.keyring import Keyring
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.tenants import Tenant
from authsvc.domain.tokens.content import Target
from authsvc.protocol.bearer import presented_token
from authsvc.protocol.errors import InsufficientScope, InvalidScope, InvalidTarget, InvalidToken
from authsvc.protocol.grants import client_credentials
from authsvc.protocol.scope import DEFAULT_ALGORITHM, Bounds
from authsvc.protocol.tokens.state import judge_access_token


@dataclass(frozen=True, slots=True)
class Administrator:
    """The client behind an admin token, and what it may do at this moment."""

    client_id: str
    scopes: frozenset[str]

    def require(self, *scopes: str) -> None:
        """Raises: InsufficientScope naming those that are missing."""
        if missing := " ".join(sorted({*scopes} - self.scopes)):
            raise InsufficientScope(f"the token needs the scope {missing}", scope=missing).about(
                client_id=self.client_id
            )


def authenticate_administrator(
    authorization: str | None, tenant: Tenant, uow: UnitOfWork, keyring: Keyring, now: datetime
) -> Administrator:
    """Return who calls the admin API.

    The token is judged at each call, and so is the client: a scope that was taken from it is gone within a second. A
    token that some other service may hold, too, or that speaks of anybody but its client is refused.
    Raises: MissingToken, InvalidToken. Source: RFC 6750 §3.1, RFC 9068 §4.
    """
    token = judge_access_token(presented_token(authorization), tenant, uow, keyring, now)
    if token.claims["aud"] != admin_audience(tenant.issuer):
        raise InvalidToken("the access token is for another service").about(client_id=token.client_id)
    client = uow.clients.get(token.client_id)
    is_its_own = token.sign_in is None and token.subject == token.client_id and "act" not in token.claims
    if client is None or not is_its_own or client_credentials.GRANT_TYPE not in client.grant_types:
        raise InvalidToken("the access token is not an administrator's").about(client_id=token.client_id)
    return Administrator(client.id, token.scopes & powers_of(client, tenant))


def admin_target(requested: frozenset[str] | None, named: tuple[str, ...], bounds: Bounds) -> Target | None:
    """Return the target if the client asks for the admin API, by its name or by its scopes; None if it does not.

    Such a token is for the admin API alone, so that no other service can use it. Without name and scope it is meant
    only where the client has nothing else. Raises: InvalidScope, InvalidTarget.
    """
    audience = admin_audience(bounds.issuer)
    if audience not in bounds.resources:
        return None
    powers = bounds.scopes & ADMIN_SCOPES
    if not named and requested is None and len(bounds.resources) > 1:
        return None
    if audience not in named and (named or (requested is not None and requested.isdisjoint(powers))):
        return None
    if any(name != audience for name in named):
        raise InvalidTarget("the admin API goes with no other resource: ask for it in a request of its own")
    wanted = powers if requested is None else requested
    if not wanted or wanted - powers:
        raise InvalidScope("the admin API has scopes of its own, and this client needs one: ask for no others")
    return Target((audience,), wanted, bounds.lifetime_seconds, DEFAULT_ALGORITHM)
