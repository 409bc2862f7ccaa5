"""Tokens that others sign: clients' assertions, tokens of other issuers."""

import hmac
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from authsvc.crypto import jwk, jwk_members, jws
from authsvc.crypto.algorithms import HMAC_ALGORITHMS, SIGNING_ALGORITHMS, STRANGER_ALGORITHMS
from authsvc.crypto.errors import (
    AlgorithmNotAllowed,
    BadSignature,
    Expired,
    ForbiddenHeader,
    Malformed,
    MissingClaim,
    TokenError,
    TooLarge,
    UnknownKey,
    UnsupportedKey,
    WrongAudience,
    WrongClaimType,
    WrongIssuer,
    WrongType,
)
from tests.crypto import forgeries
from tests.crypto.issuer import AUDIENCE, ISSUER, KEYS, NOW, TYP, Signer, claims, good, header, private, token

PUBLISHED = jwk.load_key_set({"keys": [dict(key.public) for key in KEYS.values()]}, STRANGER_ALGORITHMS)
EXPECTED = jws.StrangerExpectation(frozenset(STRANGER_ALGORITHMS), frozenset({TYP}), ISSUER, AUDIENCE)
SHARED = b"s" * 64


def accepts(presented: str, keys: Any = PUBLISHED, expected: jws.StrangerExpectation = EXPECTED) -> jws.VerifiedClaims:
    return jws.verify_stranger(presented, keys, expected, NOW)


def ecdsa(key: ec.EllipticCurvePrivateKey, digest: hashes.HashAlgorithm) -> Signer:
    length = (key.key_size + 7) // 8

    def sign(message: bytes) -> bytes:
        return b"".join(n.to_bytes(length, "big") for n in decode_dss_signature(key.sign(message, ec.ECDSA(digest))))

    return sign


def pss(key: rsa.RSAPrivateKey, digest: hashes.HashAlgorithm) -> Signer:
    scheme = padding.PSS(padding.MGF1(digest), digest.digest_size)
    return lambda message: key.sign(message, scheme, digest)


P384, P521 = ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP521R1())
STRANGERS: dict[str, tuple[Any, Signer]] = {
    "ES384": (P384, ecdsa(P384, hashes.SHA384())),
    "ES512": (P521, ecdsa(P521, hashes.SHA512())),
    "RS384": (private("RS256"), lambda m: private("RS256").sign(m, padding.PKCS1v15(), hashes.SHA384())),
    "RS512": (private("RS256"), lambda m: private("RS256").sign(m, padding.PKCS1v15(), hashes.SHA512())),
    "PS384": (private("PS256"), pss(private("PS256"), hashes.SHA384())),
    "PS512": (private("PS256"), pss(private("PS256"), hashes.SHA512())),
    "Ed25519": (private("EdDSA"), lambda m: private("EdDSA").sign(m)),
}


def set_of(key: Any, **members: str) -> tuple[jwk.VerificationKey, ...]:
    return jwk.load_key_set({"keys": [{**jwk_members.write(key.public_key()), **members}]}, STRANGER_ALGORITHMS)


@pytest.mark.parametrize("algorithm", SIGNING_ALGORITHMS)
def test_a_token_of_each_of_our_algorithms_is_accepted(algorithm):
    assert accepts(good(algorithm)) == claims()


@pytest.mark.parametrize("algorithm", STRANGERS)
@pytest.mark.parametrize("named", [True, False], ids=["alg_in_the_key", "no_alg"])
def test_a_token_of_each_algorithm_that_only_strangers_use_is_accepted(algorithm, named):
    key, sign = STRANGERS[algorithm]
    keys = set_of(key, kid="k", **({"alg": algorithm} if named else {}))
    assert accepts(token({"alg": algorithm, "typ": TYP, "kid": "k"}, claims(), sign), keys) == claims()
    with pytest.raises(BadSignature):
        accepts(token({"alg": algorithm, "typ": TYP, "kid": "k"}, claims(), lambda m: sign(m + b"x")), keys)


@pytest.mark.parametrize("algorithm", STRANGERS)
def test_none_of_these_makes_a_key_of_ours(algorithm):
    assert algorithm not in SIGNING_ALGORITHMS
    with pytest.raises(UnsupportedKey):
        jwk.generate(algorithm)


# Without a kid, the issuer's own true signature is the only thing in this corpus that a stranger may present.
@pytest.mark.parametrize("family", [pytest.param(f, id=f.__name__) for f in forgeries.FAMILIES])
def test_no_forged_token_is_accepted(family):
    expected = replace(EXPECTED, required=EXPECTED.required | {"iat"})
    accepted = []
    for attempt, forged in family():
        try:
            accepts(forged, expected=expected)
        except TokenError:
            continue
        accepted.append(attempt)
    assert accepted == (["ours, kid Ellipsis"] if family is forgeries.key_ids else [])


