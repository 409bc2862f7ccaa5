"""ID tokens (OpenID Connect Core 1.0 §2)."""

import hashlib
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

from authsvc.crypto import jws
from authsvc.crypto.jwk import SigningKey
from authsvc.domain.people.users import User
from authsvc.domain.sign_in.authorization_codes import AuthorizationCode
from authsvc.domain.tokens.content import SignIn
from authsvc.protocol.acr import acr_of
from authsvc.protocol.claims import claims_about
from authsvc.protocol.grant import GrantRequest
from authsvc.protocol.tokens.access_token import ORIGIN

TYPE = "JWT"

_HASHES = {
    **dict.fromkeys(("ES256", "RS256", "PS256"), hashlib.sha256),
    **dict.fromkeys(("ES384", "RS384", "PS384"), hashlib.sha384),
    **dict.fromkeys(("ES512", "RS512", "PS512", "EdDSA", "Ed25519"), hashlib.sha512),
}


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom an ID token tells of, and what.

    The person, their name for this client, their sign-in, what may be told, the access token beside it, and the code
    that both are given for, if there is one.
    """

    user: User
    name: str
    sign_in: SignIn
    scopes: frozenset[str]
    access_token: str = field(repr=False)
    code: AuthorizationCode | None = None


def sign_id_token(request: GrantRequest, subject: Subject, key: SigningKey, lifetime_seconds: int) -> str:
    """Return the token for the client itself, with the claims that its scopes allow and those that it asked for.

    `nonce` is that of the authorization request (§3.1.3.7), `at_hash` of the access token (§3.1.3.6).
    """
    issued_at, code = int(request.now.timestamp()), subject.code
    asked = code.claims.get("id_token", {}) if code else {}
    claims = {
        **claims_about(subject.user, subject.scopes, asked),
        "iss": request.tenant.issuer,
        "sub": subject.name,
        "aud": request.client.id,
        "exp": issued_at + lifetime_seconds,
        "iat": issued_at,
        "auth_time": int(subject.sign_in.authenticated_at.timestamp()),
        "amr": list(subject.sign_in.amr),
        "sid": str(subject.sign_in.session_id),
    }
    acr = acr_of(subject.sign_in.amr)
    if acr is not None:
        claims["acr"] = acr
    if code is not None and code.nonce is not None:
        claims["nonce"] = code.nonce
    claims.update(_ends_with(subject))
    at_hash = _half_hash(subject.access_token, key.algorithm)
    if at_hash is not None:
        claims["at_hash"] = at_hash
    return jws.sign(claims, key, TYPE)


def _ends_with(subject: Subject) -> dict[str, Any]:
    """Return what the token hangs on beside its session, so that a withdrawn consent reaches who exchanges it.

    That is the refresh family; where none was begun, the access token beside it, by the id that their code has named.
    """
    if subject.sign_in.family_id is not None:
        return {"grant_id": str(subject.sign_in.family_id)}
    return {} if subject.code is None else {ORIGIN: {"jti": subject.code.token_id}}


def _half_hash(value: str, algorithm: str) -> str | None:
    """Return the left half of the hash that the algorithm signs with, or None where nobody has said which it is.

    OpenID Connect Core §3.1.3.6 takes the hash from `alg`. Ed25519 signs with SHA-512 (RFC 8032 §5.1). ML-DSA has no
    hash of a fixed length to go by (RFC 9964): `at_hash` is optional beside a token response, and a client that finds
    another value than it computes must refuse the token, so it is left out.
    """
    digest = _HASHES.get(algorithm)
    if digest is None:
        return None
    whole = digest(value.encode()).digest()
    return urlsafe_b64encode(whole[: len(whole) // 2]).rstrip(b"=").decode()
