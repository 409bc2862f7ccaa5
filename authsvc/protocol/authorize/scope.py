"""What may be given: scopes and resources, narrowed to what client and resources allow."""

from dataclasses import replace

from authsvc.domain.parties.resources import ACCOUNT_SCOPE, IDENTITY_SCOPES
from authsvc.protocol.authorize.request import AuthorizationRequest, Judging
from authsvc.protocol.errors import InvalidScope
from authsvc.protocol.scope import Bounds, narrow, parse_scope

OFFLINE = "offline_access"
_OWNERLESS = IDENTITY_SCOPES | {ACCOUNT_SCOPE}


def check_scope(request: AuthorizationRequest, judging: Judging) -> AuthorizationRequest:
    """Narrow scopes and audiences as the token endpoint will. Raises: InvalidScope, InvalidTarget.

    With `openid`, scopes that are not allowed are left out, as OpenID Connect Core §3.1.2.1 asks; without it, or if
    `openid` itself is not allowed, they are refused. `offline_access` is left out where nothing could be refreshed.
    Source: RFC 6749 §3.3, RFC 8707 §2.1.
    """
    client, registered = request.client, judging.uow.resources.list()
    requested = parse_scope(request.parameters.get("scope"))
    if requested is not None and "openid" in requested:
        usable = _OWNERLESS.union(
            *(item.scopes for item in registered if item.audience in client.resources and not item.disabled_at)
        )
        kept = requested & client.scopes & usable
        if "openid" not in kept:
            raise InvalidScope("openid is not allowed for this client")
        requested = kept
    if "refresh_token" not in client.grant_types and requested is not None:
        requested -= {OFFLINE}
    allowed = client.scopes if requested is not None else client.scopes - {OFFLINE}
    lifetime = judging.issuing.lifetimes.access_token
    bounds = Bounds(request.tenant.issuer, allowed, client.resources, lifetime, has_person=True)
    target = narrow(requested, request.resources, bounds, registered)
    return replace(request, scopes=target.scopes, audiences=frozenset(target.audiences) - {request.tenant.issuer})
