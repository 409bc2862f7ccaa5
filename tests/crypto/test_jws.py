import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.crypto import base64url, jwk, jws
from authsvc.crypto.errors import (
    AlgorithmNotAllowed,
    BadSignature,
    ForbiddenHeader,
    Malformed,
    TokenError,
    TooLarge,
    UnknownKey,
    UnsupportedKey,
    WrongType,
)
from tests.crypto import forgeries
from tests.crypto.issuer import AUDIENCE, EXPECTED, ISSUER, KEYS, NOW, TYP, accepts, claims, good, header, token

ALGORITHMS = list(KEYS)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_sign_writes_verify_accepts(algorithm):
    assert accepts(jws.sign(claims(), KEYS[algorithm], TYP)) == claims()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_header_names_algorithm_type_and_key_and_nothing_else(algorithm):
    head = jws.sign(claims(), KEYS[algorithm], TYP).split(".")[0]
    assert json.loads(base64url.decode(head)) == header(algorithm)


def test_two_types_under_one_key_have_two_headers():
    heads = {jws.sign(claims(), KEYS["ES256"], typ).split(".")[0] for typ in ("at+jwt", "JWT")}
    assert len(heads) == 2


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_claim_that_is_not_json_is_not_signed(value):
    with pytest.raises(ValueError, match="JSON"):
        jws.sign(claims(x=value), KEYS["ES256"], TYP)


@pytest.mark.parametrize("family", [pytest.param(f, id=f.__name__) for f in forgeries.FAMILIES])
def test_no_forged_token_is_accepted(family):
    accepted = []
    for attempt, forged in family():
        try:
            accepts(forged)
        except TokenError:
            continue
        accepted.append(attempt)
    assert accepted == []


def test_the_corpus_of_forgeries_is_large():
    assert len({forged for family in forgeries.FAMILIES for _, forged in family()}) >= 4000


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_algorithm_that_is_not_expected_is_refused_though_its_key_is_known(algorithm):
    expected = jws.Expectation(frozenset(ALGORITHMS) - {algorithm}, TYP, ISSUER, AUDIENCE)
    with pytest.raises(AlgorithmNotAllowed):
        accepts(good(algorithm), expected)


def test_a_key_does_not_serve_another_algorithm_of_the_same_type():
    forged = token(header("PS256", kid=KEYS["RS256"].kid), claims(), KEYS["RS256"].key)
    with pytest.raises(AlgorithmNotAllowed):
        accepts(forged)


