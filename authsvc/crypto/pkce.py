"""Proof Key for Code Exchange: S256 only. With `plain`, who reads the request has what redeems the code."""

import hashlib
import hmac
import re

from authsvc.crypto import base64url

_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}", re.ASCII)
_CHALLENGE = re.compile(r"[A-Za-z0-9\-_]{43}", re.ASCII)


def is_challenge(text: str) -> bool:
    """Say whether `text` can be the S256 challenge of any verifier. Source: RFC 7636 §4.2."""
    return _CHALLENGE.fullmatch(text) is not None


def answers(presented_verifier: str, challenge: str) -> bool:
    """Say whether the verifier has the grammar of one and hashes to `challenge`, in constant time.

    Source: RFC 7636 §4.1, §4.6.
    """
    if _VERIFIER.fullmatch(presented_verifier) is None or not challenge.isascii():
        return False
    hashed = base64url.encode(hashlib.sha256(presented_verifier.encode("ascii")).digest())
    return hmac.compare_digest(hashed, challenge)
