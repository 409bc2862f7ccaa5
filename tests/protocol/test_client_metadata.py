from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.crypto.algorithms import HMAC_ALGORITHMS, SIGNING_ALGORITHMS, STRANGER_ALGORITHMS
from authsvc.crypto.ml_dsa import ML_DSA
from authsvc.domain.parties.clients import Client, check_client
from authsvc.domain.parties.relying_parties import RelyingParty
from authsvc.domain.parties.resources import IDENTITY_SCOPES, Resource
from authsvc.errors import AuthsvcError
from authsvc.protocol.client_members import OF_CLIENT, OF_PARTY, UNSUPPORTED
from authsvc.protocol.client_metadata import blank_client, metadata_of, registrable, with_metadata
from authsvc.protocol.errors import InvalidSoftwareStatement, UnapprovedSoftwareStatement
from tests.flows.assertions import a_key
from tests.protocol.hostile_uris import hostile_uris

NOW = datetime(2026, 11, 1, tzinfo=UTC)
API = Resource("https://api.example", "API", frozenset({"read", "write"}), "ES256", None, NOW)
GONE = replace(API, audience="https://gone.example", scopes=frozenset({"gone"}), disabled_at=NOW)
OTHER = replace(API, audience="https://other.example", scopes=frozenset({"other"}))
KEYS = {"keys": [dict(a_key("ES256", "rp").public)]}
URI = "https://shop.example/cb"
BLANK = blank_client("dc-1", NOW)
# Every member that can stand beside the others, with what is kept of it.
EVERY = {
    "redirect_uris": [URI, "https://shop.example/cb2"],
    "post_logout_redirect_uris": ["https://shop.example/out"],
    "application_type": "native",
    "subject_type": "pairwise",
    "sector_identifier_uri": "https://shop.example/uris",
    "default_max_age": 600,
    "require_auth_time": True,
    "default_acr_values": ["a", "b"],
    "initiate_login_uri": "https://shop.example/login",
    "userinfo_signed_response_alg": "ES256",
    "request_object_signing_alg": "PS512",
    "frontchannel_logout_uri": "https://shop.example/front",
    "frontchannel_logout_session_required": True,
    "backchannel_logout_uri": "https://shop.example/back",
    "backchannel_logout_session_required": True,
    "contacts": ["ops@shop.example"],
    "software_id": "shop",
    "software_version": "1.2",
    "client_name": "The shop",
    "client_name#de": "Der Laden",
    "client_uri": "https://shop.example/",
    "logo_uri": "https://shop.example/logo.png",
    "logo_uri#ja-Jpan-JP": "https://shop.example/logo.ja.png",
    "policy_uri": "https://shop.example/policy",
    "tos_uri": "https://shop.example/tos",
    "token_endpoint_auth_method": "private_key_jwt",
    "token_endpoint_auth_signing_alg": "ES384",
    "id_token_signed_response_alg": "EdDSA",
    "jwks": KEYS,
    "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"],
    "scope": "openid read",
}


def read(metadata: dict[str, Any], base: Client = BLANK) -> Client:
    """The client that the metadata makes, judged by the domain too."""
    return check_client(with_metadata(base, metadata, registrable((API, GONE, OTHER), base)))


def changed(**members: Any) -> Client:
    return read({"redirect_uris": [URI]} | members)


def test_every_member_is_kept():
    client = read(EVERY)
    assert client.relying_party == RelyingParty(
        redirect_uris=(URI, "https://shop.example/cb2"), post_logout_redirect_uris=("https://shop.example/out",),
        application_type="native", subject_type="pairwise", sector="shop.example",
        sector_identifier_uri="https://shop.example/uris", default_max_age_seconds=600, requires_auth_time=True,
        default_acr_values=("a", "b"), initiate_login_uri="https://shop.example/login", userinfo_algorithm="ES256",
        request_object_algorithm="PS512", frontchannel_logout_uri="https://shop.example/front",
        frontchannel_logout_session_required=True, backchannel_logout_uri="https://shop.example/back",
        backchannel_logout_session_required=True, contacts=("ops@shop.example",), software_id="shop",
        software_version="1.2", texts={
            "client_name#de": "Der Laden", "client_uri": "https://shop.example/",
            "logo_uri": "https://shop.example/logo.png", "logo_uri#ja-Jpan-JP": "https://shop.example/logo.ja.png",
            "policy_uri": "https://shop.example/policy", "tos_uri": "https://shop.example/tos",
        },
    )  # fmt: skip
    assert (client.name, client.auth_method, client.id_token_algorithm) == ("The shop", "private_key_jwt", "EdDSA")
    assert client.assertion_algorithms == {"ES384"}
    assert client.grant_types == {"authorization_code", "refresh_token"}
    assert client.scopes == {"openid", "read"}
    assert client.resources == {"https://api.example"}


