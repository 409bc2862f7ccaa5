"""Random tokens that only their issuer can read: kind prefix, 256 bits of chance, checksum.

The prefix keeps one kind from passing for another and lets scanners of source code find a leak. Only hashes
are stored. A refresh token also names its family and generation: a superseded one is recognised without a row.
"""

import hashlib
import hmac
import re
import secrets
import zlib
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from authsvc.crypto import base64url
from authsvc.crypto.errors import OpaqueInvalid

CLIENT_SECRET: Final = "as_cs_"
REFRESH_TOKEN: Final = "as_rt_"
MAILED_TOKEN: Final = "as_ml_"
ACCESS_TOKEN: Final = "as_at_"
API_KEY: Final = "as_ak_"
AUTHORIZATION_CODE: Final = "as_ac_"
CONTINUATION: Final = "as_co_"
BROWSER: Final = "as_br_"
"""The cookie of a browser that has not signed in; SESSION of one that has."""
SESSION: Final = "as_se_"
REGISTRATION_TOKEN: Final = "as_rg_"
"""The initial access token of client registration (RFC 7591); CLIENT_TOKEN manages one client (RFC 7592)."""
CLIENT_TOKEN: Final = "as_cm_"

SECRET_BYTES: Final = 32
KEY_BYTES: Final = 32

_KIND: Final = re.compile(r"as_[a-z]{2}_")
_CHECKSUM_BYTES: Final = 4
_FAMILY_BYTES: Final = 16
_GENERATION_BYTES: Final = 4
_PAYLOAD_BYTES: Final = _FAMILY_BYTES + _GENERATION_BYTES + SECRET_BYTES
_MAC_BYTES: Final = 20

# One key, three uses: the context keeps each use from answering for another.
_MAC_CONTEXT: Final = b"authsvc refresh token checksum v1\x00"
_SUCCESSOR_CONTEXT: Final = b"authsvc refresh token successor v1\x00"
_HASH_CONTEXT: Final = b"authsvc refresh token hash v1\x00"


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """One generation of a family of refresh tokens, as the token itself says it."""

    family_id: UUID
    generation: int
    secret: bytes = field(repr=False)


def new_secret(kind: str) -> str:
    """Return a new secret of `kind`, for example CLIENT_SECRET: the kind, then 48 characters of base64url.

    Raises:
        ValueError: `kind` is not spelled as_xx_.
    """
    if not _KIND.fullmatch(kind):
        raise ValueError("a kind is spelled as_xx_")
    chance = secrets.token_bytes(SECRET_BYTES)
    return kind + base64url.encode(chance + _checksum(kind, chance))


def is_well_formed(kind: str, value: str) -> bool:
    """Say whether `value` may be a secret of `kind`: spares typing errors a look-up, proves no origin."""
    try:
        octets = _body(kind, value, SECRET_BYTES + _CHECKSUM_BYTES)
    except OpaqueInvalid:
        return False
    return octets[SECRET_BYTES:] == _checksum(kind, octets[:SECRET_BYTES])


def hash_secret(value: str) -> str:
    """Return what is stored of a secret: SHA-256 in hex. Enough, since the secret is 256 random bits."""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


def matches(value: str, secret_hash: str) -> bool:
    """Say whether `value` is the secret whose hash is stored, in constant time."""
    return hmac.compare_digest(hash_secret(value).encode(), secret_hash.encode("utf-8", "surrogatepass"))


def new_refresh_token(family_id: UUID) -> RefreshToken:
    """Return generation 0 of a family."""
    return RefreshToken(family_id, 0, secrets.token_bytes(SECRET_BYTES))


def encode_refresh_token(token: RefreshToken, key: bytes) -> str:
    """Return the one spelling of `token`; `key` is the server's 32 bytes for refresh tokens."""
    payload = _place(token.family_id, token.generation) + token.secret
    return REFRESH_TOKEN + base64url.encode(payload + _mac(key, payload))


def decode_refresh_token(value: str, key: bytes) -> RefreshToken:
    """Return the token that `encode_refresh_token` spelled so under `key`.

    Raises:
        OpaqueInvalid: any other text, also another spelling of a token that would be valid.
    """
    octets = _body(REFRESH_TOKEN, value, _PAYLOAD_BYTES + _MAC_BYTES)
    payload, mac = octets[:_PAYLOAD_BYTES], octets[_PAYLOAD_BYTES:]
    if not hmac.compare_digest(mac, _mac(key, payload)):
        raise OpaqueInvalid("not issued under this key")
    return RefreshToken(
        family_id=UUID(bytes=payload[:_FAMILY_BYTES]),
        generation=int.from_bytes(payload[_FAMILY_BYTES:-SECRET_BYTES], "big"),
        secret=payload[-SECRET_BYTES:],
    )


def successor(token: RefreshToken, key: bytes) -> RefreshToken:
    """Return the next generation: the same on every node, and computable only from the presented secret.

    Raises:
        OpaqueInvalid: the family has reached its last generation, 2**32 - 1.
    """
    following = token.generation + 1
    message = _SUCCESSOR_CONTEXT + _place(token.family_id, following) + token.secret
    return RefreshToken(token.family_id, following, hmac.digest(_checked(key), message, "sha256"))


def refresh_token_hash(token: RefreshToken) -> str:
    """Return what is stored of a refresh token: SHA-256 over its secret, in hex."""
    return hashlib.sha256(_HASH_CONTEXT + token.secret).hexdigest()


def _body(kind: str, value: str, length: int) -> bytes:
    # Lengths are multiples of 3, so that base64url has no spare bits and no second spelling.
    if len(value) != len(kind) + length // 3 * 4 or not value.startswith(kind):
        raise OpaqueInvalid("another kind or length")
    try:
        return base64url.decode(value[len(kind) :])
    except ValueError:
        raise OpaqueInvalid("not base64url") from None


def _place(family_id: UUID, generation: int) -> bytes:
    try:
        return family_id.bytes + generation.to_bytes(_GENERATION_BYTES, "big")
    except OverflowError:
        raise OpaqueInvalid("no such generation") from None


def _checksum(kind: str, octets: bytes) -> bytes:
    return zlib.crc32(kind.encode() + octets).to_bytes(_CHECKSUM_BYTES, "big")


def _mac(key: bytes, payload: bytes) -> bytes:
    return hmac.digest(_checked(key), _MAC_CONTEXT + payload, "sha256")[:_MAC_BYTES]


def _checked(key: bytes) -> bytes:
    # A short or empty key (a mis-read setting) would make every token forgeable.
    if len(key) != KEY_BYTES:
        raise ValueError(f"the key is {KEY_BYTES} bytes")
    return key
