from dataclasses import replace

import pytest

from authsvc.domain.parties.relying_parties import (
    NO_RELYING_PARTY,
    RedirectUriInvalid,
    RelyingParty,
    RelyingPartyInvalid,
    check_relying_party,
    sector_of,
)
from tests.storage.examples import EVERY_MEMBER

PARTY = RelyingParty(redirect_uris=("https://shop.example/cb", "https://shop.example/other"))
TWO_HOSTS = ("https://a.example/cb", "https://b.example/cb")
MANY = tuple(f"https://shop.example/{number}" for number in range(51))


@pytest.mark.parametrize(
    "party",
    [
        pytest.param(NO_RELYING_PARTY, id="nothing"),
        pytest.param(PARTY, id="plain"),
        pytest.param(EVERY_MEMBER, id="everything"),
        pytest.param(
            replace(PARTY, redirect_uris=MANY[:50], post_logout_redirect_uris=MANY[:50]), id="as many as may be"
        ),
        pytest.param(replace(PARTY, subject_type="pairwise"), id="pairwise of one host"),
        pytest.param(replace(PARTY, redirect_uris=TWO_HOSTS, subject_type="pairwise", sector="x.example"), id="sector"),
        pytest.param(replace(PARTY, texts={"tos_uri#de-CH": "https://shop.example/agb"}), id="text in a language"),
        pytest.param(replace(PARTY, default_max_age_seconds=0), id="always anew"),
    ],
)
def test_a_sound_registration_is_taken(party):
    check_relying_party(party)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"application_type": "desktop"}, id="application type"),
        pytest.param({"subject_type": "secret"}, id="subject type"),
        pytest.param({"redirect_uris": TWO_HOSTS, "subject_type": "pairwise"}, id="pairwise of two hosts"),
        pytest.param({"redirect_uris": (), "subject_type": "pairwise"}, id="pairwise of no host"),
        pytest.param({"sector": "HTTPS://x"}, id="sector that is no host"),
        pytest.param({"sector_identifier_uri": "https://x.example/uris"}, id="sector URI without its sector"),
        pytest.param(
            {"sector_identifier_uri": "https://x.example/uris", "sector": "y.example"}, id="sector of another host"
        ),
        pytest.param(
            {"sector_identifier_uri": "http://x.example/", "sector": "x.example"}, id="sector URI without TLS"
        ),
        pytest.param({"post_logout_redirect_uris": ("javascript:alert(1)",)}, id="post-logout URI"),
        pytest.param({"post_logout_redirect_uris": MANY}, id="too many post-logout URIs"),
        pytest.param({"post_logout_redirect_uris": (MANY[0], MANY[0])}, id="post-logout URI twice"),
        pytest.param({"initiate_login_uri": "http://shop.example/login"}, id="initiate_login_uri without TLS"),
        pytest.param({"backchannel_logout_uri": "http://shop.example/out"}, id="back channel without TLS"),
        pytest.param({"backchannel_logout_uri": "https://localhost/out"}, id="back channel within"),
        pytest.param({"backchannel_logout_uri": "https://shop.example/out#x"}, id="back channel with a fragment"),
        pytest.param({"frontchannel_logout_uri": "https://evil.example/out"}, id="front channel of another host"),
        pytest.param({"frontchannel_logout_uri": "https://shop.example:8443/out"}, id="front channel of another port"),
        pytest.param({"frontchannel_logout_uri": "javascript:alert(1)"}, id="front channel of a script"),
        pytest.param({"userinfo_algorithm": "none"}, id="unsigned userinfo"),
        pytest.param({"userinfo_algorithm": "HS256"}, id="userinfo by a shared secret"),
        pytest.param({"request_object_algorithm": "none"}, id="unsigned request objects"),
        pytest.param({"request_object_algorithm": "HS256"}, id="request objects by a shared secret"),
        pytest.param({"default_max_age_seconds": -1}, id="negative age"),
        pytest.param({"default_max_age_seconds": 10**12}, id="age beyond all measure"),
        pytest.param({"default_acr_values": ("a b",)}, id="acr with a space"),
        pytest.param({"default_acr_values": ("",)}, id="empty acr"),
        pytest.param({"contacts": ("a\nb",)}, id="contact in two lines"),
        pytest.param({"contacts": ("a@b.example",) * 101}, id="too many contacts"),
        pytest.param({"software_id": "x" * 256}, id="long software_id"),
        pytest.param({"software_version": ""}, id="empty software_version"),
        pytest.param({"texts": {"motd": "x"}}, id="unknown text"),
        pytest.param({"texts": {"client_uri#de de": "https://x.example"}}, id="no language"),
        pytest.param({"texts": {"logo_uri": "javascript:alert(1)"}}, id="script for a logo"),
        pytest.param({"texts": {"policy_uri": "http://shop.example/"}}, id="policy without TLS"),
        pytest.param({"texts": {"client_name#fr": "x\u202ey"}}, id="name that turns round"),
    ],
)
def test_a_registration_is_refused_for_its(changed):
    with pytest.raises(RelyingPartyInvalid) as caught:
        check_relying_party(replace(PARTY, **changed))
    assert type(caught.value) is RelyingPartyInvalid


@pytest.mark.parametrize(
    "uris",
    [
        pytest.param(("https://shop.example/#x",), id="fragment"),
        pytest.param(("com.example.app:/cb",), id="a native client's scheme"),
        pytest.param(MANY, id="too many"),
        pytest.param((MANY[0], MANY[1], MANY[0]), id="twice the same"),
    ],
)
def test_a_redirect_uri_is_refused_by_its_own_name(uris):
    with pytest.raises(RedirectUriInvalid, match="redirect_uris"):
        check_relying_party(RelyingParty(redirect_uris=uris))


def test_hosts_that_the_operator_named_may_be_told_of_logouts():
    within = replace(PARTY, backchannel_logout_uri="http://shop:8080/out")
    check_relying_party(within, frozenset({"shop"}))
    with pytest.raises(RelyingPartyInvalid):
        check_relying_party(within)


@pytest.mark.parametrize(
    ("party", "sector"),
    [
        pytest.param(PARTY, "shop.example", id="the one host"),
        pytest.param(replace(PARTY, sector="x.example"), "x.example", id="what it says"),
        pytest.param(replace(PARTY, redirect_uris=TWO_HOSTS), None, id="several"),
        pytest.param(NO_RELYING_PARTY, None, id="none"),
        pytest.param(RelyingParty(("com.example.app:/a", "com.example.app:/b"), application_type="native"),
                     "com.example.app", id="an app's scheme"),
    ],
)  # fmt: skip
def test_the_sector_is(party, sector):
    assert sector_of(party) == sector
