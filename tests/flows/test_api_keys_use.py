"""API keys where they are used: exchanged and asked about, and refused as soon as they or their owners are over."""

from datetime import timedelta

import jwt
import pytest

from authsvc.crypto import opaque
from authsvc.protocol.api_keys import judge_api_key, record_use
from authsvc.protocol.errors import InvalidGrant
from authsvc.protocol.subject_token import ACCESS_TOKEN
from tests.crypto.test_opaque import misspellings
from tests.flows.api_keys import BILLS, ORDERS, Keys, with_keys
from tests.flows.asking import INACTIVE, introspect
from tests.flows.mailed import letters, link_in, token_of
from tests.flows.world import ISSUER, PASSWORD, World


@pytest.fixture
def keys(world: World) -> Keys:
    return with_keys(world)


@pytest.fixture
def small_keys(small_world: World) -> Keys:
    return with_keys(small_world)


def test_a_key_is_exchanged_for_a_short_token_of_its_owner(keys: Keys):
    made = keys.personal()
    answer = keys.exchange(made["key"])
    claims = jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
    assert (claims["sub"], claims["aud"], claims["scope"]) == (str(keys.world.user().id), ORDERS, "es256:read")
    assert answer.json()["expires_in"] <= 300
    assert "refresh_token" not in answer.json()


def test_the_token_of_a_service_key_speaks_for_the_service(keys: Keys):
    answer = keys.exchange(keys.service()["key"])
    assert jwt.decode(answer.json()["access_token"], options={"verify_signature": False})["sub"] == "svc"


def test_a_password_reset_by_mail_revokes_a_persons_keys(small_keys: Keys):
    """Whoever knew the old password may have made one; a service's and other people's are not theirs."""
    keys, world = small_keys, small_keys.world
    held = [keys.personal()["key"], keys.personal()["key"]]
    others = [keys.service()["key"], keys.personal("bob")["key"]]
    assert world.http.post("/password/forgot", json={"username": "alice"}).status_code == 202
    token = token_of(link_in(letters(world)[-1]))
    wanted = {"token": token, "new_password": "eleven silent harbours"}
    assert all(map(keys.is_good, held)), "a letter changes nothing"
    assert world.http.post("/password/reset", json=wanted).status_code == 204
    assert [keys.is_good(key) for key in held + others] == [False, False, True, True]
    assert "all API keys revoked" in letters(world)[-1].text


def _revoke(keys: Keys, of_person: str, of_service: str) -> None:
    assert keys.world.http.delete(f"/api-keys/{of_person}", headers=keys.bearer()).status_code == 204
    assert keys.world.http.delete(f"/api-keys/{of_service}", auth=keys.basic()).status_code == 204


def _disable(keys: Keys, *_: str) -> None:
    with keys.world.change() as uow:
        uow.users.disable(keys.world.user().id, keys.world.clock())
        uow.clients.disable("svc", keys.world.clock())


def _delete(keys: Keys, *_: str) -> None:
    assert keys.world.http.delete("/me", headers=keys.bearer()).status_code == 204
    with keys.world.change() as uow:
        uow.clients.delete("svc")


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(_revoke, id="revoked"),
        pytest.param(lambda keys, *_: keys.world.clock.move(seconds=601), id="expired"),
        pytest.param(_disable, id="owner-disabled"),
        pytest.param(_delete, id="owner-deleted"),
    ],
)
def test_a_key_is_refused_once_it_or_its_owner_is_over(keys: Keys, end):
    person, service = keys.personal(expires_in=600), keys.service(expires_in=600)
    unknown = opaque.new_secret(opaque.API_KEY)
    assert keys.is_good(person["key"])
    assert keys.is_good(service["key"])
    end(keys, person["id"], service["id"])
    words = set()
    for key in (person["key"], service["key"], unknown):
        refused = keys.exchange(key)
        assert refused.status_code == 400, refused.text
        words.add((refused.json()["error"], refused.json()["error_description"]))
        assert introspect(keys.world, key).content == INACTIVE
    assert len(words) == 1


def test_a_deleted_account_leaves_no_key_behind(keys: Keys):
    before = keys.world.rows()["api_keys"]
    keys.personal(), keys.personal()
    keys.world.http.delete("/me", headers=keys.bearer())
    assert keys.world.rows()["api_keys"] == before


def test_a_new_password_leaves_keys_alone(keys: Keys):
    made = keys.personal()
    changed = {"current_password": PASSWORD, "new_password": "seventeen amber windmills"}
    assert keys.world.http.post("/me/password", json=changed, headers=keys.bearer()).status_code == 204
    assert keys.is_good(made["key"])


