from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields, replace
from uuid import uuid4

import pytest
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect

from authsvc.domain.parties.relying_parties import NO_RELYING_PARTY, RelyingParty
from authsvc.errors import Conflict, StorageUnavailable
from authsvc.storage.sql.engine import Storage
from authsvc.storage.sql.relying_party_column import RelyingPartyText
from authsvc.storage.sql.unit_of_work import SqlUnitOfWork
from tests.storage.examples import EVERY_MEMBER, IDENTITY, LATER, NOW, a_client, a_federated_client, an_api_key


def test_a_client_comes_back_as_it_was_added(unit: SqlUnitOfWork):
    unit.clients.add(a_client())
    assert unit.clients.get("shop") == a_client()
    assert unit.clients.get("shoq") is None


def test_a_public_client_without_anything_comes_back_as_it_was_added(unit: SqlUnitOfWork):
    nothing: frozenset[str] = frozenset()
    client = replace(
        a_client(), auth_method="none", secrets=(), first_party=False, grant_types=nothing, scopes=nothing,
        resources=nothing, origins=nothing, disabled_at=LATER, version=3,
    )  # fmt: skip
    unit.clients.add(client)
    assert unit.clients.get("shop") == client


def test_a_client_with_everything_comes_back_as_it_was_added(unit: SqlUnitOfWork):
    unit.clients.add(a_federated_client())
    assert unit.clients.get("robot") == a_federated_client()
    assert unit.clients.list(None, 9) == (a_federated_client(),)


def test_every_member_of_a_relying_party_comes_back_as_it_was_added_and_saved(unit: SqlUnitOfWork):
    for member in fields(RelyingParty):
        assert getattr(EVERY_MEMBER, member.name) != getattr(NO_RELYING_PARTY, member.name), "the example lacks it"
    client = replace(a_client(), relying_party=EVERY_MEMBER)
    unit.clients.add(client)
    assert unit.clients.get("shop") == client
    changed = replace(client, relying_party=replace(EVERY_MEMBER, redirect_uris=(), texts={}))
    assert unit.clients.save(changed) == unit.clients.get("shop") == replace(changed, version=2)


def test_what_only_a_newer_version_knows_of_a_relying_party_is_passed_over():
    newer = RelyingPartyText().process_result_value('{"sector":"a.example","not_yet":[1]}', sqlite_dialect())
    assert newer == RelyingParty(sector="a.example")
    assert RelyingPartyText().process_bind_param(NO_RELYING_PARTY, sqlite_dialect()) == "{}"


@pytest.mark.parametrize("text", ["shop\0", "sh\udc80op", "SHOP", "shop ", ""])
def test_an_id_that_only_resembles_a_clients_finds_none(unit: SqlUnitOfWork, text: str):
    unit.clients.add(a_client())
    assert unit.clients.get(text) is None


def test_a_client_id_belongs_to_one(unit: SqlUnitOfWork):
    unit.clients.add(a_client())
    with pytest.raises(Conflict):
        unit.clients.add(replace(a_client(), name="Another", origins=frozenset({"https://evil.example"})))
    assert unit.clients.get("shop") == a_client()
    assert not unit.clients.allows_origin("https://evil.example")


def test_saving_a_client_gives_the_next_version(unit: SqlUnitOfWork):
    unit.clients.add(a_client())
    wanted = replace(
        a_client(), name="New", auth_method="none", secrets=(), first_party=False, grant_types=frozenset({"x"}),
        scopes=frozenset({"y"}), resources=frozenset(), origins=frozenset({"https://new.example"}), profile="oidc",
        id_token_algorithm="ES256", disabled_at=LATER, serves=frozenset({"https://x.example"}), jwks="{}",
        jwks_uri="https://new.example/keys", assertion_algorithms=frozenset({"ES256"}),
        identities=a_federated_client().identities, exchanges=a_federated_client().exchanges,
    )  # fmt: skip
    saved = unit.clients.save(wanted)
    assert saved == replace(wanted, version=2)
    assert unit.clients.get("shop") == saved


def test_a_client_that_was_changed_meanwhile_is_not_saved(unit: SqlUnitOfWork):
    unit.clients.add(a_client())
    unit.clients.disable("shop", NOW)
    with pytest.raises(Conflict):
        unit.clients.save(replace(a_client(), name="stale"))
    found = unit.clients.get("shop")
    assert found is not None
    assert (found.name, found.disabled_at) == (a_client().name, NOW)


def test_a_client_is_disabled_enabled_and_deleted_once(unit: SqlUnitOfWork):
    unit.clients.add(a_client())
    assert [unit.clients.disable("shop", NOW), unit.clients.disable("shop", LATER)] == [True, False]
    assert unit.clients.get("shop") == replace(a_client(), disabled_at=NOW, version=2)
    assert [unit.clients.enable("shop"), unit.clients.enable("shop")] == [True, False]
    assert unit.clients.get("shop") == replace(a_client(), version=3)
    assert [unit.clients.delete("shop"), unit.clients.delete("shop")] == [True, False]
    assert unit.clients.get("shop") is None


def test_clients_are_listed_in_pages_without_gaps(unit: SqlUnitOfWork):
    for name in ("c", "a", "e", "b", "d"):
        unit.clients.add(a_client(name))
    first = unit.clients.list(None, 2)
    second = unit.clients.list(first[-1].id, 2)
    third = unit.clients.list(second[-1].id, 2)
    assert [client.id for client in (*first, *second, *third)] == ["a", "b", "c", "d", "e"]