def test_every_member_is_told_as_it_was_given():
    assert metadata_of(read(EVERY)) == EVERY


def test_the_example_names_every_member():
    assert {row.name for row in (*OF_CLIENT, *OF_PARTY)} - EVERY.keys() == {"jwks_uri"}


def test_what_is_left_out_is_as_the_specifications_say():
    client = read({"redirect_uris": [URI]})
    assert client == replace(
        BLANK, grant_types=frozenset({"authorization_code"}), scopes=IDENTITY_SCOPES,
        relying_party=RelyingParty(redirect_uris=(URI,)),
    )  # fmt: skip
    assert metadata_of(client) == {
        "redirect_uris": [URI], "token_endpoint_auth_method": "client_secret_basic", "response_types": ["code"],
        "grant_types": ["authorization_code"], "application_type": "web", "subject_type": "public",
        "id_token_signed_response_alg": "RS256", "scope": "address email offline_access openid phone profile",
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(EVERY))
@pytest.mark.parametrize("wrong", [7.5, {"a": 1}, [[1]], "", "\x1b", -1], ids=repr)
def test_a_value_of_the_wrong_type_is_refused_by_the_members_name(name: str, wrong: Any):
    if name == "scope" and wrong == "":
        return  # An empty scope is none.
    with pytest.raises(AuthsvcError) as caught:
        read(EVERY | {name: wrong})
    assert name.partition("#")[0] in str(caught.value)


@pytest.mark.parametrize("name", sorted(EVERY.keys() - {"redirect_uris"}))
def test_null_counts_as_left_out(name: str):
    without = {member: value for member, value in EVERY.items() if member not in {name, *_ON_IT.get(name, ())}}
    assert read(without | {name: None}) == read(without)


