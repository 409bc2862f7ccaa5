"""What an access token tells about its person (OpenID Connect Core 1.0 §5.3)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from authsvc.crypto import jws
from authsvc.domain.keyring import Keyring
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.tenants import Tenant
from authsvc.protocol.bearer import presented_token
from authsvc.protocol.claims import claims_about
from authsvc.protocol.errors import InsufficientScope, InvalidRequest, InvalidToken
from authsvc.protocol.tokens.access_token import USERINFO_CLAIMS
from authsvc.protocol.tokens.state import judge_access_token

TYPE = "JWT"
NEEDED_SCOPE = "openid"


@dataclass(frozen=True, slots=True)
class UserinfoRequest:
    """The token in the header, or in the body of a POST (RFC 6750 §2.1, §2.2); the URL is never looked at."""

    tenant: Tenant
    authorization: str | None = field(repr=False)
    in_body: str | None = field(repr=False)
    now: datetime


@dataclass(frozen=True, slots=True)
class Userinfo:
    """What is told, and to which client."""

    client_id: str
    members: Mapping[str, Any]


def userinfo(request: UserinfoRequest, uow: UnitOfWork, keyring: Keyring) -> Userinfo:
    """Return `sub` and the claims that the token's scopes allow or that were asked for, as the person's record is now.

    Raises: InvalidRequest for a token in both places, MissingToken, InvalidToken, InsufficientScope.
    """
    token = judge_access_token(_presented(request), request.tenant, uow, keyring, request.now)
    if NEEDED_SCOPE not in token.scopes:
        raise InsufficientScope(f"the token needs the scope {NEEDED_SCOPE}", scope=NEEDED_SCOPE)
    if token.sign_in is None:
        raise InvalidToken("the token is not a person's").about(client_id=token.client_id)
    user = uow.users.get(token.sign_in.user_id)
    if user is None:
        # Gone between two statements.
        raise InvalidToken("the account is gone").about(client_id=token.client_id)
    members = {"sub": token.subject, **claims_about(user, token.scopes, token.claims.get(USERINFO_CLAIMS, ()))}
    return Userinfo(token.client_id, members)


def sign_userinfo(told: Userinfo, request: UserinfoRequest, uow: UnitOfWork, keyring: Keyring) -> str | None:
    """Return the answer as a JWT, with the algorithm that the client has registered; None if it has not.

    Without `exp` it passes for no ID token. Source: OpenID Connect Core §5.3.2.
    """
    client = uow.clients.get(told.client_id)
    algorithm = None if client is None else client.relying_party.userinfo_algorithm
    if algorithm is None:
        return None
    claims = {**told.members, "iss": request.tenant.issuer, "aud": told.client_id}
    return jws.sign(claims, keyring.signing_key(algorithm, uow, request.now), TYPE)


def _presented(request: UserinfoRequest) -> str:
    if request.in_body is None:
        return presented_token(request.authorization)
    if request.authorization is not None:
        raise InvalidRequest("the access token is sent in one place only", rule="token_in_two_places")
    return request.in_body
