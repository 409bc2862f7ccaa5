"""Forged tokens made from a good one, for any input that takes a JWT: by the flaw that once let one like it in.

A family yields (what it tries, token). Many are truly signed by the right key: then nothing but the rule under attack
stands in the way. What an input does allow is said by its `Rules`, claim by claim; `allowed` yields just that, so that
a test can show that nothing is left out that should be refused.
"""

import base64
import itertools
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from authsvc.crypto import base64url
from authsvc.crypto.jws import MAX_TOKEN_BYTES
from tests.flows.assertions import GONE, a_key
from tests.flows.forged_values import RAW_NUMBERS, json_tricks_of, wrong_values
from tests.flows.specimen import HASHES, Specimen, compact, signing, spellings

Forgery = tuple[str, str]
_ALGORITHMS = ("ES256", "RS256", "PS256", "EdDSA", "HS256", "ES384", "RS512", "ML-DSA-44", "ES256K")
_TYPES: tuple[Any, ...] = (
    GONE, None, "", 0, True, ["at+jwt"], {"typ": "JWT"}, "JWT", "jwt", "JOSE", "at", "at+jwt", "AT+JWT",
    "application/at+jwt", "at+jwt ", " at+jwt", "at+jwt;v=1", "text/at+jwt", "application/application/at+jwt",
    "/at+jwt", "at+jwt/", "at+jwt\x00", "rt+jwt", "id+jwt", "dpop+jwt", "logout+jwt", "secevent+jwt", "kb+jwt",
    "token-introspection+jwt", "oauth-authz-req+jwt", "client-authentication+jwt", "JWT ", "application/jwt+x",
)  # fmt: skip


def public_key_as_secret(good: Specimen) -> Iterator[Forgery]:
    for (whose, key), algorithm in itertools.product(good.published.items(), HASHES):
        for spelling, secret in spellings(key).items():
            kid = good.header.get("kid", GONE) if len(spelling) % 2 else key.kid
            yield f"{algorithm} over {whose}, {spelling}", good.by(secret, alg=algorithm, kid=kid)


def guessed_secret(good: Specimen) -> Iterator[Forgery]:
    subject = str(good.claims["sub"])
    for secret, algorithm in itertools.product((b"", b"\x00", b"secret", b"null", subject.encode()), HASHES):
        yield f"{algorithm} under {secret!r}", good.by(secret, alg=algorithm)
        yield f"{algorithm} under {secret!r}, no kid", good.by(secret, alg=algorithm, kid=GONE)
    if isinstance(good.signer, bytes):
        for algorithm in HASHES.keys() - {good.algorithm}:
            yield f"the right secret, {algorithm}", good.by(good.signer, alg=algorithm)
        for secret in (good.signer[:-1], good.signer + b"\n", good.signer.swapcase(), good.signer[6:]):
            yield f"nearly the secret, {len(secret)}", good.by(secret)


def no_algorithm(good: Specimen) -> Iterator[Forgery]:
    spelled = {"".join(letters) for letters in itertools.product(*zip("none", "NONE", strict=True))}
    odd: list[Any] = ["", " none", "none ", "none\x00", "null", None, 0, False, [], ["none"], {}, GONE]
    odd += [[good.algorithm], {"alg": good.algorithm}, good.algorithm.lower(), f"{good.algorithm} "]
    signature = base64url.decode(good.token().rsplit(".", 1)[1])
    for alg, (what, octets) in itertools.product(
        [*sorted(spelled), *odd], {"no": b"", "a short": b"\x00", "its": signature}.items()
    ):
        if alg != good.algorithm:
            yield f"alg {alg!r}, {what} signature", good.by(lambda _, octets=octets: octets, alg=alg)


