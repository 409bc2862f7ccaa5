"""A bare ASGI app: parse, compare the hash, sign the same claims, and care about nothing else.

Its facts come as JSON in the environment variable BENCH_BARE: issuer, client_id, client_secret,
audience, scopes, jwks (the text to serve).
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jose import jwk

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

FACTS = json.loads(os.environ["BENCH_BARE"])
LIFETIME_SECONDS = 900
SECRET_HASHES = {FACTS["client_id"]: hashlib.sha256(FACTS["client_secret"].encode()).digest()}
KEY = jwk.construct(
    ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
    "ES256",
)
JWKS = FACTS["jwks"].encode()
JWKS_HEADERS: Headers = [
    (b"content-type", b"application/jwk-set+json"),
    (b"content-length", str(len(JWKS)).encode()),
    (b"cache-control", b"public, max-age=300"),
    (b"etag", b'"' + hashlib.sha256(JWKS).hexdigest()[:32].encode() + b'"'),
]


def segment(data: bytes) -> bytes:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")


HEADER = segment(json.dumps({"alg": "ES256", "typ": "at+jwt", "kid": "bench"}, separators=(",", ":")).encode())


def access_token(client_id: str, scope: str, audience: str) -> str:
    """An ES256 at+jwt with the claims of RFC 9068."""
    now = int(time.time())
    claims = {
        "iss": FACTS["issuer"],
        "sub": client_id,
        "client_id": client_id,
        "aud": audience,
        "iat": now,
        "exp": now + LIFETIME_SECONDS,
        "jti": str(uuid.uuid4()),
        "scope": scope,
    }
    signed = HEADER + b"." + segment(json.dumps(claims, separators=(",", ":")).encode())
    return (signed + b"." + segment(KEY.sign(signed))).decode()


def token(authorization: bytes, body: bytes) -> tuple[int, bytes]:
    """The answer to a client_credentials request."""
    form = dict(parse_qsl(body.decode(), strict_parsing=True))
    try:
        client_id, _, secret = (
            base64.b64decode(authorization.removeprefix(b"Basic "), validate=True).decode().partition(":")
        )
    except (binascii.Error, UnicodeDecodeError):
        return 401, b'{"error":"invalid_client"}'
    known = SECRET_HASHES.get(client_id)
    if known is None or not hmac.compare_digest(known, hashlib.sha256(secret.encode()).digest()):
        return 401, b'{"error":"invalid_client"}'
    scope = form["scope"]
    if form["grant_type"] != "client_credentials" or not set(scope.split()) <= set(FACTS["scopes"]):
        return 400, b'{"error":"invalid_request"}'
    answer = {
        "access_token": access_token(client_id, scope, FACTS["audience"]),
        "token_type": "Bearer",
        "expires_in": LIFETIME_SECONDS,
        "scope": scope,
    }
    return 200, json.dumps(answer, separators=(",", ":")).encode()


async def app(scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
    """POST /token and GET /jwks."""
    if scope["type"] != "http":
        return
    if scope["path"] == "/jwks":
        await send({"type": "http.response.start", "status": 200, "headers": JWKS_HEADERS})
        await send({"type": "http.response.body", "body": JWKS})
        return
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    status, answer = token(dict(scope["headers"]).get(b"authorization", b""), body)
    headers: Headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(answer)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
