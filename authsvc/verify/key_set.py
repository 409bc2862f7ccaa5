"""One state of an issuer's keys, and the tokens already accepted under it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from authsvc.crypto.errors import UnsupportedKey
from authsvc.crypto.jwk import VerificationKey, load_verification_key
from authsvc.verify.access_token import AccessToken
from authsvc.verify.memory import Instant, Memory

KEYS_REFUSED_AFTER_SECONDS = 24 * 3600.0
"""A key the issuer has withdrawn must not live on for ever where the issuer cannot be reached."""


@dataclass(frozen=True, slots=True)
class FetchedKeys:
    """The members of a JWK Set as they came, and for how long the answer calls itself fresh (clamped)."""

    members: list[object]
    fresh_seconds: float


@dataclass(frozen=True, slots=True)
class KeySet:
    """The usable keys of one JWK Set. A token accepted under it is remembered in it, and goes with it."""

    by_kid: Mapping[str, VerificationKey]
    members: Sequence[object]
    seen: Memory[AccessToken]
    fetched_at: Instant
    fresh_seconds: float

    def is_too_old(self, now: Instant) -> bool:
        """Say whether these keys must not be used any more, not even while the issuer is away."""
        return now.since(self.fetched_at) >= KEYS_REFUSED_AFTER_SECONDS


def read_keys(members: Sequence[object], algorithms: Collection[str]) -> dict[str, VerificationKey]:
    """Return the keys that can verify a token, by `kid`; of two with one `kid` the first.

    Others (for encryption, of types and algorithms not known or not allowed, without a `kid`) are skipped: a
    set may hold them for other readers. Source: RFC 7517 §5.
    """
    by_kid: dict[str, VerificationKey] = {}
    for member in members:
        if not isinstance(member, dict):
            continue
        kid = member.get("kid")
        if not isinstance(kid, str) or kid in by_kid:
            continue
        try:
            by_kid[kid] = load_verification_key(member, algorithms)
        except UnsupportedKey:
            continue
    return by_kid
