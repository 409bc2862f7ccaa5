"""What an access token tells about its person (OpenID Connect Core 1.0 §5.3)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from authsvc.domain.keyring import Keyring
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.tenants import Tenant
from authsvc.protocol.bearer import presented_token
from authsvc.protocol.claims import claims_about
from authsvc.protocol.errors import InsufficientScope, InvalidRequest, InvalidToken
from authsvc.protocol.tokens.access_token import USERINFO_CLAIMS
from authsvc.protocol.tokens.state import judge_access_token

NEEDED_SCOPE = "openid"


@dataclass(frozen=True, slots=True)
class UserinfoRequest:
    """The token in the header, or in the body of a POST (RFC 6750 §2.1, §2.2); the URL is never looked at."""

    tenant: Tenant
    authorization: str | None = field(repr=False)
    in_body: str | None = field(repr=False)
    now: datetime


def userinfo(request: UserinfoRequest, uow: UnitOfWork, keyring: Keyring) -> Mapping[str, Any]:
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
    return {"sub": token.subject, **claims_about(user, token.scopes, token.claims.get(USERINFO_CLAIMS, ()))}


def _presented(request: UserinfoRequest) -> str:
    if request.in_body is None:
        return presented_token(request.authorization)
    if request.authorization is not None:
        raise InvalidRequest("the access token is sent in one place only", rule="token_in_two_places")
    return request.in_body
