"""Secrets at rest: AES-256-GCM under a named master key, bound to the place where they lie.

A ciphertext that is moved to another tenant, table, row or column no longer opens. The master keys' file is
read by the caller; here only its text is understood.
"""

import base64
import binascii
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from authsvc.crypto.errors import CryptoError, DecryptionFailed

MASTER_KEY_BYTES: Final = 32

_VERSION: Final = b"\x01"
_NONCE_BYTES: Final = 12
_LENGTH_BYTES: Final = 4
_KEY_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class MasterKeys:
    """The master keys by id: all of them decrypt, `current` encrypts."""

    keys: Mapping[str, bytes] = field(repr=False)
    current: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a secret lies; authenticated with it, not stored in it."""

    tenant: str
    table: str
    row: str
    column: str


def parse_master_keys(text: str) -> MasterKeys:
    """Read one "id base64" line per key; the first is current. Empty lines and those that begin with # are skipped.

    Raises:
        CryptoError: says which line to mend and how, without its content.
    """
    keys: dict[str, bytes] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        key_id, key = _master_key(number, words)
        if key_id in keys:
            raise CryptoError(f"line {number} of the master keys repeats a key id: give each key its own id")
        keys[key_id] = key
    if not keys:
        raise CryptoError("the master keys are empty: write one line with a key id and 32 random bytes in base64")
    return MasterKeys(keys, current=next(iter(keys)))


def new_master_key_line() -> str:
    """Return a line for the master keys' file: a random id and 256 random bits, without a line end."""
    key = base64.b64encode(secrets.token_bytes(MASTER_KEY_BYTES)).decode("ascii")
    return f"mk-{secrets.token_hex(4)} {key}"


def encrypt(plaintext: bytes, place: Place, keys: MasterKeys) -> bytes:
    """Return version, key id, nonce and ciphertext, under the current master key."""
    key_id = keys.current.encode("ascii")
    head = _VERSION + len(key_id).to_bytes(1, "big") + key_id
    # Random nonces are safe for 2**32 secrets under one master key (NIST SP 800-38D §8.3).
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return head + nonce + AESGCM(keys.keys[keys.current]).encrypt(nonce, plaintext, _associated(head, place))


def decrypt(ciphertext: bytes, place: Place, keys: MasterKeys) -> bytes:
    """Return the secret that was encrypted for `place`.

    Raises:
        DecryptionFailed: damaged, from another place, of an unknown version, or its master key is missing.
    """
    key_id = encrypted_under(ciphertext)
    key = keys.keys.get(key_id)
    if key is None:
        raise DecryptionFailed(f"the master key {key_id} is missing: put its line back into the master keys")
    end = 2 + len(key_id)
    head, nonce, body = (
        ciphertext[:end],
        ciphertext[end : end + _NONCE_BYTES],
        ciphertext[end + _NONCE_BYTES :],
    )
    try:
        return AESGCM(key).decrypt(nonce, body, _associated(head, place))
    except (InvalidTag, ValueError):
        raise DecryptionFailed("the ciphertext is damaged or lies in another place") from None


def encrypted_under(ciphertext: bytes) -> str:
    """Return the id of the master key, for rotation; it is not authenticated before `decrypt`.

    Raises:
        DecryptionFailed: not a ciphertext of `encrypt`.
    """
    if ciphertext[:1] != _VERSION:
        raise DecryptionFailed("the ciphertext has an unknown version")
    key_id = ciphertext[2 : 2 + int.from_bytes(ciphertext[1:2], "big")].decode("ascii", "replace")
    if not _KEY_ID.fullmatch(key_id):
        raise DecryptionFailed("the ciphertext names no master key")
    return key_id


def _master_key(number: int, words: list[str]) -> tuple[str, bytes]:
    try:
        key_id, encoded = words
        key = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error):
        raise CryptoError(f"line {number} of the master keys is not a key id, a space and a key in base64") from None
    if not _KEY_ID.fullmatch(key_id):
        raise CryptoError(f"line {number} of the master keys: the id is 1 to 64 letters, digits, dots, - or _")
    if len(key) != MASTER_KEY_BYTES:
        raise CryptoError(f"line {number} of the master keys: the key is not {MASTER_KEY_BYTES} bytes long")
    return key_id, key


def _associated(head: bytes, place: Place) -> bytes:
    # Lengths in front: ("ab", "c") and ("a", "bc") are two places.
    parts = (head, *(part.encode() for part in (place.tenant, place.table, place.row, place.column)))
    return b"".join(len(part).to_bytes(_LENGTH_BYTES, "big") + part for part in parts)
