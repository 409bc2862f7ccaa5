"""Password hashes: Argon2id for our own, a capped list of foreign schemes for imported users.

The only importer of `passlib` (installed as `libpass`, its maintained continuation).
"""

import base64
import secrets
from typing import Any, Final

from passlib import hash as schemes

from authsvc.crypto.errors import UnsupportedHash
from authsvc.crypto.hash_formats import HashFormat, recognise

MEMORY_KIB: Final = 19456
PASSES: Final = 2
LANES: Final = 1
MAX_PASSWORD_BYTES: Final = 1024
"""Of the UTF-8 form; the caller tells the user, here it only bounds what one request can make us hash."""

_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32
_BCRYPT_BYTES: Final = 72
_SHA_CRYPT_BYTES: Final = 128
"""What SHA-crypt looks at: its cost grows with the password's length, to seconds, which would tell who was imported."""
_OUR_HEAD: Final = f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$"

# passlib builds its handlers at run time; their types say nothing.
_schemes: Final[Any] = schemes
_argon2id: Final[Any] = _schemes.argon2.using(
    type="ID",
    memory_cost=MEMORY_KIB,
    time_cost=PASSES,
    parallelism=LANES,
    salt_size=_SALT_BYTES,
    hash_len=_HASH_BYTES,
)
_HANDLERS: Final[dict[str, Any]] = {
    "argon2": _schemes.argon2,
    "bcrypt": _schemes.bcrypt,
    "django_bcrypt_sha256": _schemes.django_bcrypt_sha256,
    "pbkdf2_sha256": _schemes.pbkdf2_sha256,
    "pbkdf2_sha512": _schemes.pbkdf2_sha512,
    "django_pbkdf2_sha256": _schemes.django_pbkdf2_sha256,
    "scrypt": _schemes.scrypt,
    "sha512_crypt": _schemes.sha512_crypt,
    "sha256_crypt": _schemes.sha256_crypt,
}
_LONGEST: Final = {"bcrypt": _BCRYPT_BYTES, "sha512_crypt": _SHA_CRYPT_BYTES, "sha256_crypt": _SHA_CRYPT_BYTES}


def _random_base64(length: int) -> str:
    return base64.b64encode(secrets.token_bytes(length)).rstrip(b"=").decode("ascii")


# Costs what our own hashes cost and matches no password that anyone can find.
_DUMMY_HASH: Final = f"{_OUR_HEAD}{_random_base64(_SALT_BYTES)}${_random_base64(_HASH_BYTES)}"


def hash_password(password: str) -> str:
    """Return the Argon2id hash of a password that is already NFC: 19 MiB, 2 passes, 1 lane.

    Raises:
        ValueError: longer than MAX_PASSWORD_BYTES, or not Unicode text (a lone surrogate).
    """
    octets = password.encode("utf-8")
    if len(octets) > MAX_PASSWORD_BYTES:
        raise ValueError("the password is too long")
    hashed: str = _argon2id.hash(octets)
    return hashed


def verify_password(password: str, password_hash: str) -> bool:
    """Say whether `password` was hashed to `password_hash`; odd passwords and corrupt or costly hashes: False.

    bcrypt looks at 72 bytes only. An imported bcrypt hash therefore accepts what its origin accepted, the
    first 72 bytes with any ending, until the login that follows replaces it (`needs_rehash`). SHA-crypt gets
    128 bytes at most: a longer password, whoever chose it, must be set anew.
    """
    try:
        octets = password.encode("utf-8")
        known = recognise(password_hash)
    except (UnicodeEncodeError, UnsupportedHash):
        return False
    if len(octets) > MAX_PASSWORD_BYTES:
        return False
    # The library refuses more than 72 bytes since 5.0, where every earlier bcrypt cut them off.
    presented = octets[: _LONGEST.get(known.scheme)]
    is_too_long = known.scheme != "bcrypt" and len(presented) < len(octets)
    try:
        is_same = bool(_HANDLERS[known.scheme].verify(presented, _common_spelling(known, password_hash)))
    except (ValueError, TypeError, NotImplementedError):
        # passlib's words for NUL in a scheme that cannot hold it, and for a well-spelled hash that is none.
        return False
    return is_same and not is_too_long


def verify_dummy(password: str) -> None:
    """Spend what verifying one of our own hashes costs: an unknown name takes as long as a wrong password."""
    _argon2id.verify(password.encode("utf-8", "surrogatepass")[:MAX_PASSWORD_BYTES], _DUMMY_HASH)


def needs_rehash(password_hash: str) -> bool:
    """Say whether a hash should be replaced at the next login: any that is not exactly our scheme and cost.

    A costlier one is replaced as well: durations that differ per user would tell who exists.
    """
    return not password_hash.startswith(_OUR_HEAD)


def check_importable(password_hash: str) -> str:
    """Return the name of the scheme of a hash from another system; nothing is hashed.

    Raises:
        UnsupportedHash: an unknown scheme, a malformed hash, or a cost above the caps of `hash_formats`.
    """
    known = recognise(password_hash)
    try:
        _HANDLERS[known.scheme].from_string(_common_spelling(known, password_hash))
    except (ValueError, TypeError, NotImplementedError):
        raise UnsupportedHash(f"malformed {known.scheme} hash") from None
    return known.scheme


def _common_spelling(known: HashFormat, password_hash: str) -> str:
    return password_hash.removeprefix(known.prefix)