def bent(good: Specimen) -> Iterator[Forgery]:
    whole = good.token()
    head, payload, signature = whole.split(".")
    strips = good.rules.strips
    another = base64url.encode(json.dumps({**good.claims, "sub": "root"}).encode())
    yield from {
        "no signature": f"{head}.{payload}.", "two segments": f"{head}.{payload}", "one segment": head,
        "four segments": f"{whole}.{signature}", "an empty fourth": f"{whole}.", "a JWE": f"{whole}.{signature}.{head}",
        "an empty JWE": f"{head}....", "no header": f".{payload}.{signature}", "no payload": f"{head}..{signature}",
        "dot in front": f".{whole}", "two dots": f"{head}..{payload}.{signature}", "only dots": "..",
        "many dots": "." * 9_000, "padded": f"{whole}==", "padded header": f"{head}=.{payload}.{signature}",
        "padded payload": f"{head}.{payload}=.{signature}", "signature twice": f"{whole}{signature}",
        "standard alphabet": f"{head}.{payload}.+/{signature[2:]}", "a tilde": f"{whole}~", "NUL after": f"{whole}\x00",
        "standard payload": f"{head}.{base64.b64encode(base64url.decode(payload)).decode()}=.{signature}",
        "full-width dots": whole.replace(".", "．"), "full-width letter": whole.replace("e", "ｅ", 1),
        "line end after": f"{whole}\n", "tab before": f"\t{whole}", "line end within": f"{whole[:-8]}\n{whole[-8:]}",
        "space within": f"{head} .{payload}.{signature}", "percent-encoded dots": whole.replace(".", "%2E"),
        "quoted": f'"{whole}"', "Bearer twice": f"Bearer {whole}", "twice": f"{whole} {whole}", "comma": f"{whole},",
        "plain payload": f"{head}.{json.dumps(good.claims)}.{signature}",
        "hexadecimal": f"{head}.{payload}.{base64url.decode(signature).hex()}",
        "JSON serialization": json.dumps({"payload": payload, "protected": head, "signature": signature}),
        "another payload": f"{head}.{another}.{signature}",
        "upper case": whole.upper(), "reversed": whole[::-1],
        **({} if strips else {"space before": f" {whole}", "space after": f"{whole} "}),
    }.items()  # fmt: skip


