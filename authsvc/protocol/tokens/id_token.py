"""ID tokens (OpenID Connect Core 1.0 §2)."""

import hashlib
from base64 import urlsafe_b64encode
from datetime import datetime

from authsvc.crypto import jws
from authsvc.crypto.jwk import SigningKey
from authsvc.domain.tokens import SignIn
from authsvc.domain.users import User
from authsvc.protocol.claims import claims_about

TYPE = "JWT"


def sign_id_token(
    issuer: str, client_id: str, user: User, sign_in: SignIn, scopes: frozenset[str], access_token: str,
    key: SigningKey, lifetime_seconds: int, now: datetime,
) -> str:  # fmt: skip
    """Return the token for the client itself, with the claims that its scopes allow and `at_hash` (§3.1.3.6)."""
    issued_at = int(now.timestamp())
    claims = {
        **claims_about(user, scopes),
        "iss": issuer,
        "sub": str(user.id),
        "aud": client_id,
        "exp": issued_at + lifetime_seconds,
        "iat": issued_at,
        "auth_time": int(sign_in.authenticated_at.timestamp()),
        "amr": list(sign_in.amr),
        "sid": str(sign_in.session_id),
        "at_hash": _half_hash(access_token, key.algorithm),
    }
    return jws.sign(claims, key, TYPE)


def _half_hash(value: str, algorithm: str) -> str:
    digest = hashlib.sha512 if algorithm == "EdDSA" else hashlib.sha256
    whole = digest(value.encode()).digest()
    return urlsafe_b64encode(whole[: len(whole) // 2]).rstrip(b"=").decode()