def test_a_service_key_reaches_no_further_than_its_client_now(keys: Keys):
    made = keys.service(scopes=["es256:read", "eddsa:read"])
    assert keys.exchange(made["key"], BILLS).status_code == 200
    keys.change_client("svc", scopes=frozenset({"es256:read"}), resources=frozenset({ORDERS}))
    assert keys.exchange(made["key"], BILLS).status_code == 400
    assert keys.exchange(made["key"], ORDERS).status_code == 200
    keys.change_client("svc", scopes=frozenset({"es256:write"}))
    assert keys.exchange(made["key"], ORDERS).status_code == 400


def test_a_service_key_is_no_way_around_a_grant_that_was_taken_away(keys: Keys):
    made = keys.service()
    keys.change_client("svc", grant_types=frozenset({"refresh_token"}))
    assert not keys.is_good(made["key"])
    assert keys.create_service().json()["error"] == "unauthorized_client"


def test_a_key_gives_no_scope_that_it_was_not_made_with(keys: Keys):
    made = keys.personal()
    for scope in ("es256:write", "account", "openid", "es256:read es256:write"):
        assert keys.exchange(made["key"], scope=scope).json()["error"] == "invalid_scope"
    for resource in (BILLS, ISSUER):
        assert keys.exchange(made["key"], resource).json()["error"] == "invalid_target"


def test_a_key_of_one_tenant_is_unknown_to_the_other(keys: Keys):
    made = keys.personal()
    uow = keys.world.storage.unit_of_work(keys.world.other.id)
    try:
        with pytest.raises(InvalidGrant):
            judge_api_key(made["key"], uow, keys.world.clock())
    finally:
        uow.close()


def test_no_other_spelling_of_a_key_is_good(small_keys: Keys):
    key = small_keys.personal()["key"]
    uow = small_keys.world.storage.unit_of_work(small_keys.world.tenant.id)
    try:
        judge_api_key(key, uow, small_keys.world.clock())
        for other in misspellings(key):
            with pytest.raises(InvalidGrant):
                judge_api_key(other, uow, small_keys.world.clock())
    finally:
        uow.close()
    for other in (key[:-1], key[1:], key + "=", key.swapcase(), key.replace("as_ak_", "as_cs_"), f" {key}"):
        assert small_keys.exchange(other).status_code == 400
        assert introspect(small_keys.world, other).content == INACTIVE


def test_a_key_is_good_for_nothing_but_its_own_places(small_keys: Keys):
    world, key = small_keys.world, small_keys.personal()["key"]
    assert small_keys.exchange(key, subject_token_type=ACCESS_TOKEN).status_code == 400
    assert world.refresh(key).json()["error"] == "invalid_grant"
    assert world.get("/me", key).status_code == 401
    assert world.get("/userinfo", key).status_code == 401
    assert world.http.post("/logout", headers={"Authorization": f"Bearer {key}"}).status_code == 401
    assert world.http.post("/register/confirm", json={"token": key, "password": PASSWORD}).status_code == 400
    assert world.http.post("/token", data={"grant_type": "client_credentials"}, auth=("svc", key)).status_code == 401
    token = world.tokens()["access_token"]
    for other in (token, world.refresh_token(), world.secrets["svc"]):
        assert small_keys.exchange(other).status_code == 400


def test_when_a_key_was_used_is_written_once_a_minute(keys: Keys):
    made = keys.personal()
    assert keys.last_used_at(made["id"]) is None
    keys.exchange(made["key"])
    first = keys.last_used_at(made["id"])
    assert first is not None
    assert abs(first - keys.world.clock()) < timedelta(seconds=1)
    keys.world.clock.move(seconds=59)
    assert keys.is_good(made["key"])
    assert keys.last_used_at(made["id"]) == first
    keys.world.clock.move(seconds=2)
    assert keys.is_active(made["key"])
    assert keys.last_used_at(made["id"]) == first + timedelta(seconds=61)
    listed = keys.world.http.get("/api-keys", headers=keys.bearer()).json()["api_keys"]
    assert listed[0]["last_used_at"] == (first + timedelta(seconds=61)).isoformat(timespec="seconds")


def test_a_use_that_was_judged_long_ago_does_not_turn_the_clock_back(keys: Keys):
    made = keys.personal()
    stale = keys.stored(made["id"], user_id=keys.world.user().id)
    keys.exchange(made["key"])
    used = keys.last_used_at(made["id"])
    with keys.world.change() as uow:
        record_use(stale, uow, keys.world.clock() - timedelta(seconds=30))
        record_use(stale, uow, keys.world.clock() + timedelta(seconds=30))
    assert keys.last_used_at(made["id"]) == used


def test_a_refused_exchange_is_no_use(keys: Keys):
    made = keys.personal()
    assert keys.exchange(made["key"], scope="es256:write").status_code == 400
    assert keys.exchange(made["key"], BILLS).status_code == 400
    introspect(keys.world, made["key"], "broker")
    assert keys.last_used_at(made["id"]) is None