@pytest.mark.parametrize("algorithm", HMAC_ALGORITHMS)
def test_a_shared_secret_verifies_hmac(algorithm):
    key = jwk.hmac_key(SHARED, algorithm)
    expected = replace(EXPECTED, algorithms=frozenset({algorithm}))
    assert accepts(token({"alg": algorithm, "typ": TYP}, claims(), key.key), [key], expected) == claims()
    other = jwk.hmac_key(b"t" * 64, algorithm)
    with pytest.raises(BadSignature):
        accepts(token({"alg": algorithm, "typ": TYP}, claims(), other.key), [key], expected)


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"algorithms": frozenset({"HS256", "ES256"})}, id="shared_and_asymmetric"),
        pytest.param({"algorithms": frozenset((*STRANGER_ALGORITHMS, *HMAC_ALGORITHMS))}, id="everything"),
        pytest.param({"algorithms": frozenset()}, id="no_algorithm"),
        pytest.param({"algorithms": frozenset({"none"})}, id="none"),
        pytest.param({"algorithms": frozenset({"ES256", "ES256K"})}, id="unknown"),
        pytest.param({"types": frozenset()}, id="no_type"),
        pytest.param({"types": frozenset({""})}, id="empty_type"),
        pytest.param({"issuer": ""}, id="empty_issuer"),
        pytest.param({"audience": ""}, id="empty_audience"),
        pytest.param({"audience": frozenset()}, id="no_audience"),
        pytest.param({"audience": frozenset({AUDIENCE, ""})}, id="an_empty_audience"),
    ],
)
def test_an_expectation_that_could_mean_anything_is_none(members):
    with pytest.raises(ValueError, match="must be"):
        replace(EXPECTED, **members)


@pytest.mark.parametrize("expected", [EXPECTED, replace(EXPECTED, algorithms=frozenset(HMAC_ALGORITHMS))])
def test_a_public_key_is_no_shared_secret_whichever_kind_is_expected(expected):
    for secret in forgeries.public_spellings("RS256").values():
        forged = token(header("RS256", alg="HS256"), claims(), partial(hmac.digest, secret, digest="sha256"))
        with pytest.raises(AlgorithmNotAllowed):
            accepts(forged, expected=expected)


def test_a_kid_narrows_the_keys_to_those_of_its_name():
    other = jwk.load_signing_key("ES256", jwk.generate("ES256"))
    keys = (*set_of(private("ES256"), kid="first"), *jwk.load_key_set({"keys": [dict(other.public)]}, ["ES256"]))
    assert accepts(token(header(kid="first"), claims(), KEYS["ES256"].key), keys)
    with pytest.raises(BadSignature):
        accepts(token(header(kid=other.kid), claims(), KEYS["ES256"].key), keys)
    with pytest.raises(UnknownKey):
        accepts(token(header(kid="nobody"), claims(), KEYS["ES256"].key), keys)


def test_a_kid_does_not_mean_a_key_without_one():
    with pytest.raises(UnknownKey):
        accepts(good(), set_of(private("ES256")))


def test_without_a_kid_every_key_of_the_algorithm_is_tried_but_no_more_than_eight():
    others = [
        jwk.load_verification_key(jwk.load_signing_key("ES256", jwk.generate("ES256")).public, ["ES256"])
        for _ in range(8)
    ]
    right = set_of(private("ES256"))
    nameless = token(header(kid=...), claims(), KEYS["ES256"].key)
    assert accepts(nameless, [*PUBLISHED[1:], *others[:7], *right])
    with pytest.raises(BadSignature):
        accepts(nameless, [*others, *right])


def test_two_keys_of_one_name_are_both_tried():
    other = jwk.load_signing_key("ES256", jwk.generate("ES256"))
    twin = jwk.load_verification_key({**other.public, "kid": KEYS["ES256"].kid}, ["ES256"])
    assert accepts(good(), [twin, *PUBLISHED])


def test_a_key_with_alg_does_not_serve_another_algorithm():
    sign = STRANGERS["PS384"][1]
    keys = set_of(private("PS256"), kid="k", alg="PS256")
    with pytest.raises(AlgorithmNotAllowed):
        accepts(token({"alg": "PS384", "typ": TYP, "kid": "k"}, claims(), sign), keys)


@pytest.mark.parametrize(
    ("types", "typ"),
    [
        pytest.param({None}, ..., id="absent"),
        pytest.param({None, "JWT"}, ..., id="absent_or_jwt"),
        pytest.param({None, "JWT"}, "jwt", id="other_case"),
        pytest.param({"client-authentication+jwt"}, "application/client-authentication+jwt", id="full_media_type"),
        pytest.param({"application/oauth-id-jag+jwt"}, "oauth-id-jag+jwt", id="short"),
    ],
)
def test_each_of_the_expected_types_is_accepted(types, typ):
    expected = replace(EXPECTED, types=frozenset(types))
    assert accepts(token(header(typ=typ), claims(), KEYS["ES256"].key), expected=expected)


