"""Signatures that were found good: a resource server asks about one token many times, and mathematics does not change.

Only the signature is remembered, with the very key that made it; key, claims and instants are judged at each call.
"""

from collections.abc import Callable
from datetime import datetime

from authsvc.crypto import jws
from authsvc.crypto.claims import Expectation, check_claims
from authsvc.crypto.jwk import VerificationKey
from authsvc.crypto.jws import VerifiedClaims

SIZE = 2_048
"""Entries; only tokens of our own get in, so that no flood of forged ones can push them out."""
_good: dict[str, tuple[VerificationKey, VerifiedClaims]] = {}


def verify_again(
    presented: str, find_key: Callable[[str], VerificationKey | None], expected: Expectation, now: datetime
) -> VerifiedClaims:
    """As `jws.verify`, for one `typ` only: that of access tokens. Raises: TokenError."""
    entry = _good.get(presented)
    if entry is not None:
        key, claims = entry
        # Another object would be a key that was revoked, or another tenant's.
        if key.kid is not None and find_key(key.kid) is key:
            check_claims(claims, expected, now.timestamp())
            return claims
    used: list[VerificationKey | None] = []

    def find(kid: str) -> VerificationKey | None:
        used.append(find_key(kid))
        return used[-1]

    claims = jws.verify(presented, find, expected, now.timestamp())
    if used[0] is not None:
        if len(_good) >= SIZE:
            _good.clear()
        _good[presented] = (used[0], claims)
    return claims