_ON_IT = {
    "jwks": ("token_endpoint_auth_method", "token_endpoint_auth_signing_alg", "request_object_signing_alg"),
    "token_endpoint_auth_method": ("token_endpoint_auth_signing_alg",),
}


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"redirect_uris": []}, id="no redirect URI"),
        pytest.param({"redirect_uris": None}, id="null for a redirect URI"),
        pytest.param({"token_endpoint_auth_method": "federated_assertion"}, id="an identity elsewhere"),
        pytest.param({"token_endpoint_auth_method": "tls_client_auth"}, id="unknown method"),
        pytest.param({"token_endpoint_auth_method": "private_key_jwt"}, id="keys without keys"),
        pytest.param({"jwks": KEYS, "jwks_uri": "https://shop.example/jwks"}, id="keys in two places"),
        pytest.param({"jwks": {"keys": []}}, id="no keys"),
        pytest.param({"jwks": {"keys": [{"kty": "oct", "k": "AAAA"}]}}, id="a shared secret for a key"),
        pytest.param({"jwks": {"keys": [{**KEYS["keys"][0], "d": "x"}]}}, id="a private key"),
        pytest.param({"jwks": "keys"}, id="keys as text"),
        pytest.param({"jwks_uri": "http://shop.example/jwks"}, id="keys without TLS"),
        pytest.param({"jwks_uri": "https://localhost/jwks"}, id="keys within"),
        pytest.param({"request_object_signing_alg": "ES256"}, id="signed requests without keys"),
        pytest.param({"request_object_signing_alg": "none", "jwks": KEYS}, id="unsigned requests"),
        pytest.param({"id_token_signed_response_alg": "none"}, id="unsigned ID tokens"),
        pytest.param({"id_token_signed_response_alg": "HS256"}, id="ID tokens under a shared secret"),
        pytest.param({"userinfo_signed_response_alg": "none"}, id="unsigned userinfo"),
        pytest.param({"token_endpoint_auth_signing_alg": "none"}, id="unsigned assertions"),
        pytest.param({"token_endpoint_auth_method": "private_key_jwt", "jwks": KEYS,
                      "token_endpoint_auth_signing_alg": "HS256"}, id="a public key for a secret"),
        pytest.param({"token_endpoint_auth_method": "client_secret_jwt",
                      "token_endpoint_auth_signing_alg": "RS256"}, id="a secret for a key"),
        pytest.param({"grant_types": ["refresh_token"]}, id="nothing to refresh"),
        pytest.param({"grant_types": ["password"]}, id="password alone"),
        pytest.param({"grant_types": ["client_credentials"]}, id="a client for itself"),
        pytest.param({"grant_types": []}, id="no grant"),
        pytest.param({"response_types": ["token"]}, id="implicit"),
        pytest.param({"response_types": ["code id_token"]}, id="hybrid"),
        pytest.param({"response_types": []}, id="no response"),
        pytest.param({"scope": "account"}, id="the account API"),
        pytest.param({"scope": "gone"}, id="a scope of a disabled resource"),
        pytest.param({"scope": "no  scope"}, id="scope with two spaces"),
        pytest.param({"subject_type": "private"}, id="subject type"),
        pytest.param({"subject_type": "pairwise", "redirect_uris": [URI, "https://b.example/"]}, id="two sectors"),
        pytest.param({"sector_identifier_uri": "ftp://shop.example/"}, id="sector of another scheme"),
        pytest.param({"sector_identifier_uri": "https://10.0.0.1:22/"}, id="sector at the port of another service"),
        pytest.param({"default_max_age": True}, id="true for a number"),
        pytest.param({"default_max_age": 1e999}, id="infinity for a number"),
        pytest.param({"require_auth_time": "true"}, id="text for a flag"),
        pytest.param({"client_name": "x" * 256}, id="long name"),
        pytest.param({"client_name": "pay\u202epal"}, id="name that turns round"),
        pytest.param({"client_name#de": "a\nb"}, id="name of two lines"),
        pytest.param({"redirect_uris": [f"{URI}/{number}" for number in range(51)]}, id="many redirect URIs"),
        *(pytest.param({name: "RSA-OAEP"}, id=name) for name in UNSUPPORTED),
        *(pytest.param({name: True}, id=f"{name} true") for name in UNSUPPORTED),
    ],
)  # fmt: skip
def test_a_client_that_nobody_may_have_is_refused(members: dict[str, Any]):
    with pytest.raises(AuthsvcError) as caught:
        changed(**members)
    about = {name.partition("#")[0] for name in members} | {"keys", "jwks"}
    assert any(name in str(caught.value) for name in about)


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_a_promise_that_is_not_asked_for_is_no_harm(name: str):
    assert changed(**{name: False}) == changed(**{name: None}) == changed()


@pytest.mark.parametrize(
    ("members", "kept"),
    [
        pytest.param({"token_endpoint_auth_method": "private_key_jwt", "jwks": KEYS}, set(STRANGER_ALGORITHMS),
                     id="keys, nothing named"),
        pytest.param({"token_endpoint_auth_method": "client_secret_jwt"}, set(HMAC_ALGORITHMS),
                     id="secret, nothing named"),
        pytest.param({"token_endpoint_auth_method": "client_secret_jwt", "token_endpoint_auth_signing_alg": "HS512"},
                     {"HS512"}, id="secret"),
        pytest.param({"token_endpoint_auth_signing_alg": "RS256"}, set(), id="signs nothing"),
    ],
)  # fmt: skip
def test_assertions_are_signed_with(members: dict[str, Any], kept: set[str]):
    assert changed(**members).assertion_algorithms == kept


