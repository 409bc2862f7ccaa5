"""A client reads, replaces and deletes its own registration, and nobody else does (RFC 7592)."""

from dataclasses import replace
from typing import Any

import pytest

from authsvc.crypto import opaque
from authsvc.crypto.ml_dsa import ML_DSA
from authsvc.domain.parties.clients import Client
from authsvc.domain.sign_in.consents import Consent
from authsvc.domain.tenants import REGISTRATION_OFF
from tests.flows.registering import (
    METADATA,
    PATH,
    an_initial_token,
    client_ids,
    let,
    manage,
    post,
    registered,
    stored,
)
from tests.flows.relying_party import GRANTS, REDIRECT_URI, Browser, page_of
from tests.flows.world import World, audience

TOLD_ONCE = {"client_secret", "client_secret_expires_at"}


def kept(world: World, client: dict[str, Any]) -> Client:
    found = stored(world, client["client_id"])
    assert found is not None
    return found


def without_secret(told: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name not in TOLD_ONCE}


@pytest.mark.parametrize("mode", ["token", "open", REGISTRATION_OFF])
def test_a_client_reads_what_it_was_told_but_its_secret(small_world: World, mode: str):
    client = registered(small_world)
    let(small_world, mode)
    answer = manage(small_world, "GET", client)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.json() == without_secret(client)


def test_new_metadata_takes_the_place_of_all_of_the_old(world: World):
    client = registered(world, contacts=["ops@shop.example"], default_max_age=60)
    before = kept(world, client)
    wanted = {
        "client_id": client["client_id"],
        "redirect_uris": ["https://shop.example/new"],
        "tos_uri": "https://shop.example/t",
    }
    answer = manage(world, "PUT", client, json=wanted)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told == manage(world, "GET", client).json()
    assert (told["redirect_uris"], told["tos_uri"]) == (wanted["redirect_uris"], wanted["tos_uri"])
    assert told.keys().isdisjoint({"contacts", "default_max_age", "client_name", *TOLD_ONCE})
    assert told["registration_access_token"] == client["registration_access_token"]
    after = kept(world, client)
    assert (after.secrets, after.created_at, after.id) == (before.secrets, before.created_at, before.id)
    assert after.version == before.version + 1


def test_what_a_client_reads_it_can_send_back(small_world: World):
    client = registered(small_world)
    told = manage(small_world, "GET", client).json()
    answer = manage(small_world, "PUT", client, json=told | {"client_secret": client["client_secret"]})
    assert (answer.status_code, answer.json()) == (200, told)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        pytest.param({"redirect_uris": ["javascript:alert(1)"]}, "redirect_uris", id="bad redirect URI"),
        pytest.param({"client_id": "svc"}, "client_id", id="another client's id"),
        pytest.param({"client_id": 7}, "client_id", id="a number for an id"),
        pytest.param({"client_secret": "chosen-by-the-client"}, "client_secret", id="a chosen secret"),
        pytest.param({"client_secret": ["x"]}, "client_secret", id="a list for a secret"),
        pytest.param({"grant_types": ["password"]}, "grant_types", id="a grant that it may not have"),
        pytest.param({"token_endpoint_auth_method": "private_key_jwt"}, "keys", id="a method without its keys"),
    ],
)
def test_metadata_that_cannot_be_registered_changes_nothing(small_world: World, changed: dict[str, Any], named: str):
    client = registered(small_world)
    before = kept(small_world, client)
    answer = manage(small_world, "PUT", client, json=METADATA | changed)
    assert answer.status_code == 400
    assert named in answer.json()["error_description"]
    assert kept(small_world, client) == before


@pytest.mark.parametrize("old", ["none", "client_secret_basic", "client_secret_post", "client_secret_jwt"])
@pytest.mark.parametrize("new", ["none", "client_secret_basic", "client_secret_post", "client_secret_jwt"])
def test_a_new_method_of_authentication_has_the_secret_that_it_needs(small_world: World, old: str, new: str):
    client = registered(small_world, token_endpoint_auth_method=old)
    secrets = kept(small_world, client).secrets
    answer = manage(small_world, "PUT", client, json=METADATA | {"token_endpoint_auth_method": new})
    assert answer.status_code == 200
    plain = {"client_secret_basic", "client_secret_post"}
    is_same = new != "none" and (old == new or {old, new} <= plain)
    assert answer.json().keys() & TOLD_ONCE == (set() if is_same or new == "none" else TOLD_ONCE)
    after = kept(small_world, client).secrets
    assert (after == secrets) == (is_same or old == new)
    assert len(after) == (new != "none")


def test_a_deleted_client_is_gone_with_its_token(world: World):
    client = registered(world)
    answer = manage(world, "DELETE", client)
    assert (answer.status_code, answer.content) == (204, b"")
    assert stored(world, client["client_id"]) is None
    for method in ("GET", "PUT", "DELETE"):
        assert manage(world, method, client, json=METADATA).status_code == 401
    basic = (client["client_id"], client["client_secret"])
    answer = world.http.post("/token", data={"grant_type": "refresh_token", "refresh_token": "x"}, auth=basic)
    assert answer.status_code == 401