@pytest.mark.parametrize(
    ("types", "typ"),
    [
        pytest.param({"JWT"}, ..., id="absent"),
        pytest.param({None}, "JWT", id="jwt_where_none_is_expected"),
        pytest.param({None, "JWT"}, "at+jwt", id="access_token"),
        pytest.param({None, "JWT"}, "dpop+jwt", id="proof"),
        pytest.param({None, "JWT"}, "", id="empty"),
    ],
)
def test_another_type_is_refused(types, typ):
    expected = replace(EXPECTED, types=frozenset(types))
    with pytest.raises(WrongType):
        accepts(token(header(typ=typ), claims(), KEYS["ES256"].key), expected=expected)


@pytest.mark.parametrize(
    ("forged", "error"),
    [
        pytest.param("a" * (jws.MAX_TOKEN_BYTES + 1), TooLarge, id="too_large"),
        pytest.param("a.b", Malformed, id="segments"),
        pytest.param(token(header(crit=["exp"]), claims(), KEYS["ES256"].key), ForbiddenHeader, id="crit"),
        pytest.param(token(header(jwk={}), claims(), KEYS["ES256"].key), ForbiddenHeader, id="jwk"),
        pytest.param(token(header(x5c=[]), claims(), KEYS["ES256"].key), ForbiddenHeader, id="x5c"),
        pytest.param(token(header(alg="none"), claims(), lambda _: b"x"), AlgorithmNotAllowed, id="none"),
        pytest.param(token(header(typ="JWT"), claims(iss="x"), lambda _: b"x" * 64), BadSignature, id="signature"),
        pytest.param(token(header(), b"[]", KEYS["ES256"].key), Malformed, id="claims_not_an_object"),
        pytest.param(token(header(typ="JWT"), claims(iss="x"), KEYS["ES256"].key), WrongType, id="type"),
        pytest.param(good(iss="https://other.example"), WrongIssuer, id="issuer"),
        pytest.param(good(aud="https://other.example"), WrongAudience, id="audience"),
        pytest.param(good(exp=NOW - 61), Expired, id="expired"),
        pytest.param(good(sub=...), MissingClaim, id="no_subject"),
        pytest.param(good(exp=...), MissingClaim, id="never_expires"),
        pytest.param(good(jti=1), WrongClaimType, id="jti_is_a_number"),
    ],
)
def test_the_first_rule_that_fails_is_named(forged, error):
    with pytest.raises(error):
        accepts(forged)


def test_iat_is_asked_for_only_where_it_is_required():
    assert accepts(good(iat=...))
    with pytest.raises(MissingClaim):
        accepts(good(iat=...), expected=replace(EXPECTED, required=EXPECTED.required | {"iat"}))


def test_without_an_expected_issuer_iss_is_not_judged_but_still_a_text():
    expected = replace(EXPECTED, issuer=None, required=frozenset({"exp", "aud", "sub"}))
    assert accepts(good(iss=...), expected=expected)
    assert accepts(good(iss="https://other.example"), expected=expected)
    with pytest.raises(WrongClaimType):
        accepts(good(iss=1), expected=expected)


def test_no_key_at_all_verifies_nothing():
    with pytest.raises(UnknownKey):
        accepts(good(), [])


def test_a_token_says_who_it_is_before_anybody_trusts_it():
    unsigned = token(header(kid="k", typ="Application/Client-Authentication+JWT"), claims(), lambda _: b"x")
    seen = jws.peek(unsigned)
    assert (seen.algorithm, seen.kid, seen.typ) == ("ES256", "k", "client-authentication+jwt")
    assert seen.claims == claims()
    bare = jws.peek(token({"alg": "HS512"}, claims(), lambda _: b"x"))
    assert (bare.algorithm, bare.kid, bare.typ) == ("HS512", None, None)


@pytest.mark.parametrize(
    ("forged", "error"),
    [
        pytest.param("a" * 20_000, TooLarge, id="too_large"),
        pytest.param("a.b.c", Malformed, id="malformed"),
        pytest.param("é", Malformed, id="not_ascii"),
        pytest.param(token(header(), b"[]", lambda _: b"x"), Malformed, id="claims_not_an_object"),
        pytest.param(token(header(), b'{"iss": 1, "iss": 2}', lambda _: b"x"), Malformed, id="claim_twice"),
        pytest.param(token(header(), claims(), lambda _: b""), Malformed, id="no_signature"),
        pytest.param(token(header(jku="https://a.example"), claims(), lambda _: b"x"), ForbiddenHeader, id="jku"),
        pytest.param(token(header(crit=[]), claims(), lambda _: b"x"), ForbiddenHeader, id="crit"),
        pytest.param(token(header(alg="none"), claims(), lambda _: b"x"), AlgorithmNotAllowed, id="none"),
        pytest.param(token(header(alg="dir"), claims(), lambda _: b"x"), AlgorithmNotAllowed, id="encryption"),
    ],
)
def test_nothing_is_read_from_a_token_that_cannot_stand(forged, error):
    with pytest.raises(error):
        jws.peek(forged)
