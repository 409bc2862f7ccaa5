"""Access tokens as JWTs of RFC 9068."""

import secrets
from datetime import datetime

from authsvc.crypto import jws
from authsvc.crypto.jwk import SigningKey
from authsvc.domain.tokens import SignIn, Target

TYPE = "at+jwt"
Claim = str | int | list[str]


def sign_access_token(
    issuer: str, subject: str, client_id: str, target: Target, sign_in: SignIn | None, key: SigningKey, now: datetime
) -> str:  # fmt: skip
    """Return the token. Claims and `typ` as in RFC 9068 §2.2; a person's carries the session (`sid`)."""
    issued_at = int(now.timestamp())
    claims: dict[str, Claim] = {
        "iss": issuer,
        "sub": subject,
        "aud": target.audiences[0] if len(target.audiences) == 1 else list(target.audiences),
        "exp": issued_at + target.lifetime_seconds,
        "iat": issued_at,
        "jti": secrets.token_urlsafe(16),
        "client_id": client_id,
        "scope": " ".join(sorted(target.scopes)),
    }
    if sign_in is not None:
        claims["sid"] = str(sign_in.session_id)
        claims["auth_time"] = int(sign_in.authenticated_at.timestamp())
        claims["amr"] = list(sign_in.amr)
    return jws.sign(claims, key, TYPE)
