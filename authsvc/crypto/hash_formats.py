"""The formats of password hashes that may be stored, and what computing one may cost at most.

The cost of a foreign hash is a number in a text that somebody else wrote. It is read and judged here, before
any hashing: otherwise one imported row could hold a core, or all the memory, at each attempt to log in.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from authsvc.crypto.errors import UnsupportedHash

MAX_HASH_CHARACTERS: Final = 512

MAX_ARGON2_MEMORY_KIB: Final = 128 * 1024
MAX_ARGON2_PASSES: Final = 10
MAX_ARGON2_LANES: Final = 4
MAX_BCRYPT_COST: Final = 12
MAX_PBKDF2_ITERATIONS: Final = 1_000_000
MAX_SCRYPT_MEMORY_BYTES: Final = 128 * 1024 * 1024
MAX_SCRYPT_WORK: Final = 2**20
"""N * r * p, that is one pass over 128 MiB."""
MAX_SHA_CRYPT_ROUNDS: Final = 656_000

_Costs = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class HashFormat:
    """One spelling of a scheme. `prefix` is what another system wrote in front of the common spelling."""

    scheme: str
    spelling: re.Pattern[str]
    is_affordable: Callable[[_Costs], bool]
    prefix: str = ""


def recognise(password_hash: str) -> HashFormat:
    """Return the format of `password_hash`.

    Raises:
        UnsupportedHash: unknown, not spelled as its scheme spells, or above the caps of this module.
    """
    if len(password_hash) > MAX_HASH_CHARACTERS:
        raise UnsupportedHash("the hash is too long")
    for known in _FORMATS:
        found = known.spelling.fullmatch(password_hash.removeprefix(known.prefix))
        if found is None or not password_hash.startswith(known.prefix):
            continue
        costs = {name: int(text) for name, text in found.groupdict().items() if text is not None}
        if not known.is_affordable(costs):
            raise UnsupportedHash(f"the cost of the {known.scheme} hash is out of bounds")
        return known
    raise UnsupportedHash("unknown or malformed hash")


def _argon2(costs: _Costs) -> bool:
    lanes, memory = costs["p"], costs["m"]
    return (
        1 <= lanes <= MAX_ARGON2_LANES
        and 8 * lanes <= memory <= MAX_ARGON2_MEMORY_KIB
        and 1 <= costs["t"] <= MAX_ARGON2_PASSES
    )


def _bcrypt(costs: _Costs) -> bool:
    return 4 <= costs["cost"] <= MAX_BCRYPT_COST  # noqa: PLR2004 - bcrypt's own minimum


def _pbkdf2(costs: _Costs) -> bool:
    return 1 <= costs["iterations"] <= MAX_PBKDF2_ITERATIONS


def _scrypt(costs: _Costs) -> bool:
    block = (1 << costs["ln"]) * costs["r"]
    return costs["ln"] >= 1 and 0 < 128 * block <= MAX_SCRYPT_MEMORY_BYTES and 0 < block * costs["p"] <= MAX_SCRYPT_WORK


def _sha_crypt(costs: _Costs) -> bool:
    # Absent means 5,000; below 1,000 the origin would have computed 1,000, so such a text is not its own.
    return 1000 <= costs.get("rounds", 5000) <= MAX_SHA_CRYPT_ROUNDS  # noqa: PLR2004 - the scheme's own numbers


_ARGON2_SPELLING: Final = re.compile(
    r"\$argon2(?:id|i|d)\$(?:v=(?:16|19)\$)?m=(?P<m>[0-9]{1,10}),t=(?P<t>[0-9]{1,10}),p=(?P<p>[0-9]{1,8})"
    r"\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{16,86}"
)
_BCRYPT_SPELLING: Final = re.compile(r"\$2[aby]\$(?P<cost>[0-9]{2})\$[./A-Za-z0-9]{53}")

_FORMATS: Final = (
    HashFormat("argon2", _ARGON2_SPELLING, _argon2),
    HashFormat("argon2", _ARGON2_SPELLING, _argon2, prefix="argon2"),
    HashFormat("bcrypt", _BCRYPT_SPELLING, _bcrypt),
    HashFormat("bcrypt", _BCRYPT_SPELLING, _bcrypt, prefix="bcrypt$"),
    HashFormat("django_bcrypt_sha256", re.compile("bcrypt_sha256[$]" + _BCRYPT_SPELLING.pattern), _bcrypt),
    HashFormat(
        "pbkdf2_sha256",
        re.compile(r"\$pbkdf2-sha256\$(?P<iterations>[0-9]{1,10})\$[./A-Za-z0-9]{2,172}\$[./A-Za-z0-9]{43}"),
        _pbkdf2,
    ),
    HashFormat(
        "pbkdf2_sha512",
        re.compile(r"\$pbkdf2-sha512\$(?P<iterations>[0-9]{1,10})\$[./A-Za-z0-9]{2,172}\$[./A-Za-z0-9]{86}"),
        _pbkdf2,
    ),
    HashFormat(
        "django_pbkdf2_sha256",
        re.compile(r"pbkdf2_sha256\$(?P<iterations>[0-9]{1,10})\$[A-Za-z0-9]{1,64}\$[A-Za-z0-9+/]{43}="),
        _pbkdf2,
    ),
    HashFormat(
        "scrypt",
        re.compile(
            r"\$scrypt\$ln=(?P<ln>[0-9]{1,2}),r=(?P<r>[0-9]{1,8}),p=(?P<p>[0-9]{1,8})"
            r"\$[A-Za-z0-9+/]{2,172}\$[A-Za-z0-9+/]{43}"
        ),
        _scrypt,
    ),
    HashFormat(
        "sha512_crypt",
        re.compile(r"\$6\$(?:rounds=(?P<rounds>[0-9]{1,9})\$)?[./A-Za-z0-9]{0,16}\$[./A-Za-z0-9]{86}"),
        _sha_crypt,
    ),
    HashFormat(
        "sha256_crypt",
        re.compile(r"\$5\$(?:rounds=(?P<rounds>[0-9]{1,9})\$)?[./A-Za-z0-9]{0,16}\$[./A-Za-z0-9]{43}"),
        _sha_crypt,
    ),
)
