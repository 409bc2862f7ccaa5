"""base64url without padding, in exactly one spelling per value.

A decoder that forgives (padding, spare bits, foreign characters) lets one token have many spellings, which
breaks whatever is remembered by spelling: revocations, replay guards, caches.
"""

import base64


def encode(octets: bytes) -> str:
    """Return the unpadded base64url text. Source: RFC 7515 §2."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Return the octets of `text`.

    Raises:
        ValueError: the text is not what `encode` writes for these octets.
    """
    try:
        octets = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise ValueError("not base64url") from None
    # The library skips foreign characters and ignores spare bits; our own spelling has neither.
    if encode(octets) != text:
        raise ValueError("not canonical base64url")
    return octets
