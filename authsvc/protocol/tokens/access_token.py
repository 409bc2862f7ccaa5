"""Access tokens as JWTs of RFC 9068."""

import secrets

from authsvc.crypto import jws
from authsvc.crypto.jwk import SigningKey
from authsvc.domain.tokens import Target
from authsvc.protocol.grant import Decision, GrantRequest

TYPE = "at+jwt"


def sign_access_token(request: GrantRequest, decision: Decision, target: Target, key: SigningKey) -> str:
    """Return the token. Claims and `typ` as in RFC 9068 §2.2; a person's carries the session (`sid`)."""
    issued_at = int(request.now.timestamp())
    claims: dict[str, str | int | list[str]] = {
        "iss": request.tenant.issuer,
        "sub": decision.subject,
        "aud": target.audiences[0] if len(target.audiences) == 1 else list(target.audiences),
        "exp": issued_at + target.lifetime_seconds,
        "iat": issued_at,
        "jti": secrets.token_urlsafe(16),
        "client_id": request.client.id,
    }
    if target.scopes:
        claims["scope"] = " ".join(sorted(target.scopes))
    sign_in = decision.sign_in
    if sign_in is not None:
        claims["sid"] = str(sign_in.session_id)
        claims["auth_time"] = int(sign_in.authenticated_at.timestamp())
        claims["amr"] = list(sign_in.amr)
    return jws.sign(claims, key, TYPE)
