"""A good token taken apart, what may differ in it, and the spellings of public keys."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from authsvc.crypto import base64url, jwk_members
from authsvc.crypto.jwk import SigningKey
from tests.flows.assertions import GONE

HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


@dataclass(frozen=True, slots=True)
class Rules:
    """What may differ in a token of one input, each with its reason beside the table.

    `types` in lower case, without "application/". `free` names for a claim the ways (forged_values) in which it may be
    off: they do not matter there, or make another good token. `strips`: the input takes spaces around the token away.
    """

    types: frozenset[str | None]
    free: Mapping[str, str]
    needs_kid: bool = True
    strips: bool = False

    def allows(self, claim: str, way: str) -> bool:
        ways = self.free.get(claim, "").split()
        return "*" in ways or way in ways

    def allows_type(self, typ: object) -> bool:
        if typ is GONE:
            return None in self.types
        return isinstance(typ, str) and typ.lower().removeprefix("application/") in self.types


@dataclass(frozen=True, slots=True)
class Specimen:
    """A good token in parts: `signer` made it (a shared secret, if bytes). Its `jti` is as yet unused.

    `published`: keys whose public halves everybody has. `rivals`: keys, each with the issuer that signs with it, of
    which none may make such a token. `others`: values of claims that belong to somebody else.
    """

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    signer: SigningKey | bytes = field(repr=False)
    rules: Rules
    published: Mapping[str, SigningKey]
    rivals: Mapping[str, tuple[SigningKey, str]]
    now: int
    others: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def algorithm(self) -> str:
        return str(self.header["alg"])

    def token(self, **changed: Any) -> str:
        """The token, its header changed (`GONE` removes a member)."""
        return self.said(self.claims, **changed)

    def said(self, claims: Any, **changed: Any) -> str:
        """The right key's token of any claims or payload."""
        return self.by(self.signer, claims, **changed)

    def by(self, signer: Any, claims: Any = None, **changed: Any) -> str:
        """Anybody's token: `signer` is a key, a shared secret or a function."""
        head = {name: value for name, value in {**self.header, **changed}.items() if value is not GONE}
        return compact(head, self.claims if claims is None else claims, signing(signer, str(head.get("alg"))))


def compact(head: Any, payload: Any, sign: Callable[[bytes], bytes]) -> str:
    """A compact token of anything at all."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (head, payload)]
    signed = ".".join(map(base64url.encode, parts))
    return f"{signed}.{base64url.encode(sign(signed.encode()))}"


def signing(signer: Any, algorithm: str) -> Callable[[bytes], bytes]:
    if isinstance(signer, SigningKey):
        return signer.key.sign
    if isinstance(signer, bytes):
        digest = HASHES.get(algorithm, hashlib.sha256)
        return lambda message: hmac.new(signer, message, digest).digest()
    return signer  # type: ignore[no-any-return]


def spellings(key: SigningKey) -> dict[str, bytes]:
    """Every way in which a public key may lie about as bytes."""
    public, published = jwk_members.read(key.public), dict(key.public)
    members = {name: value for name, value in published.items() if name not in ("kid", "use", "alg")}
    tight = {"separators": (",", ":"), "sort_keys": True}
    found = {
        "pem": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "der": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "ssh": public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        "jwk": json.dumps(published).encode(),
        "jwk tight": json.dumps(published, separators=(",", ":")).encode(),
        "jwk sorted": json.dumps(published, **tight).encode(),  # type: ignore[arg-type]
        "thumbprint's members": json.dumps(members, **tight).encode(),  # type: ignore[arg-type]
        "jwks": json.dumps({"keys": [published]}).encode(),
        "kid": key.kid.encode(),
    }
    if published["kty"] == "RSA":
        found["pkcs1 pem"] = public.public_bytes(Encoding.PEM, PublicFormat.PKCS1)
        found["pkcs1 der"] = public.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    for name in ("n", "x", "y"):
        if name in published:
            found[f"{name} text"] = published[name].encode()
            found[name] = base64url.decode(published[name])
    for name in [name for name in found if name in ("pem", "pkcs1 pem", "ssh")]:
        found[f"{name}, no final newline"] = found[name].rstrip(b"\n")
        found[f"{name}, a newline more"] = found[name] + b"\n"
        found[f"{name}, crlf"] = found[name].replace(b"\n", b"\r\n")
    found["der base64"] = base64.b64encode(found["der"])
    return found
