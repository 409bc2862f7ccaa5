import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from authsvc.crypto import jwk
from authsvc.crypto.envelope import MasterKeys, new_master_key_line, parse_master_keys
from authsvc.crypto.errors import DecryptionFailed
from authsvc.domain.parties.clients import (
    Client,
    ClientInvalid,
    FederatedIdentity,
    check_client,
    sealing,
    secret_matches,
    shared_secrets,
    with_new_secret,
)
from authsvc.domain.parties.key_sources import KeySourceInvalid
from authsvc.domain.parties.relying_parties import RelyingParty, RelyingPartyInvalid
from authsvc.domain.reencryption import reencrypt
from authsvc.domain.tenants import Tenant
from authsvc.storage.sql.engine import Storage, open_storage

NOW = datetime(2026, 11, 1, tzinfo=UTC)
TENANT = uuid4()
PUBLIC = json.dumps({"keys": [dict(jwk.load_signing_key("ES256", jwk.generate("ES256")).public)]})
CLIENT = Client(
    id="svc", name="svc", auth_method="client_secret_basic", secrets=(), first_party=False,
    grant_types=frozenset({"client_credentials"}), scopes=frozenset(), resources=frozenset(), origins=frozenset(),
    profile="oauth2.1", id_token_algorithm="RS256", created_at=NOW,
)  # fmt: skip
SIGNER = replace(CLIENT, auth_method="private_key_jwt", jwks=PUBLIC, assertion_algorithms=frozenset({"ES256"}))
SHARER = replace(CLIENT, auth_method="client_secret_jwt", assertion_algorithms=frozenset({"HS256", "HS512"}))
WORKLOAD = replace(
    CLIENT, auth_method="federated_assertion", identities=(FederatedIdentity("https://ci.example", "repo:us/x"),)
)


def master_keys() -> MasterKeys:
    return parse_master_keys(new_master_key_line())


PARTY = RelyingParty(redirect_uris=("https://shop.example/cb",))
WEB_APP = replace(CLIENT, grant_types=frozenset({"authorization_code"}), relying_party=PARTY)
ASKER = replace(WEB_APP, jwks=PUBLIC, relying_party=replace(PARTY, request_object_algorithm="ES256"))


@pytest.mark.parametrize(
    "client",
    [WEB_APP, replace(WEB_APP, auth_method="none"), ASKER, replace(WEB_APP, jwks=PUBLIC)],
    ids=["web", "public", "signs", "may sign"],
)
def test_a_sound_relying_party_is_taken(client):
    assert check_client(client) is client


def test_a_relying_party_that_is_none_is_no_client():
    with pytest.raises(RelyingPartyInvalid):
        check_client(replace(WEB_APP, relying_party=RelyingParty(redirect_uris=("javascript:alert(1)",))))


@pytest.mark.parametrize("client", [CLIENT, SIGNER, SHARER, WORKLOAD], ids=lambda client: client.auth_method)
def test_a_sound_registration_is_taken(client):
    assert check_client(client) is client


@pytest.mark.parametrize(
    ("client", "changed"),
    [
        pytest.param(CLIENT, {"id": "a b"}, id="id with a blank"),
        pytest.param(CLIENT, {"name": ""}, id="empty name"),
        pytest.param(CLIENT, {"name": "two\nlines"}, id="name of two lines"),
        pytest.param(CLIENT, {"id": "../x"}, id="id with a path"),
        pytest.param(CLIENT, {"id": str(uuid4())}, id="id in the form of a user's"),
        pytest.param(CLIENT, {"auth_method": "client_secret"}, id="unknown method"),
        pytest.param(CLIENT, {"id_token_algorithm": "none"}, id="unsigned ID tokens"),
        pytest.param(CLIENT, {"grant_types": frozenset({"authorization_code"})}, id="code without a way back"),
        pytest.param(CLIENT, {"auth_method": "none"}, id="public client for itself"),
        pytest.param(CLIENT, {"jwks": PUBLIC}, id="keys without a use"),
        pytest.param(CLIENT, {"jwks_uri": "https://host.example/jwks"}, id="key address without a use"),
        pytest.param(CLIENT, {"assertion_algorithms": frozenset({"HS256"})}, id="algorithms without a use"),
        pytest.param(SIGNER, {"assertion_algorithms": frozenset()}, id="key without algorithms"),
        pytest.param(SIGNER, {"assertion_algorithms": frozenset({"HS256"})}, id="key and an HMAC"),
        pytest.param(SIGNER, {"assertion_algorithms": frozenset({"ES256", "HS256"})}, id="key and also an HMAC"),
        pytest.param(SIGNER, {"assertion_algorithms": frozenset({"none"})}, id="no signature"),
        pytest.param(SHARER, {"assertion_algorithms": frozenset()}, id="secret without algorithms"),
        pytest.param(SHARER, {"assertion_algorithms": frozenset({"ES256"})}, id="secret and a signature"),
        pytest.param(SHARER, {"assertion_algorithms": frozenset({"HS256", "RS256"})}, id="secret and also a signature"),
        pytest.param(SHARER, {"jwks": PUBLIC}, id="secret and keys"),
        pytest.param(WORKLOAD, {"identities": ()}, id="workload without identities"),
        pytest.param(WORKLOAD, {"identities": (FederatedIdentity("", "x"),)}, id="identity of no issuer"),
        pytest.param(WORKLOAD, {"identities": (FederatedIdentity("https://ci.example", ""),)}, id="identity of nobody"),
        pytest.param(WORKLOAD, {"identities": (FederatedIdentity("https://ci.example", "x", ""),)}, id="no audience"),
        pytest.param(WORKLOAD, {"identities": (FederatedIdentity("i", "x" * 513),)}, id="overlong subject"),
        pytest.param(WORKLOAD, {"identities": (*WORKLOAD.identities, *WORKLOAD.identities)}, id="identity twice"),
        pytest.param(WORKLOAD, {"jwks": PUBLIC}, id="workload with keys"),
    ],
)
def test_a_registration_that_nobody_may_have_is_refused(client: Client, changed: dict[str, Any]):
    with pytest.raises(ClientInvalid):
        check_client(replace(client, **changed))


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"jwks": None}, id="no keys"),
        pytest.param({"jwks_uri": "https://host.example/jwks"}, id="keys and their address"),
        pytest.param({"jwks": PUBLIC.replace('"x"', '"d": "AAAA", "x"')}, id="private key"),
        pytest.param({"jwks": None, "jwks_uri": "http://host.example/jwks"}, id="no TLS"),
    ],
)
def test_keys_that_cannot_be_used_are_refused(changed):
    with pytest.raises(KeySourceInvalid):
        check_client(replace(SIGNER, **changed))


