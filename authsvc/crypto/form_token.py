"""Form tokens: proof that a form was served to the browser that sends it back."""

import hashlib
import hmac
from typing import Final

_CONTEXT: Final = b"authsvc form token v1\x00"


def form_token(secret: str, *parts: str) -> str:
    """Return HMAC-SHA256 over the parts under a browser's secret, in hex; nobody else can compute or reuse it."""
    message = _CONTEXT + b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def is_form_token(presented: str, secret: str, *parts: str) -> bool:
    """Say whether `presented` is the token of these parts, in constant time."""
    return hmac.compare_digest(presented.encode("utf-8", "surrogatepass"), form_token(secret, *parts).encode())
