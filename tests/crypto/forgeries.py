"""Tokens that must never be accepted, by the flaw in somebody's library that once accepted them.

Each family yields (what it tries, token). Many are truly signed by the issuer's own key: then nothing but the rule
under attack stands in the way.
"""

import base64
import hashlib
import hmac
import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from authsvc.crypto import base64url, jwk
from authsvc.crypto.jws import MAX_TOKEN_BYTES
from authsvc.crypto.ml_dsa import ML_DSA
from tests.crypto.forged_claims import Forgery, claim_values, issuers_and_audiences, json_tricks, types
from tests.crypto.issuer import ISSUER, KEYS, claims, good, header, octets, private, token

_HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_ATTACKER = jwk.load_signing_key("ES256", jwk.generate("ES256"))


def public_spellings(algorithm: str) -> dict[str, bytes]:
    """Every way in which a published key may lie about as bytes."""
    public = private(algorithm).public_key()
    published = dict(KEYS[algorithm].public)
    spki = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    found = {
        "spki pem": public.public_bytes(*spki),
        "spki der": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "jwk": json.dumps(published).encode(),
        "jwk compact": json.dumps(published, separators=(",", ":")).encode(),
        "jwk sorted": json.dumps(published, separators=(",", ":"), sort_keys=True).encode(),
        "jwks": json.dumps({"keys": [published]}).encode(),
        "kid": KEYS[algorithm].kid.encode(),
        "empty": b"",
    }
    if algorithm not in ML_DSA:
        found["ssh"] = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    if algorithm in ("RS256", "PS256"):
        found["pkcs1 pem"] = public.public_bytes(Encoding.PEM, PublicFormat.PKCS1)
        found["pkcs1 der"] = public.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    if algorithm == "ES256":
        found["point"] = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        found["compressed point"] = public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    for member in ("n", "e", "x", "y", "pub"):
        if member in published:
            found[f"{member} text"] = str(published[member]).encode()
            found[f"{member} octets"] = base64url.decode(str(published[member]))
    for name in [name for name in found if "pem" in name or name == "ssh"]:
        found[f"{name} stripped"] = found[name].strip()
        found[f"{name} crlf"] = found[name].replace(b"\n", b"\r\n")
    for name in [name for name in found if "der" in name]:
        found[f"{name} base64"] = base64.b64encode(found[name])
    return found


def public_key_as_hmac_secret() -> Iterator[Forgery]:
    for algorithm, (name, digest) in itertools.product(KEYS, _HASHES.items()):
        for spelling, secret in public_spellings(algorithm).items():

            def sign(message: bytes, secret: bytes = secret, digest: Any = digest) -> bytes:
                return hmac.new(secret, message, digest).digest()

            what = f"{name} over {algorithm} {spelling}"
            yield what, token(header(algorithm, alg=name), claims(), sign)
            yield f"{what}, no kid", token(header(algorithm, alg=name, kid=...), claims(), sign)
            yield f"{what}, alg kept", token(header(algorithm), claims(), sign)


def no_algorithm() -> Iterator[Forgery]:
    spellings = {"".join(letters) for letters in itertools.product(*zip("none", "NONE", strict=True))}
    odd: list[Any] = [
        "",
        " none",
        "none ",
        "none\x00",
        "null",
        None,
        0,
        False,
        [],
        ["none"],
        ["ES256"],
        {},
        "HS256",
        ...,
    ]
    for algorithm in KEYS:
        signature = base64url.decode(good(algorithm).rsplit(".", 1)[1])
        for alg in [*sorted(spellings), *odd]:
            for signer in (lambda _: b"", lambda _: b"\x00", lambda _, s=signature: s):
                yield f"alg {alg!r}", token(header(algorithm, alg=alg), claims(), signer)


def stripped_or_bent() -> Iterator[Forgery]:
    for algorithm in KEYS:
        whole = good(algorithm)
        head, payload, signature = whole.split(".")
        for what, forged in {
            "no signature": f"{head}.{payload}.",
            "two segments": f"{head}.{payload}",
            "one segment": head,
            "four segments": f"{whole}.{signature}",
            "five segments, a JWE": f"{whole}.{signature}.{signature}",
            "empty header": f".{payload}.{signature}",
            "empty payload": f"{head}..{signature}",
            "only dots": "..",
            "many dots": "." * 9000,
            "space before": f" {whole}",
            "line end after": f"{whole}\n",
            "padded signature": f"{whole}==",
            "padded header": f"{head}=.{payload}.{signature}",
            "line end in signature": f"{whole[:-8]}\n{whole[-8:]}",
            "standard base64": f"{head}.{payload}.{signature[:-4]}+/+/",
            "NUL after": f"{whole}\x00",
            "full-width dot": whole.replace(".", "．"),
            "full-width letter": whole.replace("e", "ｅ", 1),
            "signature cut": f"{head}.{payload}.{signature[:-4]}",
            "signature twice": f"{head}.{payload}.{signature}{signature}",
            "another payload": f"{head}.{base64url.encode(octets(claims(sub='root')))}.{signature}",
            "JSON serialization": json.dumps({"protected": head, "payload": payload, "signature": signature}),
        }.items():
            yield f"{algorithm} {what}", forged


def each_character_changed() -> Iterator[Forgery]:
    for algorithm in ("ES256", "EdDSA"):
        whole = good(algorithm)
        for index, character in enumerate(whole):
            for other in ("A", "_", ".", "é"):
                if other != character:
                    yield f"{algorithm} {index} {other}", whole[:index] + other + whole[index + 1 :]


