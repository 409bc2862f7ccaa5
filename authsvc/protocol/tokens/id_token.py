"""ID tokens (OpenID Connect Core 1.0 §2)."""

import hashlib
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field

from authsvc.crypto import jws
from authsvc.crypto.jwk import SigningKey
from authsvc.domain.tokens import SignIn
from authsvc.domain.users import User
from authsvc.protocol.claims import claims_about
from authsvc.protocol.grant import GrantRequest

TYPE = "JWT"


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom an ID token tells of: the person, their sign-in, what may be told, and the access token beside it."""

    user: User
    sign_in: SignIn
    scopes: frozenset[str]
    access_token: str = field(repr=False)


def sign_id_token(request: GrantRequest, subject: Subject, key: SigningKey, lifetime_seconds: int) -> str:
    """Return the token for the client itself, with the claims that its scopes allow and `at_hash` (§3.1.3.6)."""
    issued_at = int(request.now.timestamp())
    claims = {
        **claims_about(subject.user, subject.scopes),
        "iss": request.tenant.issuer,
        "sub": str(subject.user.id),
        "aud": request.client.id,
        "exp": issued_at + lifetime_seconds,
        "iat": issued_at,
        "auth_time": int(subject.sign_in.authenticated_at.timestamp()),
        "amr": list(subject.sign_in.amr),
        "sid": str(subject.sign_in.session_id),
        "at_hash": _half_hash(subject.access_token, key.algorithm),
    }
    return jws.sign(claims, key, TYPE)


def _half_hash(value: str, algorithm: str) -> str:
    digest = hashlib.sha512 if algorithm == "EdDSA" else hashlib.sha256
    whole = digest(value.encode()).digest()
    return urlsafe_b64encode(whole[: len(whole) // 2]).rstrip(b"=").decode()