def test_an_origin_is_allowed_while_an_enabled_client_has_it(unit: SqlUnitOfWork):
    for name in ("one", "two"):
        unit.clients.add(a_client(name))
    assert unit.clients.allows_origin("https://shop.example")
    assert not unit.clients.allows_origin("https://shop.example.evil.example")
    unit.clients.disable("one", NOW)
    assert unit.clients.allows_origin("https://shop.example")
    unit.clients.delete("two")
    assert not unit.clients.allows_origin("https://shop.example")
    unit.clients.enable("one")
    assert unit.clients.allows_origin("https://shop.example")


def test_an_origin_that_a_client_gave_up_is_no_longer_allowed(unit: SqlUnitOfWork):
    unit.clients.add(a_client())
    unit.clients.save(replace(a_client(), origins=frozenset({"https://new.example"})))
    assert unit.clients.allows_origin("https://new.example")
    assert not unit.clients.allows_origin("https://shop.example")


def test_an_identity_finds_its_client_alone(unit: SqlUnitOfWork):
    unit.clients.add(a_client())
    unit.clients.add(a_federated_client())
    assert unit.clients.find_by_identity(IDENTITY.issuer, IDENTITY.subject) == a_federated_client()
    for issuer, subject in [
        (IDENTITY.issuer, "system:serviceaccount:shop:checkouT"), ("https://other.example", IDENTITY.subject),
        (IDENTITY.issuer, IDENTITY.subject + "\0"), (IDENTITY.issuer, ""), ("", ""), ("\udc80", IDENTITY.subject),
    ]:  # fmt: skip
        assert unit.clients.find_by_identity(issuer, subject) is None


def test_an_identity_of_another_tenants_client_of_the_same_id_is_nobodys(unit: SqlUnitOfWork, storage: Storage):
    unit.clients.add(a_federated_client())
    unit.commit()
    other = storage.unit_of_work(uuid4())
    other.begin()
    other.clients.add(replace(a_federated_client(), identities=(), auth_method="client_secret_basic"))
    other.commit()
    assert other.clients.find_by_identity(IDENTITY.issuer, IDENTITY.subject) is None
    other.close()


def test_a_disabled_client_is_still_found_by_its_identity_so_that_the_refusal_can_say_so(unit: SqlUnitOfWork):
    unit.clients.add(a_federated_client())
    unit.clients.disable("robot", NOW)
    found = unit.clients.find_by_identity(IDENTITY.issuer, IDENTITY.subject)
    assert found is not None
    assert found.disabled_at == NOW


@pytest.mark.parametrize(
    "take",
    [
        pytest.param(lambda unit: unit.clients.add(a_federated_client("thief")), id="add"),
        pytest.param(
            lambda unit: unit.clients.save(replace(a_client(), name="thief", identities=(IDENTITY,))), id="save"
        ),
    ],
)
def test_an_identity_belongs_to_one_client_and_who_takes_it_changes_nothing(
    unit: SqlUnitOfWork, take: Callable[[SqlUnitOfWork], object]
):
    unit.clients.add(a_client())
    unit.clients.add(a_federated_client())
    unit.commit()
    unit.begin()
    with pytest.raises(Conflict, match="is another client already"):
        take(unit)
    with suppress(StorageUnavailable):
        unit.commit()
    unit.rollback()
    assert unit.clients.find_by_identity(IDENTITY.issuer, IDENTITY.subject) == a_federated_client()
    assert unit.clients.list(None, 9) == (a_federated_client(), a_client())


def test_an_identity_that_a_client_gave_up_is_anybodys(unit: SqlUnitOfWork):
    unit.clients.add(a_federated_client())
    unit.clients.save(replace(a_federated_client(), identities=a_federated_client().identities[1:]))
    assert unit.clients.find_by_identity(IDENTITY.issuer, IDENTITY.subject) is None
    unit.clients.add(replace(a_client(), identities=(IDENTITY,)))
    found = unit.clients.find_by_identity(IDENTITY.issuer, IDENTITY.subject)
    assert found is not None
    assert found.id == "shop"


def test_a_deleted_client_takes_its_identities_and_keys_along(unit: SqlUnitOfWork):
    unit.clients.add(a_federated_client())
    unit.api_keys.add(an_api_key(client_id="robot"))
    unit.clients.delete("robot")
    assert unit.clients.find_by_identity(IDENTITY.issuer, IDENTITY.subject) is None
    assert unit.api_keys.find("key-hash") is None
    unit.clients.add(replace(a_client(), identities=(IDENTITY,)))


def test_clients_that_strangers_registered_are_counted_and_no_further_than_asked(unit: SqlUnitOfWork):
    ways = {"a": "open", "b": "open", "c": None, "d": "0f3b", "e": '"registered_with":"open"', "f": "openly"}
    for client_id, way in ways.items():
        unit.clients.add(replace(a_client(client_id), relying_party=RelyingParty(registered_with=way)))
    assert [unit.clients.count_open(most) for most in (0, 1, 2, 9)] == [0, 1, 2, 2]
    unit.clients.delete("a")
    assert unit.clients.count_open(9) == 1
