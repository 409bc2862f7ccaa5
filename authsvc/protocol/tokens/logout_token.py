"""Logout tokens: what a client is told when a session ends (OpenID Connect Back-Channel Logout 1.0 §2.4)."""

from datetime import datetime
from uuid import uuid4

from authsvc.crypto import jws
from authsvc.crypto.jwk import SigningKey
from authsvc.domain.sign_in.logout_deliveries import LogoutDelivery

TYPE = "logout+jwt"
EVENT = "http://schemas.openid.net/event/backchannel-logout"
LIFETIME_SECONDS = 120


def sign_logout_token(delivery: LogoutDelivery, subject: str, issuer: str, key: SigningKey, now: datetime) -> str:
    """Return the token for the client; `subject` is the person, and the delivery's session the one, as it knows them.

    Its type and its event keep it from being taken for an ID token, and it never has a nonce (§2.4).
    """
    issued_at = int(now.timestamp())
    claims = {
        "iss": issuer,
        "sub": subject,
        "aud": delivery.client_id,
        "iat": issued_at,
        "exp": issued_at + LIFETIME_SECONDS,
        "jti": str(uuid4()),
        "sid": str(delivery.session_id),
        "events": {EVENT: {}},
    }
    return jws.sign(claims, key, TYPE)