def brought_along_keys() -> Iterator[Forgery]:
    attacker = dict(_ATTACKER.public)
    members: dict[str, list[Any]] = {
        "jwk": [attacker, {}, None, "", {**attacker, "kid": KEYS["ES256"].kid}],
        "jku": ["https://attacker.example/jwks", ISSUER + "/jwks", "", None, 1],
        "x5u": ["https://attacker.example/x5u", None],
        "x5c": [["MIIB"], [], None],
        "crit": [["exp"], ["b64"], ["bork"], [], None, "exp", ["http://example.com/unknown"]],
        "b64": [False, True, None, "false"],
        "zip": ["DEF"],
        "enc": ["A256GCM"],
    }
    for name, values in members.items():
        for value in values:
            what = f"{name}={value!r}"[:60]
            yield f"{what}, theirs", token(header(**{name: value}), claims(), _ATTACKER.key)
            yield f"{what}, their kid", token(header(**{name: value}, kid=_ATTACKER.kid), claims(), _ATTACKER.key)
            # Signed by the right key: the member alone must be refused.
            for algorithm in KEYS:
                yield (
                    f"{what}, ours",
                    token(header(algorithm, **{name: value}), claims(), KEYS[algorithm].key),
                )
    # A thumbprint names a key and brings none.
    for name in ("x5t", "x5t#S256"):
        yield f"{name}, theirs", token(header(**{name: "AAAA"}), claims(), _ATTACKER.key)


def key_ids() -> Iterator[Forgery]:
    right = KEYS["ES256"].kid
    odd = [
        ...,
        None,
        "",
        0,
        True,
        [right],
        {"kid": right},
        right.swapcase(),
        right + " ",
        right[:-1],
        right + "\x00",
        "../../../../dev/null",
        "/dev/null",
        "file:///dev/null",
        "https://attacker.example/jwks",
        "' OR '1'='1",
        "x' UNION SELECT 'AAAA' --",
        "$(id)",
        "\u202e",
        "\ud800",
        "k" * 600,
        _ATTACKER.kid,
        KEYS["RS256"].kid,
        KEYS["EdDSA"].kid,
    ]
    for kid in odd:
        yield f"ours, kid {kid!r}"[:60], token(header(kid=kid), claims(), KEYS["ES256"].key)
        yield f"theirs, kid {kid!r}"[:60], token(header(kid=kid), claims(), _ATTACKER.key)


def another_keys_algorithm() -> Iterator[Forgery]:
    for named, used in itertools.permutations(KEYS, 2):
        kid = KEYS[used].kid
        yield f"{named} under {used}'s key", token(header(named, kid=kid), claims(), KEYS[used].key)
        yield f"{named}'s kid, {used}'s signature", token(header(named), claims(), KEYS[used].key)


def algebra() -> Iterator[Forgery]:
    order = _P256_ORDER
    whole = base64url.decode(good().rsplit(".", 1)[1])
    r, s = (int.from_bytes(half, "big") for half in (whole[:32], whole[32:]))

    def fixed(signature: bytes) -> Callable[[bytes], bytes]:
        return lambda _: signature

    zero, full = b"\x00" * 32, order.to_bytes(32, "big")
    for what, signature in {
        "r = s = 0": zero + zero,
        "r = 0": zero + whole[32:],
        "s = 0": whole[:32] + zero,
        "r = s = n": full + full,
        "r = n": full + whole[32:],
        "r = s = 1": (b"\x00" * 31 + b"\x01") * 2,
        "r and s exchanged": whole[32:] + whole[:32],
        "s over n": whole[:32] + ((s + order) % 2**256).to_bytes(32, "big"),
        "one octet more": whole + b"\x00",
        "zero in front": b"\x00" + whole,
        "one octet less": whole[1:],
        "DER": encode_dss_signature(r, s),
        "all ones": b"\xff" * 64,
    }.items():
        yield what, token(header(), claims(), fixed(signature))
    es256 = KEYS["ES256"].key

    def der(message: bytes) -> bytes:
        raw = es256.sign(message)
        return encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))

    yield "true signature as DER", token(header(), claims(), der)
    yield (
        "true signature, 33 octets each",
        token(header(), claims(), lambda m: b"".join(b"\x00" + es256.sign(m)[i : i + 32] for i in (0, 32))),
    )
    yield (
        "true signature, s of 33 octets",
        token(header(), claims(), lambda m: (raw := es256.sign(m))[:32] + b"\x00" + raw[32:]),
    )
    edwards_order = 2**252 + 27742317777372353535851937790883648493

    def high_s(message: bytes) -> bytes:
        raw = KEYS["EdDSA"].key.sign(message)
        return raw[:32] + (int.from_bytes(raw[32:], "little") + edwards_order).to_bytes(32, "little")

    yield "Ed25519 s + L", token(header("EdDSA"), claims(), high_s)
    for algorithm, length in (("EdDSA", 64), ("RS256", 256), ("PS256", 256)):
        for octet in (b"\x00", b"\x01", b"\xff"):
            yield f"{algorithm} {octet!r}", token(header(algorithm), claims(), fixed(octet * length))


def oversize() -> Iterator[Forgery]:
    for algorithm in KEYS:
        yield "large claim", good(algorithm, x="a" * MAX_TOKEN_BYTES)
        yield "large header", token(header(algorithm, x="a" * MAX_TOKEN_BYTES), claims(), KEYS[algorithm].key)
        yield "many members", good(algorithm, x={str(i): i for i in range(4000)})
    yield "a megabyte", "a" * 2**20
    yield "a megabyte of dots", "." * 2**20


FAMILIES = [
    public_key_as_hmac_secret,
    no_algorithm,
    stripped_or_bent,
    each_character_changed,
    brought_along_keys,
    key_ids,
    another_keys_algorithm,
    algebra,
    claim_values,
    issuers_and_audiences,
    types,
    json_tricks,
    oversize,
]
