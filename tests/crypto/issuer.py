"""An issuer with one key of each algorithm, and the parts from which tests and forgers build tokens."""

import json
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jose.backends.base import Key

from authsvc.crypto import base64url, jwk, jws
from authsvc.crypto.algorithms import SIGNING_ALGORITHMS

NOW = 1_800_000_000.0
ISSUER = "https://issuer.example/t/acme"
AUDIENCE = "https://api.example/orders"
TYP = "at+jwt"

PEMS = {algorithm: jwk.generate(algorithm) for algorithm in SIGNING_ALGORITHMS}
KEYS = {algorithm: jwk.load_signing_key(algorithm, pem) for algorithm, pem in PEMS.items()}
PUBLIC = {key.kid: jwk.load_verification_key(key.public, [key.algorithm]) for key in KEYS.values()}
EXPECTED = jws.Expectation(frozenset(SIGNING_ALGORITHMS), TYP, ISSUER, AUDIENCE)

Signer = Callable[[bytes], bytes]


def private(algorithm: str) -> Any:
    """The issuer's private key, as `cryptography` holds it."""
    return load_pem_private_key(PEMS[algorithm], None)


def claims(**changed: Any) -> dict[str, Any]:
    """Good claims, with changes; `...` removes one."""
    good = {
        "iss": ISSUER, "sub": "user-1", "aud": AUDIENCE, "iat": NOW - 10, "exp": NOW + 300, "jti": "t-1",
        "client_id": "orders",
    }  # fmt: skip
    return {name: value for name, value in {**good, **changed}.items() if value is not ...}


def header(algorithm: str = "ES256", **changed: Any) -> dict[str, Any]:
    """A good header, with changes; `...` removes a member."""
    good = {"alg": algorithm, "typ": TYP, "kid": KEYS[algorithm].kid}
    return {name: value for name, value in {**good, **changed}.items() if value is not ...}


def octets(value: Any) -> bytes:
    """JSON as a forger writes it: NaN, surrogates and all."""
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def token(head: Any, payload: Any, sign: Key | Signer) -> str:
    """A compact token of anything at all, truly signed by `sign`."""
    signing_input = f"{base64url.encode(octets(head))}.{base64url.encode(octets(payload))}"
    signer = sign.sign if isinstance(sign, Key) else sign
    return f"{signing_input}.{base64url.encode(signer(signing_input.encode()))}"


def good(algorithm: str = "ES256", **changed: Any) -> str:
    """A token that the issuer signed, its claims changed."""
    return token(header(algorithm), claims(**changed), KEYS[algorithm].key)


def accepts(presented: str, expected: jws.Expectation = EXPECTED, now: float = NOW) -> jws.VerifiedClaims:
    """Verify as a resource server would."""
    return jws.verify(presented, PUBLIC.get, expected, now)