@pytest.mark.parametrize("client", [SIGNER, WORKLOAD, replace(CLIENT, auth_method="none", grant_types=frozenset())])
def test_a_client_that_proves_itself_otherwise_gets_no_secret(client):
    with pytest.raises(ClientInvalid):
        with_new_secret(client, NOW, sealing(TENANT, master_keys()))


def test_a_secret_is_kept_as_a_hash_only():
    client, secret = with_new_secret(CLIENT, NOW, sealing(TENANT, master_keys()))
    assert client.secrets[0].secret_encrypted is None
    assert secret not in repr(client)
    assert secret_matches(client, secret)


def test_a_secret_that_the_server_must_know_is_kept_encrypted_for_its_place():
    keys = master_keys()
    client, secret = with_new_secret(SHARER, NOW, sealing(TENANT, keys))
    encrypted = client.secrets[0].secret_encrypted
    assert encrypted is not None
    assert secret.encode() not in encrypted
    assert shared_secrets(client, TENANT, keys) == (secret.encode(),)
    assert len(secret) >= 64, "RFC 7518 §3.2 for HS512"
    moved = [(replace(client, id="other"), TENANT), (client, uuid4())]
    moved.append((replace(client, secrets=(replace(client.secrets[0], id="other"),)), TENANT))
    for elsewhere, tenant_id in moved:
        with pytest.raises(DecryptionFailed):
            shared_secrets(elsewhere, tenant_id, keys)


def test_without_encryption_there_is_no_shared_secret():
    with pytest.raises(ClientInvalid):
        with_new_secret(SHARER, NOW)
    hashed, _ = with_new_secret(CLIENT, NOW)
    with pytest.raises(ClientInvalid):
        check_client(replace(SHARER, secrets=hashed.secrets))
    encrypted, _ = with_new_secret(SHARER, NOW, sealing(TENANT, master_keys()))
    with pytest.raises(ClientInvalid):
        check_client(replace(CLIENT, secrets=encrypted.secrets))


def test_at_most_two_secrets_live_at_once_and_both_are_known():
    keys = master_keys()
    seal = sealing(TENANT, keys)
    client, first = with_new_secret(SHARER, NOW, seal)
    client, second = with_new_secret(client, NOW, seal)
    assert shared_secrets(client, TENANT, keys) == (first.encode(), second.encode())
    with pytest.raises(ClientInvalid):
        with_new_secret(client, NOW, seal)


@pytest.fixture
def storage(migrated_url: str):
    opened = open_storage(migrated_url, pool_size=1, cache=None)
    yield opened
    opened.close()


def test_every_shared_secret_of_any_page_comes_under_the_current_master_key(storage: Storage, monkeypatch):
    monkeypatch.setattr("authsvc.domain.reencryption._PAGE", 2)
    old = master_keys()
    both = parse_master_keys("\n".join((new_master_key_line(), *(_lines(old)))))
    tenant = Tenant(TENANT, "default", "https://x.example", None, "", is_default=True, created_at=NOW)
    uow = storage.unit_of_work(TENANT)
    try:
        uow.begin()
        uow.tenants.add(tenant)
        secrets = {}
        for number in range(5):
            plain = replace(SHARER if number % 2 == 0 else CLIENT, id=f"client{number}")
            client, secrets[plain.id] = with_new_secret(plain, NOW, sealing(TENANT, old))
            uow.clients.add(client)
        uow.commit()
        uow.begin()
        assert reencrypt(uow, both) == 3
        uow.commit()
        only_new = MasterKeys({both.current: both.keys[both.current]}, both.current)
        for client in uow.clients.list(None, 10):
            assert secret_matches(client, secrets[client.id])
            if client.auth_method == "client_secret_jwt":
                assert shared_secrets(client, TENANT, only_new) == (secrets[client.id].encode(),)
        uow.begin()
        assert reencrypt(uow, both) == 0
    finally:
        uow.close()


def _lines(keys: MasterKeys) -> list[str]:
    return [f"{name} {base64.b64encode(key).decode()}" for name, key in keys.keys.items()]
