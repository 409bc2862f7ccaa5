"""Keys and secrets behind client assertions: several, for their algorithms only, at an address (RFC 7523)."""

import json
from dataclasses import replace
from pathlib import Path

from authsvc.app import read_master_keys
from authsvc.crypto.jwk import load_signing_key
from authsvc.domain.parties.clients import sealing, with_new_secret, without_secret
from authsvc.settings import Outbound
from tests.flows.asserting import good, is_refused, post
from tests.flows.assertions import GONE, a_key, jwks, own, own_claims, signed
from tests.flows.world import ISSUER, World, running_world
from tests.outbound.strangers import an_answer, answering, stranger


def test_both_live_secrets_count_until_one_is_removed(small_world: World):
    seal = sealing(small_world.tenant.id, read_master_keys(small_world.settings))
    with small_world.change() as uow:
        client = uow.clients.get("sharer")
        assert client is not None
        client, secret = with_new_secret(client, small_world.clock(), seal)
        client = uow.clients.save(client)
    for live in (small_world.secrets["sharer"], secret):
        assert post(small_world, own("sharer", live, ISSUER, small_world.clock())).status_code == 200
    with small_world.change() as uow:
        uow.clients.save(without_secret(client, client.secrets[0].id))
    assert is_refused(post(small_world, good(small_world, "sharer")))
    assert post(small_world, own("sharer", secret, ISSUER, small_world.clock())).status_code == 200


def test_a_client_of_several_keys_may_sign_with_any(small_world: World):
    keys = [a_key("ES256", "first"), a_key("ES256", "second"), a_key("EdDSA", "third")]
    with small_world.change() as uow:
        client = uow.clients.get("signer")
        assert client is not None
        algorithms = frozenset({"ES256", "EdDSA"})
        uow.clients.save(replace(client, jwks=jwks(*keys), assertion_algorithms=algorithms))
    for key in keys:
        claims = own_claims("signer", ISSUER, small_world.clock())
        assert post(small_world, signed(claims, key, kid=GONE)).status_code == 200
    assert is_refused(post(small_world, good(small_world))), "the former key is gone"


def test_a_key_that_could_do_more_serves_the_registered_algorithms_only(small_world: World):
    key, pss = a_key("RS256", "signer-rsa"), "PS256"
    nameless = {name: value for name, value in key.public.items() if name != "alg"}
    as_pss = load_signing_key(pss, key.key.to_pem())
    for algorithms, status in ((frozenset({"RS256", pss}), 200), (frozenset({"RS256"}), 401)):
        with small_world.change() as uow:
            client = uow.clients.get("signer-rsa")
            assert client is not None
            keys = json.dumps({"keys": [nameless]})
            uow.clients.save(replace(client, jwks=keys, assertion_algorithms=algorithms))
        claims = own_claims("signer-rsa", ISSUER, small_world.clock())
        assert post(small_world, signed(claims, as_pss, kid=GONE)).status_code == status


def test_keys_that_cannot_be_fetched_refuse_the_client_and_tell_nobody(small_world: World):
    with small_world.change() as uow:
        client = uow.clients.get("signer")
        assert client is not None
        uow.clients.save(replace(client, jwks=None, jwks_uri="https://127.0.0.1:1/jwks"))
    assert is_refused(post(small_world, good(small_world)))


def test_keys_at_an_address_are_read_again_when_the_client_names_a_new_one(tmp_path: Path):
    old, new, mallory = a_key("ES256", "signer"), a_key("ES256", "rotated"), a_key("ES256", "mallory")
    sets = (an_answer(jwks(key).encode()) for key in (old, new))
    with stranger(answering(*sets)) as server:
        host = f"127.0.0.1:{server.port}"
        outbound = Outbound(allowed_hosts=(host,))
        with running_world(f"sqlite:///{tmp_path}/authsvc.db", tmp_path, outbound=outbound) as world:
            with world.change() as uow:
                client = uow.clients.get("signer")
                assert client is not None
                uow.clients.save(replace(client, jwks=None, jwks_uri=f"http://{host}/jwks"))
            for _ in range(3):
                assert post(world, good(world)).status_code == 200
            assert server.connections == 1
            assert post(world, signed(own_claims("signer", ISSUER, world.clock()), new)).status_code == 200
            assert is_refused(post(world, good(world))), "the old key is no longer among them"
            for _ in range(5):
                assert is_refused(post(world, signed(own_claims("signer", ISSUER, world.clock()), mallory)))
            assert server.connections <= 3, "unknown keys do not make us ask each time"