@pytest.fixture(params=["GET", "PUT", "DELETE"])
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_wrong_token_gets_the_same_answer_and_changes_nothing(small_world: World, method: str):
    client, other = registered(small_world), registered(small_world)
    disabled = registered(small_world)
    with small_world.change() as uow:
        uow.clients.disable(disabled["client_id"], small_world.clock())
    before = client_ids(small_world), kept(small_world, client)
    good = client["registration_access_token"]
    attempts = [
        (client, other["registration_access_token"]),
        (client, opaque.new_secret(opaque.CLIENT_TOKEN)),
        (client, an_initial_token(small_world)),
        (client, client["client_secret"]),
        (client, good[:-1]),
        (client, good + "A"),
        (client, good.swapcase()),
        (client, "x"),
        (disabled, disabled["registration_access_token"]),
        (client | {"registration_client_uri": f"{PATH}?client_id=nobody"}, good),
        (client | {"registration_client_uri": f"{PATH}?client_id=svc"}, good),
        (client | {"registration_client_uri": f"/t/other{PATH}?client_id={client['client_id']}"}, good),
    ]
    told = set()
    for target, token in attempts:
        answer = manage(small_world, method, target, token, json=METADATA | {"client_name": "Evil"})
        body = answer.json()
        del body["request_id"]
        issuer = (
            small_world.other.issuer if "/t/other" in target["registration_client_uri"] else small_world.tenant.issuer
        )
        challenge = answer.headers["www-authenticate"].replace(f'"{issuer}"', "")
        told.add((answer.status_code, str(body), challenge))
    assert len(told) == 1, told
    assert next(iter(told))[0] == 401
    assert (client_ids(small_world), kept(small_world, client)) == before


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        pytest.param("", {}, 400, id="no client"),
        pytest.param("?client_id=svc&client_id=web", {}, 400, id="two clients"),
        pytest.param("?client_id=%zz", {}, 400, id="malformed"),
        pytest.param("?client_id=%00", {}, 400, id="nul"),
        pytest.param("?client_id=svc", {}, 401, id="no token"),
        pytest.param("?client_id=svc", {"Authorization": "Basic c3ZjOng="}, 401, id="another scheme"),
    ],
)
def test_a_request_without_client_or_token_is_refused(
    small_world: World, method: str, query: str, headers: dict[str, str], status: int
):
    answer = small_world.http.request(method, PATH + query, headers=headers, json=METADATA)
    assert answer.status_code == status
    assert ("www-authenticate" in answer.headers) == (status == 401)


def test_nothing_about_a_client_can_be_asked_by_the_id_of_one_that_an_administrator_made(small_world: World):
    for name in ("web", "svc"):
        answer = small_world.get(f"{PATH}?client_id={name}", bearer=small_world.secrets[name])
        assert answer.status_code == 401


def test_a_registered_client_asks_for_consent_and_loses_with_its_deletion_what_it_got(world: World):
    client = registered(
        world, redirect_uris=[REDIRECT_URI], token_endpoint_auth_method="client_secret_post",
        grant_types=sorted(GRANTS), scope="openid offline_access es256:read",
    )  # fmt: skip
    client_id, browser = client["client_id"], Browser(world)
    world.secrets[client_id] = client["client_secret"]
    person = browser.sign_in().user_id
    wanted = {"scope": "openid offline_access es256:read"}
    assert page_of(browser.authorize(client_id, **wanted))[0] == "consent"
    scopes, now = frozenset(wanted["scope"].split()), world.clock()
    with world.change() as uow:
        resources = frozenset({audience("ES256")})
        uow.consents.give(Consent(person, client_id, scopes, resources, frozenset(), now, now))
    tokens = browser.tokens(client_id, **wanted)
    assert world.refresh(tokens["refresh_token"], client_id).status_code == 200
    assert world.get("/userinfo", bearer=browser.tokens(client_id)["access_token"]).status_code == 200
    kept_token = browser.tokens(client_id)["access_token"]
    assert manage(world, "DELETE", client).status_code == 204
    assert world.refresh(tokens["refresh_token"], client_id).status_code == 401
    assert world.get("/userinfo", bearer=kept_token).status_code == 401
    assert browser.authorize(client_id).status_code == 400
    again = registered(world, redirect_uris=[REDIRECT_URI])
    assert page_of(browser.authorize(again["client_id"]))[0] == "consent"


def test_changes_are_in_the_audit_trail(small_world: World):
    client = registered(small_world)
    ids = [manage(small_world, method, client, json=METADATA).headers["x-request-id"] for method in ("PUT", "DELETE")]
    with small_world.change() as uow:
        events = [event for request_id in ids for event in uow.audit.find_request(request_id)]
    assert [(event.event, event.client_id) for event in events] == [
        ("client.reregistered", client["client_id"]), ("client.deleted", client["client_id"]),
    ]  # fmt: skip


def test_only_an_administrator_brings_a_key_of_ml_dsa_into_the_key_set_of_all(small_world: World):
    """Some libraries refuse a whole key set for it, and with it the tokens of everybody's clients."""
    names = ("id_token_signed_response_alg", "userinfo_signed_response_alg")
    let(small_world)
    for wanted in ({name: algorithm} for name in names for algorithm in ML_DSA):
        refused = post(small_world, an_initial_token(small_world), **wanted)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_client_metadata")
        assert next(iter(wanted)) in refused.json()["error_description"]
    client = registered(small_world)
    chosen, other = (dict.fromkeys(names, algorithm) for algorithm in ML_DSA[:2])
    assert manage(small_world, "PUT", client, json=METADATA | chosen).status_code == 400
    with small_world.change() as uow:
        found = kept(small_world, client)
        party = replace(found.relying_party, userinfo_algorithm=ML_DSA[0])
        uow.clients.save(replace(found, id_token_algorithm=ML_DSA[0], relying_party=party))
    assert chosen.items() <= manage(small_world, "PUT", client, json=METADATA | chosen).json().items()
    assert manage(small_world, "PUT", client, json=METADATA | other).status_code == 400
