"""What is had by exchange, once whoever it speaks of, or whose id it bears, is gone."""

from dataclasses import replace
from datetime import timedelta

from authsvc.domain.tokens.exchange import ExchangePolicy
from authsvc.protocol.subject_token import API_KEY, ID_TOKEN
from tests.flows.asking import introspect
from tests.flows.exchanges import BILLING, ORDERS, Shop, claims_of
from tests.flows.test_rfc8693_exchange import an_api_key
from tests.flows.world import a_client

OF_ITSELF = ExchangePolicy(
    audience=BILLING, clients=frozenset({"orders", "caller"}), scopes=(("*", frozenset({"eddsa:read"})),),
    any_audience=True,
)  # fmt: skip


def refused(answer, error):
    assert (answer.status_code, answer.json().get("error")) == (400, error), answer.text


def _with_caller(shop: Shop) -> str:
    """A machine of its own, whose tokens orders may exchange; its token."""
    caller = a_client(
        "caller", shop.world.clock() - timedelta(minutes=1), first_party=False, auth_method="client_secret_post",
        grant_types=frozenset({"client_credentials"}), scopes=frozenset({"es256:read"}), resources=frozenset({ORDERS}),
    )  # fmt: skip
    shop.add_service(caller)
    shop.policies(OF_ITSELF)
    return shop.own("caller")


def test_a_token_that_speaks_of_a_disabled_client_is_worth_nothing(shop):
    found = shop.exchange(_with_caller(shop))
    assert claims_of(found)["sub"] == "caller"
    token = found.json()["access_token"]
    assert introspect(shop.world, token, "billing").json()["active"] is True
    with shop.world.change() as uow:
        uow.clients.disable("caller", shop.world.clock())
    shop.world.clock.offset += timedelta(seconds=2)
    assert introspect(shop.world, token, "billing").json() == {"active": False}
    assert introspect(shop.world, token, "orders").json() == {"active": False}


def test_what_was_had_for_the_key_of_a_service_ends_with_the_service(shop):
    shop.policies(ExchangePolicy(BILLING, api_keys=True, scopes=(("eddsa:read", frozenset({"eddsa:read"})),)))
    _, secret = an_api_key(shop, "client", BILLING)
    exchanged = shop.exchange(secret, subject_token_type=API_KEY).json()["access_token"]
    assert introspect(shop.world, exchanged, "billing").json()["active"] is True
    with shop.world.change() as uow:
        uow.clients.disable("svc", shop.world.clock())
    shop.world.clock.offset += timedelta(seconds=2)
    assert introspect(shop.world, exchanged, "billing").json() == {"active": False}


def test_who_takes_the_id_of_a_deleted_client_is_not_whom_its_tokens_speak_of(shop):
    token = _with_caller(shop)
    exchanged = shop.exchange(token).json()["access_token"]
    shop.world.clock.offset += timedelta(seconds=5)
    with shop.world.change() as uow:
        stored = uow.clients.get("caller")
        uow.clients.delete("caller")
    with shop.world.change() as uow:
        uow.clients.add(replace(stored, created_at=shop.world.clock()))
    shop.world.clock.offset += timedelta(seconds=2)
    refused(shop.exchange(token), "invalid_request")
    assert introspect(shop.world, exchanged, "billing").json() == {"active": False}
    refused(shop.exchange(exchanged, audience=BILLING), "invalid_request")


def test_an_id_token_of_a_deleted_client_is_not_that_of_who_has_its_id_now(shop):
    shop.policies(replace(OF_ITSELF, clients=frozenset({"app"})))
    id_token = shop.world.tokens(scope="openid es256:read")["id_token"]
    assert shop.exchange(id_token, subject_token_type=ID_TOKEN).status_code == 200
    shop.world.clock.offset += timedelta(seconds=5)
    with shop.world.change() as uow:
        uow.clients.save(replace(uow.clients.get("app"), name="other"))
        stored = uow.clients.get("app")
        uow.clients.delete("app")
    with shop.world.change() as uow:
        uow.clients.add(replace(stored, created_at=shop.world.clock()))
    shop.world.clock.offset += timedelta(seconds=2)
    refused(shop.exchange(id_token, subject_token_type=ID_TOKEN), "invalid_request")