def changed_characters(good: Specimen) -> Iterator[Forgery]:
    whole = good.token()
    for index in range(0, len(whole), max(1, len(whole) // 60)):
        if index:
            yield f"cut after {index}", whole[:index]
        for other in ("A", "-", "é"):
            if other != whole[index]:
                yield f"{index} is {other}", whole[:index] + other + whole[index + 1 :]


def flipped_bits(good: Specimen) -> Iterator[Forgery]:
    signed, _, text = good.token().rpartition(".")
    signature = base64url.decode(text)
    last = len(signature) - 1
    for index, bit in itertools.product(sorted({0, 1, last // 3, last // 2, last // 2 + 1, last - 1, last}), range(8)):
        flipped = bytearray(signature)
        flipped[index] ^= 1 << bit
        yield f"octet {index}, bit {bit}", f"{signed}.{base64url.encode(bytes(flipped))}"
    if good.algorithm == "ES256":
        r, s = signature[:32], signature[32:]
        der = encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
        n = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
        over = ((int.from_bytes(s, "big") + n) % 2**256).to_bytes(32, "big")
        for what, octets in {
            "DER": der, "33 octets each": b"\x00" + r + b"\x00" + s, "s of 33 octets": r + b"\x00" + s,
            "s over n": r + over,
            "exchanged": s + r, "r = s = 0": b"\x00" * 64, "r = s = n": n.to_bytes(32, "big") * 2,
            "r = s = 1": (b"\x00" * 31 + b"\x01") * 2,
        }.items():  # fmt: skip
            yield f"signature: {what}", f"{signed}.{base64url.encode(octets)}"
    for what, octets in {
        "cut": signature[:-1], "cut in front": signature[1:], "longer": signature + b"\x00",
        "half": signature[:last // 2],
        "zero in front": b"\x00" + signature, "zeros": b"\x00" * len(signature), "ones": b"\xff" * len(signature),
    }.items():  # fmt: skip
        yield f"signature: {what}", f"{signed}.{base64url.encode(octets)}"


def brought_along(good: Specimen) -> Iterator[Forgery]:
    thief = a_key("ES256", "thief")
    theirs = {"signer": thief, "alg": "ES256"}
    for name, value in {
        "jwk": dict(thief.public), "jwk ": {**thief.public, "kid": good.header.get("kid")}, "jwk  ": {}, "jwk   ": None,
        "jku": "https://attacker.example/jwks", "jku ": f"{good.claims['aud']}/jwks", "jku  ": None, "jku   ": "",
        "x5u": "https://attacker.example/x5u", "x5c": ["MIIB"], "x5c ": [],
        "crit": ["exp"], "crit ": ["b64"], "crit  ": ["bork"], "crit   ": [], "crit    ": None, "crit     ": "exp",
        "b64": False, "b64 ": True, "b64  ": None, "zip": "DEF", "zip ": None, "enc": "A256GCM", "enc ": None,
    }.items():  # fmt: skip
        member = {name.strip(): value}
        what = f"{name}={str(value)[:30]}"
        yield f"{what}, truly signed", good.token(**member)
        yield f"{what}, by a thief", good.by(theirs["signer"], alg="ES256", **member)
        yield f"{what}, by a thief's kid", good.by(thief, alg="ES256", kid=thief.kid, **member)
    # A thumbprint names a key and brings none.
    for name in ("x5t", "x5t#S256"):
        yield f"{name}, by a thief", good.by(thief, alg="ES256", **{name: "AAAA"})
    yield "a nested token", good.said(good.token().encode(), cty="JWT")
    yield "a nested token as text", good.said(json.dumps(good.token()).encode(), cty="JWT")


def key_ids(good: Specimen) -> Iterator[Forgery]:
    right, thief = good.header.get("kid", "k"), a_key("ES256", "thief")
    odd: list[Any] = [
        None, "", 0, True, 1.5, [right], [], {"kid": right}, {}, f"{right}\x00", "\x00", "\u202e", "k" * 600,
        f"{right}\n", "\ud800",
    ]  # fmt: skip
    # These are texts: where a kid must name one of the keys, none of them does.
    named = [
        str(right).swapcase(), f"{right} ", str(right)[:-1], "../../../../dev/null", "/dev/null", "x' OR '1'='1",
        "$(id)",
        "https://attacker.example/jwks", "x' UNION SELECT 'AAAA' --", thief.kid, "ключ", "opaque", "%00", right * 3,
    ]  # fmt: skip
    for kid in odd if isinstance(good.signer, bytes) else [*odd, *named]:
        yield f"truly signed, kid {kid!r}"[:70], good.token(kid=kid)
    for kid in [*odd, *named, GONE, right]:
        yield f"by a thief, kid {kid!r}"[:70], good.by(thief, alg="ES256", kid=kid)
        yield f"of nothing, kid {kid!r}"[:70], good.by(b"", alg="HS256", kid=kid)
    if good.rules.needs_kid:
        yield "truly signed, no kid", good.token(kid=GONE)


def other_keys(good: Specimen) -> Iterator[Forgery]:
    right = good.header.get("kid", GONE)
    for (whose, (key, issuer)), kid in itertools.product(good.rivals.items(), ("its", "the right", "no")):
        named = {"its": key.kid, "the right": right, "no": GONE}[kid]
        yield f"{whose}, {kid} kid", good.by(key, alg=key.algorithm, kid=named)
        yield f"{whose}, {kid} kid, alg kept", good.by(key, kid=named)
        yield (
            f"{whose} as {issuer}, {kid} kid",
            good.by(key, {**good.claims, "iss": issuer}, alg=key.algorithm, kid=named),
        )
    for algorithm in _ALGORITHMS:
        if algorithm != good.algorithm:
            yield f"named {algorithm}", good.by(signing(good.signer, good.algorithm), alg=algorithm)
            yield f"named {algorithm}, no kid", good.by(signing(good.signer, good.algorithm), alg=algorithm, kid=GONE)


def types(good: Specimen) -> Iterator[Forgery]:
    for typ in _TYPES:
        if not good.rules.allows_type(typ):
            yield f"typ {typ!r}", good.token(typ=typ)


def claims(good: Specimen) -> Iterator[Forgery]:
    for name, way, value in wrong_values(good.claims, good.others, good.now):
        if not good.rules.allows(name, way):
            yield f"{name} {way}: {value!r}"[:90], good.said(_changed(good.claims, name, value))


def allowed(good: Specimen) -> dict[str, list[str]]:
    """What the rules let pass: tokens by claim and way, for a test that one of each is good."""
    found = defaultdict[str, list[str]](list)
    for name, way, value in wrong_values(good.claims, good.others, good.now):
        if good.rules.allows(name, way):
            found[f"{name} {way}"].append(good.said(_changed(good.claims, name, value)))
    for typ in _TYPES:
        if good.rules.allows_type(typ):
            found[f"typ {typ!r}"].append(good.token(typ=typ))
    if not good.rules.needs_kid:
        found["no kid"].append(good.token(kid=GONE))
    found["a member of the header that says nothing"].append(good.token(cty="JWT"))
    found["as large as may be"].append(sized(good, MAX_TOKEN_BYTES))
    return found


def json_tricks(good: Specimen) -> Iterator[Forgery]:
    for what, octets in json_tricks_of(good.claims).items():
        yield f"claims: {what}", good.said(octets)
    for what, octets in json_tricks_of(good.header).items():
        yield f"header: {what}", compact(octets, good.claims, signing(good.signer, good.algorithm))
    for name, number in itertools.product(("exp", "iat", "nbf", "extra"), RAW_NUMBERS):
        payload = json.dumps({**good.claims, name: "@"}).replace('"@"', number).encode()
        yield f"{name}={number}"[:40], good.said(payload)


def sizes(good: Specimen) -> Iterator[Forgery]:
    for length in (MAX_TOKEN_BYTES + 1, MAX_TOKEN_BYTES + 2, MAX_TOKEN_BYTES + 4, 20_000, 40_000):
        yield f"truly signed, {length} or more", sized(good, length)
    for length in (MAX_TOKEN_BYTES - 4, MAX_TOKEN_BYTES - 1, MAX_TOKEN_BYTES):
        whole = sized(good, length)
        yield f"bent, {length}", whole[:40] + ("A" if whole[40] != "A" else "B") + whole[41:]
    yield "a large header", good.token(x="a" * MAX_TOKEN_BYTES)
    yield "many members", good.said({**good.claims, "x": {str(index): index for index in range(2_000)}})


def sized(good: Specimen, length: int) -> str:
    """A truly signed token of about this many characters: no more where that is the limit, no less above it."""
    best, low, high = good.token(), 0, length
    while low <= high:
        middle = (low + high) // 2
        found = good.said({**good.claims, "x": "a" * middle})
        if (len(found) <= length) == (length <= MAX_TOKEN_BYTES):
            best = found
        low, high = (middle + 1, high) if len(found) <= length else (low, middle - 1)
    return best


def _changed(claims: Mapping[str, Any], name: str, value: Any) -> dict[str, Any]:
    return {known: found for known, found in {**claims, name: value}.items() if found is not GONE}


FAMILIES = (
    public_key_as_secret, guessed_secret, no_algorithm, bent, changed_characters, flipped_bits, brought_along, key_ids,
    other_keys, types, claims, json_tricks, sizes,
)  # fmt: skip


def corpus(good: Specimen) -> list[Forgery]:
    """Every forgery, each token once."""
    found = {token: what for family in FAMILIES for what, token in family(good)}
    return [(what, token) for token, what in found.items()]


def sample(good: Specimen, size: int, seed: int) -> list[Forgery]:
    """Some of each family: others for each seed, the same each time."""
    each = -(-size // len(FAMILIES))
    start = seed * each % 60
    return [forgery for family in FAMILIES for forgery in list(itertools.islice(family(good), start + each))[-each:]]
