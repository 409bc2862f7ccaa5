import pytest

from authsvc.crypto.claims import LATEST_INSTANT, Expectation, check_claims
from authsvc.crypto.errors import (
    Expired,
    MissingClaim,
    NotYetValid,
    WrongAudience,
    WrongClaimType,
    WrongIssuer,
)
from tests.crypto.issuer import AUDIENCE, ISSUER, NOW, TYP, claims

ES256 = frozenset({"ES256"})
EXPECTED = Expectation(ES256, TYP, ISSUER, AUDIENCE)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({}, id="as_issued"),
        pytest.param({"aud": [AUDIENCE]}, id="audience_as_a_list"),
        pytest.param({"aud": ["https://other.example", AUDIENCE]}, id="audience_among_others"),
        pytest.param({"exp": NOW - 59}, id="expired_within_the_leeway"),
        pytest.param({"exp": NOW + 0.5}, id="fraction_of_a_second"),
        pytest.param({"exp": LATEST_INSTANT}, id="the_last_instant"),
        pytest.param({"nbf": NOW + 60, "iat": NOW + 60}, id="future_within_the_leeway"),
        pytest.param({"scope": None, "extra": [True, {"a": 1}]}, id="claims_of_others"),
    ],
)
def test_claims_that_meet_the_expectation_pass(changed):
    check_claims(claims(**changed), EXPECTED, NOW)


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        pytest.param({"iss": ...}, MissingClaim, id="no_issuer"),
        pytest.param({"iss": None}, WrongClaimType, id="null_issuer"),
        pytest.param({"iss": [ISSUER]}, WrongClaimType, id="issuer_in_a_list"),
        pytest.param({"iss": ISSUER + "/"}, WrongIssuer, id="issuer_with_slash"),
        pytest.param({"iss": ISSUER[:-1]}, WrongIssuer, id="part_of_the_issuer"),
        pytest.param({"aud": ...}, MissingClaim, id="no_audience"),
        pytest.param({"aud": []}, WrongAudience, id="empty_audience"),
        pytest.param({"aud": AUDIENCE + "/"}, WrongAudience, id="audience_with_slash"),
        pytest.param({"aud": AUDIENCE[:-1]}, WrongAudience, id="part_of_the_audience"),
        pytest.param({"aud": [AUDIENCE, 1]}, WrongClaimType, id="number_beside_the_audience"),
        pytest.param({"aud": {AUDIENCE: 1}}, WrongClaimType, id="audience_as_an_object"),
        pytest.param({"exp": NOW - 60}, Expired, id="expired"),
        pytest.param({"exp": ...}, MissingClaim, id="no_expiry"),
        pytest.param({"exp": True}, WrongClaimType, id="expiry_is_a_bool"),
        pytest.param({"exp": str(NOW + 300)}, WrongClaimType, id="expiry_is_a_text"),
        pytest.param({"exp": LATEST_INSTANT + 1}, WrongClaimType, id="expiry_beyond_dates"),
        pytest.param({"nbf": NOW + 61}, NotYetValid, id="not_before"),
        pytest.param({"iat": NOW + 61}, NotYetValid, id="issued_in_the_future"),
        pytest.param({"iat": ...}, MissingClaim, id="no_issue_date"),
        pytest.param({"sub": ...}, MissingClaim, id="no_subject"),
        pytest.param({"sub": ""}, MissingClaim, id="empty_subject"),
        pytest.param({"sub": 7}, WrongClaimType, id="subject_is_a_number"),
        pytest.param({"jti": 7}, WrongClaimType, id="jti_is_a_number"),
    ],
)
def test_claims_that_miss_the_expectation_are_refused(changed, error):
    with pytest.raises(error):
        check_claims(claims(**changed), EXPECTED, NOW)


def test_a_claim_that_the_caller_requires_must_be_there():
    expected = Expectation(ES256, TYP, ISSUER, AUDIENCE, required=frozenset({"client_id"}))
    check_claims(claims(client_id="c"), expected, NOW)
    for absent in (claims(client_id=...), claims(client_id=None)):
        with pytest.raises(MissingClaim):
            check_claims(absent, expected, NOW)


def test_issuer_and_audience_are_judged_even_where_they_are_not_required():
    expected = Expectation(ES256, TYP, ISSUER, AUDIENCE, required=frozenset())
    for name in ("iss", "aud"):
        with pytest.raises(MissingClaim):
            check_claims(claims(**{name: ...}), expected, NOW)


def test_one_of_several_expected_audiences_is_enough():
    expected = Expectation(ES256, TYP, ISSUER, frozenset({"https://a.example", "https://b.example"}))
    check_claims(claims(aud=["https://b.example", "https://c.example"]), expected, NOW)
    with pytest.raises(WrongAudience):
        check_claims(claims(aud=["https://c.example"]), expected, NOW)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param((frozenset(), TYP, ISSUER, AUDIENCE), id="no_algorithm"),
        pytest.param((frozenset({"none"}), TYP, ISSUER, AUDIENCE), id="none"),
        pytest.param((frozenset({"ES256", "HS256"}), TYP, ISSUER, AUDIENCE), id="hmac"),
        pytest.param((ES256, "", ISSUER, AUDIENCE), id="no_type"),
        pytest.param((ES256, TYP, "", AUDIENCE), id="no_issuer"),
        pytest.param((ES256, TYP, ISSUER, ""), id="no_audience"),
        pytest.param((ES256, TYP, ISSUER, frozenset()), id="no_audiences"),
        pytest.param((ES256, TYP, ISSUER, frozenset({""})), id="an_empty_audience"),
    ],
)
def test_an_expectation_that_would_let_anything_pass_cannot_be_built(arguments):
    with pytest.raises(ValueError, match="must be"):
        Expectation(*arguments)
