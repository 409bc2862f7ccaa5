"""A bare ASGI app: parse, compare the hash, read the token's row, answer its claims, and care about nothing else.

Its facts come as JSON in the environment variable BENCH_BARE: client_id, client_secret, database (a file), tenant.
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
import sqlite3
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

FACTS = json.loads(os.environ["BENCH_BARE"])
SECRET_HASHES = {FACTS["client_id"]: hashlib.sha256(FACTS["client_secret"].encode()).digest()}
DATABASE = sqlite3.connect(FACTS["database"], check_same_thread=False)
ROW = "SELECT claims FROM access_tokens WHERE tenant_id = ? AND token_hash = ?"


def introspect(authorization: bytes, body: bytes) -> tuple[int, bytes]:
    """The answer to an introspection request."""
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
    digest = hashlib.sha256(form["token"].encode()).hexdigest()
    row = DATABASE.execute(ROW, (FACTS["tenant"], digest)).fetchone()
    if row is None:
        return 200, b'{"active":false}'
    claims = json.loads(row[0])
    if claims["exp"] <= time.time():
        return 200, b'{"active":false}'
    return 200, json.dumps({"active": True, "token_type": "Bearer", **claims}, separators=(",", ":")).encode()


async def app(scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
    """POST /introspect; GET /jwks says that it is up."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    status, answer = 200, b"{}"
    if scope["path"] == "/introspect":
        status, answer = introspect(dict(scope["headers"]).get(b"authorization", b""), body)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(answer)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