@pytest.mark.parametrize(
    ("scope", "scopes", "resources"),
    [
        pytest.param(None, IDENTITY_SCOPES, set(), id="nothing"),
        pytest.param("", IDENTITY_SCOPES, set(), id="empty"),
        pytest.param("openid read", {"openid", "read"}, {"https://api.example"}, id="of one resource"),
        pytest.param("read other", {"read", "other"}, {"https://api.example", "https://other.example"}, id="of two"),
        pytest.param("openid account gone nobody", {"openid"}, set(), id="what cannot be had is left out"),
    ],
)
def test_the_scopes_are_those_that_strangers_may_have(scope: str | None, scopes: set[str], resources: set[str]):
    client = changed(scope=scope)
    assert client.scopes == scopes
    assert client.resources == resources


def test_what_an_administrator_gave_can_be_kept_and_is_gone_when_it_is_not_asked_for():
    more = replace(
        changed(), scopes=IDENTITY_SCOPES | {"account"},
        grant_types=frozenset({"authorization_code", "client_credentials"}),
        first_party=True, origins=frozenset({"https://shop.example"}),
        relying_party=RelyingParty(redirect_uris=(URI,), skips_consent=True, registration_token_hash="hash",
                                   registered_with="open"),
    )  # fmt: skip
    kept = read(metadata_of(more), more)
    assert kept == more
    less = read({"redirect_uris": ["https://shop.example/new"]}, more)
    assert less.scopes == IDENTITY_SCOPES
    assert less.grant_types == {"authorization_code"}
    assert (less.first_party, less.origins) == (more.first_party, more.origins)
    party = less.relying_party
    assert (party.skips_consent, party.registration_token_hash, party.registered_with) == (True, "hash", "open")


def test_members_that_are_not_known_are_passed_over():
    unknown = {
        "motd": 7,
        "client_name#": "x",
        "logo_uri#de de": "javascript:x",
        "request_uris": [1],
        "skips_consent": True,
    }
    assert changed(**unknown) == changed()


@pytest.mark.parametrize(
    ("statement", "refusal"),
    [
        pytest.param("e30.e30.c2ln", UnapprovedSoftwareStatement, id="JWT"),
        pytest.param("e30.e30.", InvalidSoftwareStatement, id="unsigned"),
        pytest.param("x", InvalidSoftwareStatement, id="text"),
        pytest.param({"iss": "x"}, InvalidSoftwareStatement, id="object"),
        pytest.param([], InvalidSoftwareStatement, id="list"),
    ],
)
def test_software_statements_are_refused(statement: Any, refusal: type[AuthsvcError]):
    with pytest.raises(refusal):
        changed(software_statement=statement)


URIS = (
    "initiate_login_uri", "backchannel_logout_uri", "frontchannel_logout_uri", "jwks_uri", "sector_identifier_uri",
    "client_uri", "logo_uri", "logo_uri#de", "policy_uri", "tos_uri",
)  # fmt: skip
LISTS = ("redirect_uris", "post_logout_redirect_uris")


@pytest.mark.parametrize("name", [*LISTS, *URIS])
@pytest.mark.parametrize("application_type", ["web", "native"])
def test_of_500_hostile_uris_none_is_registered(name: str, application_type: str):
    corpus = list(hostile_uris())
    assert len(set(corpus)) >= 500
    taken = [uri for uri in corpus if _is_taken(name, uri, application_type)]
    assert taken == []


def _is_taken(name: str, uri: str, application_type: str) -> bool:
    value = [URI, uri] if name in LISTS else uri
    try:
        changed(**{"application_type": application_type, name: value})
    except AuthsvcError:
        return False
    return True


@pytest.mark.parametrize("name", [*LISTS, *URIS])
def test_what_the_corpus_leaves_out_is_indeed_taken(name: str):
    assert _is_taken(name, "https://shop.example/elsewhere?a=b", "web")


def _subsets() -> st.SearchStrategy[dict[str, Any]]:
    optional = {name: st.just(value) for name, value in EVERY.items() if name not in {"redirect_uris", "jwks"}}
    algorithms = {"id_token_signed_response_alg": st.sampled_from(sorted({*SIGNING_ALGORITHMS} - {*ML_DSA}))}
    return st.fixed_dictionaries(
        {"redirect_uris": st.just([URI]), "jwks": st.just(KEYS)}, optional=optional | algorithms
    )


@given(_subsets())
def test_what_is_told_registers_the_same_client_again(metadata: dict[str, Any]):
    client = read(metadata)
    assert read(metadata_of(client), client) == read(metadata_of(client)) == client