@pytest.mark.parametrize("name", sorted(["jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "enc"]))
@pytest.mark.parametrize("value", [None, False, "", [], {}, ["exp"]], ids=repr)
def test_a_forbidden_header_is_refused_by_its_presence(name, value):
    with pytest.raises(ForbiddenHeader):
        accepts(token(header(**{name: value}), claims(), KEYS["ES256"].key))


@pytest.mark.parametrize("name", ["cty", "iat", "x-trace", "x5t", "x5t#S256"])
def test_an_unknown_header_that_changes_nothing_is_ignored(name):
    assert accepts(token(header(**{name: "x"}), claims(), KEYS["ES256"].key))


@pytest.mark.parametrize(
    ("forged", "error"),
    [
        pytest.param("a" * (jws.MAX_TOKEN_BYTES + 1), TooLarge, id="too_large"),
        pytest.param("a.b", Malformed, id="segments"),
        pytest.param("é.e.e", Malformed, id="not_ascii"),
        pytest.param(token(header(crit=["x"], alg="none"), claims(), lambda _: b"x"), ForbiddenHeader, id="crit"),
        pytest.param(token(header(alg="HS256"), claims(), lambda _: b"x"), AlgorithmNotAllowed, id="hmac"),
        pytest.param(token(header(kid=...), claims(), KEYS["ES256"].key), UnknownKey, id="no_kid"),
        pytest.param(token(header(), claims(), lambda _: b"x" * 64), BadSignature, id="signature"),
        pytest.param(token(header(typ="JWT"), claims(iss="x"), KEYS["ES256"].key), WrongType, id="type"),
        pytest.param(token(header(typ="JWT"), b"[]", KEYS["ES256"].key), Malformed, id="claims_not_an_object"),
    ],
)
def test_the_first_rule_that_fails_is_named(forged, error):
    with pytest.raises(error):
        accepts(forged)


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"])
def test_a_type_may_be_spelled_as_a_full_media_type_in_any_case(typ):
    assert accepts(token(header(typ=typ), claims(), KEYS["ES256"].key))
    assert accepts(good(), jws.Expectation(EXPECTED.algorithms, typ, ISSUER, AUDIENCE))


def test_a_token_of_exactly_the_largest_size_is_read():
    spare = jws.MAX_TOKEN_BYTES - len(good(x=""))
    whole = max((good(x="a" * length) for length in range(spare * 3 // 4 - 3, spare * 3 // 4 + 1)), key=len)
    assert len(whole) in (jws.MAX_TOKEN_BYTES, jws.MAX_TOKEN_BYTES - 1)
    assert accepts(whole)


def test_an_oversized_token_is_refused_before_it_is_read():
    forged = "." * 50_000_000
    with pytest.raises(TooLarge):
        accepts(forged)


def test_the_lookup_is_asked_for_the_kid_alone_and_only_when_the_header_stands():
    asked: list[str] = []

    def find_key(kid: str) -> None:
        asked.append(kid)

    for forged in (token(header(alg="none"), claims(), lambda _: b"x"), good()):
        with pytest.raises(TokenError):
            jws.verify(forged, find_key, EXPECTED, NOW)
    assert asked == [KEYS["ES256"].kid]


def test_the_kid_of_an_unverified_token_is_readable():
    assert jws.unverified_kid(good()) == KEYS["ES256"].kid
    assert jws.unverified_kid(token(header(kid=...), claims(), lambda _: b"x")) is None


@pytest.mark.parametrize(
    ("forged", "error"),
    [
        pytest.param("a" * 20000, TooLarge, id="too_large"),
        pytest.param("a.b.c", Malformed, id="malformed"),
        pytest.param(token(header(jwk={}), claims(), lambda _: b"x"), ForbiddenHeader, id="forbidden_header"),
        pytest.param(token(header(alg="HS256"), claims(), lambda _: b"x"), AlgorithmNotAllowed, id="algorithm"),
    ],
)
def test_no_kid_is_read_from_a_token_whose_header_cannot_stand(forged, error):
    with pytest.raises(error):
        jws.unverified_kid(forged)


@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*", fullmatch=True))
def test_any_text_is_refused_with_a_token_error(presented):
    with pytest.raises(TokenError):
        accepts(presented)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=[])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
CLAIM_NAMES = st.sampled_from(["iss", "sub", "aud", "exp", "iat", "nbf", "jti", "scope"])
HEADER_NAMES = st.sampled_from(["alg", "kid", "typ", "crit", "jwk", "cty"])


@given(
    st.dictionaries(HEADER_NAMES, JSON), st.dictionaries(CLAIM_NAMES, JSON) | st.binary(), st.sampled_from(ALGORITHMS)
)
def test_a_signed_token_of_any_content_is_accepted_whole_or_refused_with_a_token_error(head, payload, algorithm):
    changed = {**claims(), **payload} if isinstance(payload, dict) else payload
    for bent in ({**header(algorithm), **head}, header(algorithm)):
        try:
            verified = accepts(token(bent, changed, KEYS[algorithm].key))
        except TokenError:
            continue
        assert (verified["iss"], verified["aud"]) in [(ISSUER, AUDIENCE), (ISSUER, changed["aud"])]


def test_a_key_object_of_the_wrong_kind_cannot_be_made_from_a_stranger_s_set():
    symmetric = {"kty": "oct", "k": "c2VjcmV0", "kid": "x", "alg": "HS256"}
    with pytest.raises(UnsupportedKey):
        jwk.load_verification_key(symmetric, ALGORITHMS)


@pytest.mark.parametrize("kid", ["a\x00b", "a\nb", "\x1b[31m", "\ud800", "\u202e", "k" * 513, ""], ids=ascii)
def test_a_kid_that_no_store_should_see_is_not_looked_up(kid):
    asked: list[str] = []

    def find_key(wanted: str) -> None:
        asked.append(wanted)

    with pytest.raises(Malformed):
        jws.verify(token(header(kid=kid), claims(), KEYS["ES256"].key), find_key, EXPECTED, NOW)
    assert asked == []


def test_a_token_without_a_kid_is_looked_up_nowhere():
    key = jwk.load_verification_key(KEYS["ES256"].public, ["ES256"])
    with pytest.raises(UnknownKey):
        jws.verify(token(header(kid=...), claims(), KEYS["ES256"].key), lambda _: key, EXPECTED, NOW)
