"""Authorization codes: what a person and a client agreed on, redeemed once within a minute."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from authsvc.domain.people.users import User
from authsvc.domain.sign_in.sessions import Session
from authsvc.domain.tokens.content import SignIn

KEPT_SECONDS = 3_600
"""How long a code is kept after its minute, so that what it gave can be ended; longer if its token lives longer."""


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    """One code. Only its hash is kept; a used one stays a while, so that a second use is recognised.

    `redirect_uri` is as the request named it, None if it named none. `claims` is the checked `claims` parameter
    (OpenID Connect Core §5.5). `token_id` will be the `jti` of its access token and `sign_in.family_id` the id of its
    refresh family, so that a replay can end both. `offline`: what it gives outlives the browser's session.
    """

    code_hash: str
    client_id: str
    sign_in: SignIn
    redirect_uri: str | None
    code_challenge: str | None = field(repr=False)
    scopes: frozenset[str]
    resources: frozenset[str]
    nonce: str | None
    claims: Mapping[str, Any]
    acr: str | None
    token_id: str
    offline: bool
    created_at: datetime
    expires_at: datetime
    consumed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CodeState:
    """A code with what it stands on, read in one statement; None for what is not there any more."""

    code: AuthorizationCode
    session: Session | None
    user: User | None
