"""Other names of ids: 16 bytes become 16 others under a key, and only who has the key finds the way back.

A block cipher on its one block: two ids never share a name, and nothing must be stored to come back to the id.
"""

import hmac
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import ECB

ID_BYTES: Final = 16


def alias_key(key: bytes, context: bytes) -> bytes:
    """Return the 32-byte key of one context; keys of two contexts say nothing of each other."""
    return hmac.digest(key, context, "sha256")


def hide(identifier: bytes, key: bytes) -> bytes:
    """Return the other name of a 16-byte id. The id must be random: equal ids have equal names."""
    return _cipher(key).encryptor().update(_one_block(identifier))


def reveal(alias: bytes, key: bytes) -> bytes:
    """Return the id behind a name. Any 16 bytes are a name: whether the id exists is another question."""
    return _cipher(key).decryptor().update(_one_block(alias))


def _cipher(key: bytes) -> Cipher[ECB]:
    # What is weak in this mode is a second block; there is none.
    return Cipher(AES256(key), ECB())  # noqa: S305


def _one_block(octets: bytes) -> bytes:
    if len(octets) != ID_BYTES:
        raise ValueError("an id has 16 bytes")
    return octets
