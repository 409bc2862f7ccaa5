"""Token exchange (RFC 8693): what a service gets for its callers' tokens, of every kind, alone and in chains."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import jwt
import pytest

from authsvc.domain.tokens.api_keys import ApiKey, KeyOwner, WantedKey, new_api_key
from authsvc.domain.tokens.exchange import ExchangePolicy
from authsvc.protocol.grants.token_exchange import GRANT_TYPE as GRANT
from authsvc.protocol.subject_token import ACCESS_TOKEN, API_KEY, ID_TOKEN, JWT, REFRESH_TOKEN
from tests.flows.exchanges import (
    ARCHIVE,
    BILLING,
    ORDERS,
    PARTNER,
    PARTNERS,
    STOCK,
    TO_BILLING,
    TO_STOCK,
    UNRELATED,
    Shop,
    claims_of,
    open_shop,
)
from tests.flows.world import World, a_client


def subject_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def test_a_service_gets_a_token_of_its_caller_for_the_next_service(world: World):
    shop = open_shop(world)
    presented = shop.token()
    had = subject_of(presented)
    answer = shop.exchange(presented, audience=BILLING)
    found = claims_of(answer)
    assert set(answer.json()) == {"access_token", "issued_token_type", "token_type", "expires_in", "scope"}
    assert answer.json()["issued_token_type"] == ACCESS_TOKEN
    assert answer.json()["token_type"] == "Bearer"
    assert (found["aud"], found["client_id"], found["scope"]) == (BILLING, "orders", "eddsa:read eddsa:write")
    for kept in ("iss", "sub", "sid", "grant_id", "auth_time", "amr"):
        assert found[kept] == had[kept], kept
    assert found["jti"] != had["jti"]
    assert found["exp"] <= had["exp"]
    assert "act" not in found
    assert jwt.get_unverified_header(answer.json()["access_token"])["typ"] == "at+jwt"


def test_an_exchange_between_jwts_writes_nothing(world: World):
    shop = open_shop(world)
    presented, of_actor = shop.token(), shop.own("orders")
    claims_of(shop.exchange(presented))
    before = world.rows()
    claims_of(shop.exchange(presented))
    claims_of(shop.exchange(presented, actor_token=of_actor, actor_token_type=ACCESS_TOKEN))
    assert world.rows() == before


def test_exchanges_are_counted(shop):
    shop.exchange(shop.token())
    counted = 'authsvc_tokens_issued_total{grant="urn:ietf:params:oauth:grant-type:token-exchange"} 1.0'
    assert counted in shop.world.app._metrics.render().decode()


@pytest.mark.parametrize("scope", ["es256:read", "es256:read es256:write"])
def test_without_a_target_or_a_scope_the_policy_says_them(shop, scope):
    found = claims_of(shop.exchange(shop.token(scope)))
    assert found["aud"] == BILLING
    assert found["scope"] == ("eddsa:read" if scope == "es256:read" else "eddsa:read eddsa:write")


def test_less_can_be_asked_for_but_never_more(shop):
    presented = shop.token()
    assert claims_of(shop.exchange(presented, scope="eddsa:read"))["scope"] == "eddsa:read"
    narrow = shop.token("es256:read")
    for scope in ("eddsa:write", "eddsa:read eddsa:write", "es256:read", "openid", "account", "rs256:read"):
        answer = shop.exchange(narrow, scope=scope)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope"), scope


@pytest.mark.parametrize(
    "named",
    [
        pytest.param({"audience": BILLING}, id="audience"),
        pytest.param({"resource": BILLING}, id="resource"),
        pytest.param({"audience": [BILLING, BILLING], "resource": BILLING}, id="equal duplicates"),
    ],
)
def test_a_target_may_be_named_by_either_parameter(shop, named):
    assert claims_of(shop.exchange(shop.token(), **named))["aud"] == BILLING


def test_the_token_lives_no_longer_than_the_one_it_comes_from(shop):
    presented = shop.token()
    shop.world.clock.move(seconds=200)
    answer = shop.exchange(presented)
    assert claims_of(answer)["exp"] == subject_of(presented)["exp"]
    assert answer.json()["expires_in"] <= 100


def test_with_an_actor_it_lives_no_longer_than_the_actors_token(shop):
    with shop.world.change() as uow:
        short = next(item for item in uow.resources.list() if item.audience == UNRELATED)
        uow.resources.save(replace(short, access_token_seconds=20))
    answer = shop.exchange(shop.token(), actor_token=shop.own("orders"), actor_token_type=ACCESS_TOKEN)
    assert answer.json()["expires_in"] == 20


def test_identity_scopes_give_neither_id_token_nor_refresh_token(shop):
    presented = shop.token("openid profile es256:read")
    answer = shop.exchange(presented)
    assert set(answer.json()) == {"access_token", "issued_token_type", "token_type", "expires_in", "scope"}
    assert claims_of(answer)["scope"] == "eddsa:read"


def test_a_policy_without_scopes_gives_a_token_without_scopes_for_its_target(shop):
    shop.policies(replace(TO_BILLING, scopes=()))
    found = claims_of(shop.exchange(shop.token()))
    assert found["aud"] == BILLING
    assert "scope" not in found


def test_policies_for_one_target_add_up(shop):
    one, other = ((had, given) for had, given in TO_BILLING.scopes)
    shop.policies(replace(TO_BILLING, scopes=(one,)), replace(TO_BILLING, scopes=(other,)))
    assert claims_of(shop.exchange(shop.token()))["scope"] == "eddsa:read eddsa:write"


class TestKinds:
    """What may be exchanged."""

    def test_a_token_of_ours_as_a_jwt(self, shop):
        assert claims_of(shop.exchange(shop.token(), subject_token_type=JWT))["aud"] == BILLING

    def test_an_opaque_token(self, shop):
        shop.change_client("billing", serves=frozenset({ARCHIVE}), exchanges=(
            replace(TO_STOCK, scopes=(("archive:read", frozenset({"ps256:read"})),)),
        ))  # fmt: skip
        shop.policies(replace(TO_BILLING, audience=ARCHIVE, scopes=(("es256:read", frozenset({"archive:read"})),)))
        opaque = shop.exchange(shop.token()).json()["access_token"]
        assert opaque.startswith("as_at_")
        found = claims_of(shop.exchange(opaque, "billing"))
        assert (found["aud"], found["scope"]) == (STOCK, "ps256:read")

    def test_a_services_own_token_stays_its_own(self, shop):
        shop.policies(ExchangePolicy(BILLING, frozenset({"svc2"}), scopes=(("es256:read", frozenset({"eddsa:read"})),)))
        presented = shop.own("svc2")
        found = claims_of(shop.exchange(presented))
        assert (found["sub"], found["client_id"]) == ("svc2", "orders")
        assert found["exp"] <= subject_of(presented)["exp"]
        assert not {"sid", "grant_id", "auth_time"} & found.keys()

    def test_an_id_token_by_the_client_it_was_issued_to(self, shop):
        to_itself = replace(TO_BILLING, clients=frozenset({"web"}), scopes=(("*", frozenset({"eddsa:read"})),))
        shop.change_client("web", exchanges=(to_itself,), grant_types=frozenset({GRANT}))
        signed_in = shop.world.tokens("web", scope="openid")
        had = subject_of(signed_in["id_token"])
        found = claims_of(shop.exchange(signed_in["id_token"], "web", subject_token_type=ID_TOKEN))
        assert (found["sub"], found["sid"], found["scope"]) == (had["sub"], had["sid"], "eddsa:read")
        assert found["exp"] <= had["exp"]

    def test_a_refresh_token_by_its_own_client_and_unused(self, shop):
        to_itself = replace(TO_BILLING, clients=frozenset({"web"}))
        shop.change_client("web", exchanges=(to_itself,), grant_types=frozenset({GRANT, "refresh_token"}))
        signed_in = shop.world.tokens("web", scope="es256:read")
        had, refresh_token = subject_of(signed_in["access_token"]), signed_in["refresh_token"]
        for _ in range(2):
            found = claims_of(shop.exchange(refresh_token, "web", subject_token_type=REFRESH_TOKEN))
            assert (found["sid"], found["grant_id"]) == (had["sid"], had["grant_id"])
            assert found["scope"] == "eddsa:read"
        assert shop.world.refresh(refresh_token, "web").status_code == 200

    def test_a_jwt_of_a_trusted_issuer(self, world: World):
        shop = open_shop(world)
        shop.policies(replace(PARTNERS, any_audience=True))
        answer = shop.exchange(shop.partner(scope="buy fly"), subject_token_type=JWT)
        found = claims_of(answer)
        assert found["sub"] == str(world.user("alice").id)
        assert found["scope"] == "eddsa:read eddsa:write"
        assert found["amr"] == []
        with world.change() as uow:
            session = uow.sessions.get(UUID(found["sid"]))
        assert session is not None
        assert session.user_id == world.user("alice").id
        assert int(session.expires_at.timestamp()) == found["exp"]

    def test_a_jwt_of_a_trusted_issuer_for_the_requester_itself(self, shop):
        shop.policies(PARTNERS)
        for name in ("orders", ORDERS, [ORDERS, "https://elsewhere.example"]):
            assert claims_of(shop.exchange(shop.partner(aud=name), subject_token_type=JWT))["aud"] == BILLING

    @pytest.mark.parametrize("owner", ["user", "client"])
    def test_an_api_key(self, world: World, owner):
        shop = open_shop(world)
        shop.policies(ExchangePolicy(BILLING, api_keys=True, scopes=(("eddsa:read", frozenset({"eddsa:read"})),)))
        key, secret = an_api_key(shop, owner, BILLING)
        answer = shop.exchange(secret, subject_token_type=API_KEY)
        found = claims_of(answer)
        assert found["sub"] == ("svc" if owner == "client" else str(world.user("alice").id))
        assert (found["aud"], found["scope"]) == (BILLING, "eddsa:read")
        assert answer.json()["expires_in"] == 300
        with world.change() as uow:
            used = uow.api_keys.get(key.id)
        assert used is not None
        assert used.last_used_at == world.clock()


def an_api_key(shop: Shop, owner: str, resource: str, **wanted) -> tuple[ApiKey, str]:
    user_id = shop.world.user("alice").id if owner == "user" else None
    with shop.world.change() as uow:
        (scopes,) = (
            item.scopes & {"eddsa:read", "ps256:read"} for item in uow.resources.list() if item.audience == resource
        )
        whose = KeyOwner(user_id, None if user_id else "svc", scopes, frozenset({resource}))
        asked = WantedKey("k", scopes, frozenset({resource}), **wanted)
        key, secret = new_api_key(asked, whose, uow.resources.list(), 0, shop.world.clock())
        uow.api_keys.add(key)
    return key, secret


class TestWantedType:
    def test_a_jwt_where_the_target_has_jwts(self, shop):
        answer = shop.exchange(shop.token(), requested_token_type=JWT)
        assert claims_of(answer)["aud"] == BILLING
        assert answer.json()["issued_token_type"] == JWT

    def test_no_jwt_where_the_target_wants_opaque_tokens(self, shop):
        shop.policies(replace(TO_BILLING, audience=ARCHIVE, scopes=(("es256:read", frozenset({"archive:read"})),)))
        refused = shop.exchange(shop.token(), requested_token_type=JWT)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")
        answer = shop.exchange(shop.token(), requested_token_type=ACCESS_TOKEN)
        assert answer.status_code == 200
        assert answer.json()["access_token"].startswith("as_at_")
        assert answer.json()["issued_token_type"] == ACCESS_TOKEN


class TestDelegation:
    def test_the_actor_is_named_and_the_caller_stays_the_subject(self, shop):
        presented = shop.token()
        found = claims_of(shop.exchange(presented, actor_token=shop.own("orders"), actor_token_type=ACCESS_TOKEN))
        assert found["act"] == {"sub": "orders"}
        assert found["sub"] == subject_of(presented)["sub"]

    def test_a_person_can_be_the_actor_through_their_token_for_the_service(self, shop):
        irma = shop.token(username="irma")
        found = claims_of(shop.exchange(shop.token(), actor_token=irma, actor_token_type=ACCESS_TOKEN))
        assert found["act"] == {"sub": subject_of(irma)["sub"], "client_id": "app"}

    def test_a_foreign_actor_is_named_with_its_issuer(self, shop):
        stranger = shop.partner(aud="orders")
        found = claims_of(shop.exchange(shop.token(), actor_token=stranger, actor_token_type=JWT))
        assert found["act"] == {"sub": "alice", "iss": PARTNER}

    def test_foreign_parties_that_acted_already_are_told_by_their_issuers_name(self, shop):
        shop.policies(PARTNERS)
        acted = {"sub": "orders", "act": {"sub": "billing", "iss": "https://third.example"}}
        found = claims_of(shop.exchange(shop.partner(aud="orders", act=acted), subject_token_type=JWT))
        assert found["act"] == {
            "sub": "orders", "iss": PARTNER, "act": {"sub": "billing", "iss": "https://third.example"},
        }  # fmt: skip


def relay(shop: Shop, hops: int, *, acting: bool) -> list[httpx.Response]:
    """Hand a user's token on over that many services, each the caller of the next; the answers."""
    apis = [BILLING, STOCK, ORDERS]
    answers, token, caller = [], shop.token("es256:read"), "app"
    verbs = {BILLING: "eddsa:read", STOCK: "ps256:read", ORDERS: "es256:read"}
    here, now = ORDERS, shop.world.clock() - timedelta(minutes=1)
    for hop in range(hops):
        target, name = apis[hop % 3], f"hop{hop}"
        door = ExchangePolicy(target, frozenset({caller}), scopes=((verbs[here], frozenset({verbs[target]})),))
        service = a_client(
            name, now, first_party=False, auth_method="client_secret_basic", serves=frozenset({here}),
            exchanges=(door,), grant_types=frozenset({GRANT, "client_credentials"}), scopes=frozenset({"rs256:read"}),
            resources=frozenset({UNRELATED}),
        )  # fmt: skip
        shop.add_service(service)
        actor = {"actor_token": shop.own(name), "actor_token_type": ACCESS_TOKEN} if acting else {}
        answers.append(shop.exchange(token, name, **actor))
        if answers[-1].status_code != 200:
            break
        token, caller, here = answers[-1].json()["access_token"], name, target
    return answers


def test_each_service_of_a_chain_is_named_the_latest_outermost(shop):
    *_, last = relay(shop, 3, acting=True)
    assert claims_of(last)["act"] == {"sub": "hop2", "act": {"sub": "hop1", "act": {"sub": "hop0"}}}


def test_a_chain_of_actors_ends_at_its_fifth(shop):
    answers = relay(shop, 7, acting=True)
    assert [answer.status_code for answer in answers] == [200] * 5 + [400]
    assert answers[-1].json()["error"] == "invalid_request"


def test_a_chain_keeps_subject_session_and_end_through_every_hop(shop):
    answers = [claims_of(answer) for answer in relay(shop, 6, acting=False)]
    assert len({(found["sub"], found["sid"], found["grant_id"]) for found in answers}) == 1
    ends = [found["exp"] for found in answers]
    assert ends == sorted(ends, reverse=True)
    assert "act" not in answers[-1]


def test_impersonation_keeps_the_actors_so_far(shop):
    delegated = shop.exchange(shop.token(), actor_token=shop.own("orders"), actor_token_type=ACCESS_TOKEN)
    found = claims_of(shop.exchange(delegated.json()["access_token"], "billing"))
    assert (found["client_id"], found["act"]) == ("billing", {"sub": "orders"})
