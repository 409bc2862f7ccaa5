"""What is written of an installation, read again, asks for nothing."""

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authsvc.cli.toml_text import toml_text
from authsvc.crypto import opaque
from authsvc.domain.configuration.changes import Means, TenantChanges, Verb, compare
from authsvc.domain.configuration.document import TenantState, document, wanted_tenants
from authsvc.domain.configuration.plain import ConfigurationInvalid
from authsvc.domain.configuration.secrets import GivenSecret, given_secrets
from authsvc.domain.parties.clients import Client, FederatedIdentity, generated_secret
from authsvc.domain.parties.relying_parties import RelyingParty
from authsvc.domain.parties.resources import Resource
from authsvc.domain.parties.trusted_issuers import TrustedIssuer
from authsvc.domain.tenants import Look
from authsvc.domain.tokens.exchange import ExchangePolicy
from tests.storage.examples import EVERY_MEMBER, LATER, LOOK, NOW, a_client, a_federated_client, a_tenant, an_issuer

WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
SETS = st.frozensets(WORDS, max_size=3)
TUPLES = st.lists(WORDS, max_size=3).map(tuple)
TIMES = st.sampled_from([NOW, LATER])
POLICIES = st.builds(
    ExchangePolicy, WORDS, SETS, SETS, api_keys=st.booleans(), any_audience=st.booleans(), modes=SETS,
    scopes=st.lists(st.tuples(WORDS, SETS), max_size=3).map(tuple),
)  # fmt: skip
# Of every type from its annotations, so that a member that comes later is tried, too.
PARTIES = st.builds(RelyingParty, registered_with=st.none(), texts=st.dictionaries(WORDS, WORDS, max_size=2))
ANY = {"created_at": TIMES, "disabled_at": st.none() | TIMES, "version": st.integers(1, 9), "name": WORDS}
CLIENTS = st.builds(
    Client, id=WORDS, auth_method=WORDS, secrets=st.just(a_client().secrets), first_party=st.booleans(),
    grant_types=SETS, scopes=SETS, resources=SETS, origins=SETS, profile=WORDS, id_token_algorithm=WORDS, serves=SETS,
    jwks=st.none() | WORDS, jwks_uri=st.none() | WORDS, assertion_algorithms=SETS,
    identities=st.lists(st.builds(FederatedIdentity, WORDS, WORDS, st.none() | WORDS), max_size=2).map(tuple),
    exchanges=st.lists(POLICIES, max_size=2).map(tuple), relying_party=PARTIES, **ANY,
)  # fmt: skip
RESOURCES = st.builds(
    Resource, audience=WORDS, scopes=SETS, algorithm=WORDS, access_token_seconds=st.none() | st.integers(1, 99),
    token_format=WORDS, **ANY,
)  # fmt: skip
ISSUERS = st.builds(
    TrustedIssuer, issuer=WORDS, jwks=st.none() | WORDS, jwks_uri=st.none() | WORDS, algorithms=SETS, purposes=SETS,
    audiences=SETS, subject_claim=WORDS, subject_kind=st.sampled_from(["user_id", "email"]), subjects=SETS,
    max_token_seconds=st.integers(1, 99), **ANY,
)  # fmt: skip


def _no_seal(_client_id: str, _secret_id: str, secret: str) -> bytes:
    return secret[::-1].encode()


def _compared(states: list[TenantState], table: Mapping[str, Any], *, prune: bool = False) -> tuple[TenantChanges, ...]:
    wanted = wanted_tenants(tomllib.loads(toml_text(table)), LATER)
    return compare(states, wanted, Means(LATER, lambda _: _no_seal, prune))


def _some(values: st.SearchStrategy[Any], key: str) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, unique_by=lambda value: getattr(value, key), max_size=2)


