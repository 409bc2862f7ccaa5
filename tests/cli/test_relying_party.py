import json

import pytest

from authsvc.crypto import jwk

CALLBACK = "https://shop.example/cb"
PUBLIC = json.dumps({"keys": [dict(jwk.load_signing_key("ES256", jwk.generate("ES256")).public)]})


@pytest.fixture
def shop(installation):
    """An installation with a client that signs people in."""
    installation.done("clients", "create", "shop", "--redirect-uri", CALLBACK, "--scope", "openid")
    return installation


def shown(installation):
    return installation.done("clients", "show", "shop", "--json").json


def test_a_client_with_a_redirect_uri_gets_the_grants_of_browser_sign_in(shop):
    assert shown(shop)["grant_types"] == ["authorization_code", "refresh_token"]
    assert shown(shop)["relying_party"] == {"redirect_uris": [CALLBACK]}
    shop.done("clients", "update", "shop", "--name", "The shop")
    assert shown(shop)["relying_party"] == {"redirect_uris": [CALLBACK]}


def test_what_is_given_is_changed_and_nothing_else(shop):
    shop.done(
        "clients", "relying-party", "shop", "--post-logout-redirect-uri", "https://shop.example/out",
        "--subject-type", "pairwise", "--id-token-algorithm", "ES256", "--userinfo-algorithm", "PS256",
        "--backchannel-logout-uri", "https://shop.example/back", "--frontchannel-logout-uri",
        "https://shop.example/front", "--logout-session", "--skips-consent", "--default-max-age", "60",
        "--require-auth-time", "--default-acr", "urn:a", "--default-acr", "urn:b", "--initiate-login-uri",
        "https://shop.example/in", "--text", "tos_uri#de=https://shop.example/agb?a=b", "--contact", "a@b.example",
    )  # fmt: skip
    everything = {
        "redirect_uris": [CALLBACK], "post_logout_redirect_uris": ["https://shop.example/out"],
        "subject_type": "pairwise", "userinfo_algorithm": "PS256", "default_max_age_seconds": 60,
        "backchannel_logout_uri": "https://shop.example/back", "backchannel_logout_session_required": True,
        "frontchannel_logout_uri": "https://shop.example/front", "frontchannel_logout_session_required": True,
        "skips_consent": True, "requires_auth_time": True, "default_acr_values": ["urn:a", "urn:b"],
        "initiate_login_uri": "https://shop.example/in", "texts": {"tos_uri#de": "https://shop.example/agb?a=b"},
        "contacts": ["a@b.example"],
    }  # fmt: skip
    assert shown(shop)["relying_party"] == everything
    assert shown(shop)["id_token_algorithm"] == "ES256"

    shop.done(
        "clients", "relying-party", "shop", "--userinfo-algorithm", "", "--default-max-age", "-1", "--asks-consent",
        "--contact", "", "--subject-type", "public", "--redirect-uri", "https://shop.example/new", "--text", "",
    )  # fmt: skip
    gone = {"subject_type", "userinfo_algorithm", "default_max_age_seconds", "skips_consent", "contacts", "texts"}
    kept = {name: value for name, value in everything.items() if name not in gone}
    assert shown(shop)["relying_party"] == kept | {"redirect_uris": ["https://shop.example/new"]}


def test_a_client_that_signs_its_requests_brings_its_keys(shop):
    (shop.directory / "keys.json").write_text(PUBLIC)
    assert "give either" in shop.refused("clients", "relying-party", "shop", "--request-object-algorithm", "ES256")
    shop.done("clients", "relying-party", "shop", "--request-object-algorithm", "ES256", "--jwks-file", "keys.json")
    assert len(shown(shop)["jwks"]) == 1
    shop.done("clients", "relying-party", "shop", "--request-object-algorithm", "")
    assert shown(shop)["jwks"] is None


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        pytest.param(("--redirect-uri", "https://*.example/cb"), "redirect_uris", id="wildcard"),
        pytest.param(("--redirect-uri", "com.example.app:/cb"), "native", id="private scheme of a web client"),
        pytest.param(("--redirect-uri", ""), "at least one", id="no way back"),
        pytest.param(("--post-logout-redirect-uri", "javascript:alert(1)"), "post_logout", id="script"),
        pytest.param(("--text", "tos_uri"), "NAME=TEXT", id="text without a name"),
        pytest.param(("--subject-type", "odd"), "pairwise", id="subject type"),
        pytest.param(("--id-token-algorithm", "none"), "id_token_algorithm", id="unsigned"),
    ],
)
def test_what_no_relying_party_may_have_is_refused_and_changes_nothing(shop, arguments, fragment):
    before = shown(shop)
    assert fragment in shop.refused("clients", "relying-party", "shop", *arguments)
    assert shown(shop) == before


def test_a_native_client_may_have_a_scheme_of_its_own(shop):
    uris = ("--redirect-uri", "com.example.app:/cb")
    shop.done("clients", "relying-party", "shop", "--application-type", "native", *uris)
    assert shown(shop)["relying_party"] == {"application_type": "native", "redirect_uris": ["com.example.app:/cb"]}