@settings(max_examples=60)
@given(_some(RESOURCES, "audience"), _some(ISSUERS, "issuer"), _some(CLIENTS, "id"), st.sampled_from([Look(), LOOK]))
def test_whatever_there_is_its_own_document_changes_nothing(resources, issuers, clients, look):
    tenants = [replace(a_tenant(is_default=True), look=look), replace(a_tenant("two"), disabled_at=NOW)]
    states = [TenantState(tenant, tuple(resources), tuple(issuers), tuple(clients)) for tenant in tenants]

    found = _compared(states, document(states), prune=True)

    assert [tenant.changes for tenant in found] == [(), ()]
    assert [tenant.after for tenant in found] == states


def test_every_member_is_in_the_document_but_for_secrets_and_what_registration_left():
    party = replace(EVERY_MEMBER, registered_with=None)
    state = TenantState(
        a_tenant(is_default=True), (), (an_issuer(),), (replace(a_federated_client(), relying_party=party),)
    )

    text = toml_text(document([state]))

    assert "https://shop.example/uris.json" in text
    assert not any(word in text for word in ("secret", "hash", "sealed", "registered_with", "\nversion"))


def test_what_registration_left_on_a_client_stays_on_it():
    client = replace(a_client(), relying_party=EVERY_MEMBER)
    state = TenantState(a_tenant(is_default=True), clients=(client,))
    table = {"tenants": {"main": {"clients": {"shop": {"name": "Shop"}}}}}

    (found,) = _compared([state], table)

    (after,) = found.after.clients
    assert after.relying_party == RelyingParty(registration_token_hash="management-hash", registered_with="open")
    assert (after.created_at, after.version, after.secrets) == (client.created_at, client.version, client.secrets)


def test_another_method_takes_the_secrets_of_the_old_one():
    state = TenantState(a_tenant(is_default=True), clients=(a_client(),))
    table = {"tenants": {"main": {"clients": {"shop": {"auth_method": "private_key_jwt"}}}}}

    (found,) = _compared([state], table)

    assert found.after.clients[0].secrets == ()
    assert ("secrets", ["one", "two"], []) in found.changes[0].members


def test_clients_that_registered_themselves_are_left_alone():
    guest = replace(a_client("guest"), relying_party=EVERY_MEMBER)
    state = TenantState(a_tenant(is_default=True), clients=(guest, a_client()))

    (found,) = _compared([state], {"tenants": {"main": {}}}, prune=True)

    assert [(change.verb, change.name) for change in found.changes] == [(Verb.REMOVE, "shop")]
    assert found.after.clients == (guest,)


def test_who_is_disabled_stays_so_unless_the_document_says_otherwise():
    client = replace(a_client(), disabled_at=NOW)
    state = TenantState(a_tenant(is_default=True), clients=(client,))
    for said, disabled_at in (({}, NOW), ({"disabled": True}, NOW), ({"disabled": False}, None)):
        (found,) = _compared([state], {"tenants": {"main": {"clients": {"shop": said}}}})
        assert found.after.clients[0].disabled_at == disabled_at


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_jwt"])
def test_only_secrets_that_were_generated_for_the_method_are_taken(method):
    client = replace(a_client(), auth_method=method, secrets=())
    good = generated_secret(method)
    (kept,) = given_secrets(client, (GivenSecret("$GOOD", good),) * 2, NOW, _no_seal)
    assert (kept.secret_hash, kept.secret_encrypted is not None) == (
        opaque.hash_secret(good), method == "client_secret_jwt",
    )  # fmt: skip
    other = generated_secret("client_secret_jwt" if method == "client_secret_basic" else "client_secret_basic")
    for bad in ("", "chosen", "a" * len(good), good[:-1], good + "a", other, opaque.new_secret(opaque.API_KEY)):
        with pytest.raises(ConfigurationInvalid) as caught:
            given_secrets(client, (GivenSecret("$BAD", bad),), NOW, _no_seal)
        assert "$BAD" in str(caught.value)
        assert not bad or bad not in str(caught.value)
