"""Dynamic client registration (RFC 7591, OpenID Connect Registration 1.0): who may, what is kept, what is told."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authsvc.crypto import opaque
from authsvc.domain.parties.relying_parties import OPENLY
from authsvc.domain.parties.resources import IDENTITY_SCOPES
from authsvc.domain.tenants import REGISTRATION_OFF, REGISTRATION_OPEN
from authsvc.protocol.client_members import OF_CLIENT, OF_PARTY, UNSUPPORTED
from authsvc.settings import Clients, Throttle
from tests.flows.hasty_cache import hasty_cache
from tests.flows.real_metadata import OF_REAL_CLIENTS
from tests.flows.registering import (
    METADATA,
    PATH,
    REDIRECT_URI,
    an_initial_token,
    client_ids,
    let,
    post,
    registered,
    stored,
    token_id,
)
from tests.flows.world import World, running_world

JSON = "application/json"
QUOTA = Clients(
    per_address=Throttle(free=3, first_delay_seconds=60, longest_delay_seconds=60, window_seconds=60),
    per_tenant=Throttle(free=5, first_delay_seconds=30, longest_delay_seconds=30, window_seconds=60),
    most=4,
)


def test_a_client_registers_with_an_initial_access_token_and_is_told_everything(world: World):
    let(world)
    initial = an_initial_token(world)
    answer = post(world, initial)
    assert answer.status_code == 201
    told = answer.json()
    assert answer.headers["location"] == told["registration_client_uri"]
    assert answer.headers["cache-control"] == "no-store"
    assert opaque.is_well_formed(opaque.CLIENT_SECRET, told.pop("client_secret"))
    assert opaque.is_well_formed(opaque.CLIENT_TOKEN, told.pop("registration_access_token"))
    client_id = told.pop("client_id")
    client = stored(world, client_id)
    assert client is not None
    assert told == {
        "client_id_issued_at": int(client.created_at.timestamp()), "client_secret_expires_at": 0,
        "registration_client_uri": f"{world.tenant.issuer}{PATH}?client_id={client_id}",
        "redirect_uris": [REDIRECT_URI], "client_name": "My shop", "token_endpoint_auth_method": "client_secret_basic",
        "grant_types": ["authorization_code"], "response_types": ["code"], "application_type": "web",
        "subject_type": "public", "id_token_signed_response_alg": "RS256", "scope": " ".join(sorted(IDENTITY_SCOPES)),
    }  # fmt: skip
    assert client.relying_party.registered_with == str(token_id(world, initial))


def test_what_was_registered_opens_the_token_endpoint_to_the_client_alone(small_world: World):
    told = registered(small_world, grant_types=["authorization_code", "refresh_token"])
    for secret, status, error in ((told["client_secret"], 400, "invalid_grant"), ("x", 401, "invalid_client")):
        answer = small_world.http.post(
            "/token", data={"grant_type": "refresh_token", "refresh_token": "x"}, auth=(told["client_id"], secret)
        )
        assert (answer.status_code, answer.json()["error"]) == (status, error)


@pytest.mark.parametrize(
    ("method", "members"),
    [
        pytest.param("none", {}, id="none"),
        pytest.param("client_secret_basic", {"client_secret", "client_secret_expires_at"}, id="basic"),
        pytest.param("client_secret_post", {"client_secret", "client_secret_expires_at"}, id="post"),
        pytest.param("client_secret_jwt", {"client_secret", "client_secret_expires_at"}, id="shared"),
        pytest.param("private_key_jwt", {}, id="keys"),
    ],
)
def test_a_secret_is_told_to_clients_that_prove_themselves_by_one(small_world: World, method, members):
    keys = {"jwks_uri": "https://shop.example/jwks"} if method == "private_key_jwt" else {}
    told = registered(small_world, token_endpoint_auth_method=method, **keys)
    assert told["token_endpoint_auth_method"] == method
    assert told.keys() & {"client_secret", "client_secret_expires_at"} == set(members)
    client = stored(small_world, told["client_id"])
    assert client is not None
    assert [secret.secret_encrypted is not None for secret in client.secrets] == (
        [method == "client_secret_jwt"] if members else []
    )


def test_the_secret_and_the_tokens_are_stored_as_hashes(small_world: World):
    told = registered(small_world)
    database = Path(small_world.settings.database_url.removeprefix("sqlite:///"))
    octets = b"".join(path.read_bytes() for path in database.parent.glob(f"{database.name}*"))
    assert told["client_id"].encode() in octets
    for secret in (told["client_secret"], told["registration_access_token"]):
        assert secret.encode() not in octets


@pytest.mark.parametrize("mode", ["off", "token", "open"])
@pytest.mark.parametrize(
    ("presented", "status"),
    [
        pytest.param(None, {"off": 403, "token": 401, "open": 201}, id="nothing"),
        pytest.param("good", {"off": 403, "token": 201, "open": 201}, id="token"),
        pytest.param("unknown", {"off": 403, "token": 401, "open": 401}, id="unknown token"),
        pytest.param("other", {"off": 403, "token": 401, "open": 401}, id="token of another tenant"),
        pytest.param("expired", {"off": 403, "token": 401, "open": 401}, id="expired token"),
        pytest.param("revoked", {"off": 403, "token": 401, "open": 401}, id="revoked token"),
        pytest.param("client", {"off": 403, "token": 401, "open": 401}, id="token of a client"),
    ],
)
def test_the_tenant_says_who_may_register(small_world: World, mode: str, presented: str | None, status: dict[str, int]):
    world = small_world
    client = registered(world)
    tokens = {
        "good": an_initial_token(world),
        "unknown": opaque.new_secret(opaque.REGISTRATION_TOKEN),
        "other": an_initial_token(world, tenant=world.other),
        "expired": an_initial_token(world, lifetime=timedelta(0)),
        "revoked": an_initial_token(world),
        "client": client["registration_access_token"],
    }
    with world.change() as uow:
        uow.registration_tokens.revoke(token_id(world, tokens["revoked"]), world.clock())
    let(world, mode)
    before = client_ids(world)
    answer = post(world, tokens[presented] if presented else None)
    assert answer.status_code == status[mode], answer.text
    assert len(client_ids(world) - before) == (answer.status_code == 201)
    if answer.status_code == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer ")
    if answer.status_code == 403:
        assert answer.json()["error"] == "access_denied"


def test_a_tenant_is_open_by_itself_alone(small_world: World):
    let(small_world, REGISTRATION_OPEN, small_world.other)
    assert post(small_world).status_code == 403
    answer = post(small_world, prefix="/t/other")
    assert answer.status_code == 201
    assert answer.json()["registration_client_uri"].startswith(f"{small_world.other.issuer}{PATH}?")
    client = stored(small_world, answer.json()["client_id"], small_world.other)
    assert client is not None
    assert client.relying_party.registered_with == OPENLY


@pytest.mark.parametrize("mode", ["off", "token", "open"])
def test_the_metadata_names_the_endpoint_where_there_is_one(small_world: World, mode: str):
    let(small_world, mode)
    for path in ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"):
        found = small_world.http.get(path).json().get("registration_endpoint")
        assert found == (None if mode == REGISTRATION_OFF else small_world.tenant.issuer + PATH)


def test_of_64_at_once_one_registers_with_a_token_of_one_use(world: World):
    let(world)
    initial, before = an_initial_token(world, uses=1), client_ids(world)
    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda _: post(world, initial), range(64)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [201] + [401] * 63
    assert len(client_ids(world) - before) == 1


def test_a_registration_that_is_refused_leaves_the_token_unused(small_world: World):
    let(small_world)
    initial = an_initial_token(small_world, uses=1)
    assert post(small_world, initial, redirect_uris=["javascript:alert(1)"]).status_code == 400
    assert post(small_world, initial).status_code == 201
    assert post(small_world, initial).status_code == 401


@pytest.fixture
def narrow_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("authsvc.app.Cache", hasty_cache)
    with running_world(f"sqlite:///{tmp_path}/authsvc.db", tmp_path, clients=QUOTA) as world:
        let(world, REGISTRATION_OPEN)
        yield world


def test_strangers_register_a_few_clients_from_one_address_and_then_wait(narrow_world: World):
    statuses = [post(narrow_world).status_code for _ in range(4)]
    assert statuses == [201, 201, 201, 429]
    refused = post(narrow_world)
    assert (refused.json()["error"], refused.headers["retry-after"]) == ("too_many_attempts", "60")
    # An address is a network of 64 bits where it is an IPv6 one, and who has a token waits for nobody.
    assert _from(narrow_world, "192.0.2.9").status_code == 201
    assert post(narrow_world, an_initial_token(narrow_world)).status_code == 201
    narrow_world.clock.offset += timedelta(seconds=61)
    narrow_world.http.post(PATH, json={})
    assert post(narrow_world).json()["error"] == "access_denied"


def test_strangers_together_meet_the_quota_of_the_tenant(narrow_world: World):
    statuses = [_from(narrow_world, f"192.0.2.{number}").status_code for number in range(4)]
    assert statuses == [201] * 4
    assert _from(narrow_world, "192.0.2.9").status_code == 403
    assert _from(narrow_world, "192.0.2.10").status_code == 429
    assert _from(narrow_world, "192.0.2.11", {"redirect_uris": [""]}).status_code == 400


def test_strangers_fill_no_more_than_their_share_of_a_tenant(narrow_world: World):
    before = client_ids(narrow_world)
    for number in range(6):
        narrow_world.clock.offset += timedelta(seconds=100)
        _from(narrow_world, f"192.0.2.{number}")
    assert len(client_ids(narrow_world) - before) == 4
    let(narrow_world, REGISTRATION_OPEN, narrow_world.other)
    assert post(narrow_world, prefix="/t/other").status_code == 201


def test_what_nobody_uses_makes_room_after_a_while(narrow_world: World):
    before = client_ids(narrow_world)
    for number in range(5):
        narrow_world.clock.offset += timedelta(seconds=100)
        last = _from(narrow_world, f"192.0.2.{number}")
    assert last.status_code == 403
    narrow_world.clock.move(days=91)
    narrow_world.storage.purge(narrow_world.clock())
    assert client_ids(narrow_world) == before
    assert _from(narrow_world, "192.0.2.1").status_code == 201


def _from(world: World, address: str, metadata: Any = METADATA) -> httpx.Response:
    with world.from_address(address) as stranger:
        return stranger.post(PATH, json=metadata)


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        pytest.param(b"redirect_uris=https%3A%2F%2Fshop.example%2Fcb", "application/x-www-form-urlencoded", 415,
                     id="form"),
        pytest.param(b"{}", "text/plain", 415, id="text"),
        pytest.param(b'{"redirect_uris":[]}', "application/json; charset=utf-16", 415, id="charset"),
        pytest.param(b"", JSON, 400, id="empty"),
        pytest.param(b"[]", JSON, 400, id="list"),
        pytest.param(b"null", JSON, 400, id="null"),
        pytest.param(b'{"redirect_uris":["https://shop.example/"],"redirect_uris":["https://evil.example/"]}', JSON,
                     400, id="member twice"),
        pytest.param(b'{"redirect_uris":["https://shop.example/"],"jwks":{"keys":[],"keys":[]}}', JSON, 400,
                     id="inner member twice"),
        pytest.param(b'{"x":' * 40 + b"1" + b"}" * 40, JSON, 400, id="deep"),
        pytest.param(b'{"x":' * 20_000, JSON, 413, id="large"),
        pytest.param(b'{"x":' + b"[" * 30_000 + b"]" * 30_000 + b"}", JSON, 400, id="very deep"),
        pytest.param(b'{"client_name":"a\\u0000b","redirect_uris":["https://shop.example/"]}', JSON, 400, id="nul"),
        pytest.param(b'{"client_name":"\\ud800","redirect_uris":["https://shop.example/"]}', JSON, 400, id="surrogate"),
        pytest.param(b'{"default_max_age":NaN}', JSON, 400, id="nan"),
        pytest.param(b'{"default_max_age":1e999,"redirect_uris":["https://shop.example/"]}', JSON, 400, id="infinity"),
        pytest.param(b'{"default_max_age":' + b"9" * 5_000 + b"}", JSON, 400, id="long number"),
        pytest.param(b"\xff{}", JSON, 400, id="not utf-8"),
    ],
)  # fmt: skip
def test_a_body_that_can_be_read_in_two_ways_is_refused(
    small_world: World, body: bytes, content_type: str, status: int
):
    let(small_world, REGISTRATION_OPEN)
    before = small_world.rows()
    answer = small_world.raw(PATH, body, content_type)
    assert answer.status_code == status, answer.text
    after = small_world.rows()
    assert {name: count - before[name] for name, count in after.items() if count != before[name]}.keys() <= {"attempts"}


@pytest.mark.parametrize("metadata", [pytest.param(sent, id=name) for name, sent in OF_REAL_CLIENTS.items()])
def test_what_real_clients_send_is_registered(small_world: World, metadata: dict[str, Any]):
    let(small_world)
    answer = post(small_world, an_initial_token(small_world), metadata=metadata)
    assert answer.status_code == 201, answer.text
    told = answer.json()
    for name in ("redirect_uris", "client_name", "token_endpoint_auth_method", "contacts"):
        if name in metadata:
            assert told[name] == metadata[name]
    assert set(told["grant_types"]) <= {"authorization_code", "refresh_token"}
    assert told["response_types"] == ["code"]


FORBIDDEN = {
    "id": "admin", "first_party": True, "skips_consent": True, "serves": ["https://es256.example"],
    "profile": "oauth2.1",
    "exchanges": [{"audience": "https://es256.example"}], "created_at": "2000-01-01T00:00:00Z", "version": 7,
    "identities": [{"issuer": "https://ci.example", "subject": "x"}], "origins": ["https://evil.example"],
    "client_id": "svc", "client_secret": "chosen", "client_secret_expires_at": 1, "client_id_issued_at": 1,
    "registration_access_token": "chosen", "registration_token_hash": "x", "registered_with": "x", "tenant_id": "x",
    "secrets": [], "resources": ["https://es256.example"], "disabled_at": None, "sector": "evil.example",
    "assertion_algorithms": ["HS256"], "relying_party": {"skips_consent": True}, "trusted": True,
    "consent_required": False,
    "scope": "openid account es256:read", "grant_types": [
        "authorization_code", "refresh_token", "password", "client_credentials", "implicit",
        "urn:ietf:params:oauth:grant-type:token-exchange", "urn:ietf:params:oauth:grant-type:jwt-bearer",
    ],
}  # fmt: skip


def test_a_client_says_nothing_that_is_the_administrators_to_say(small_world: World):
    told = registered(small_world, **FORBIDDEN)
    client = stored(small_world, told["client_id"])
    assert client is not None
    assert client.id.startswith("dc-")
    assert client.grant_types == {"authorization_code", "refresh_token"}
    assert client.scopes == {"openid", "es256:read"}
    assert client.resources == {"https://es256.example"}
    assert (client.first_party, client.profile, client.version, client.disabled_at) == (False, "oidc", 1, None)
    assert (client.serves, client.origins, client.identities, client.exchanges) == (frozenset(), frozenset(), (), ())
    assert client.created_at == small_world.clock()
    party = client.relying_party
    assert (party.skips_consent, party.sector) == (False, None)
    assert told["client_secret"] != "chosen"
    assert told["registration_access_token"] != "chosen"
    assert party.registration_token_hash == opaque.hash_secret(told["registration_access_token"])


def test_the_registration_is_in_the_audit_trail(small_world: World):
    let(small_world, REGISTRATION_OPEN)
    answer = post(small_world)
    with small_world.change() as uow:
        events = uow.audit.find_request(answer.headers["x-request-id"])
    assert [(event.event, event.client_id, event.detail) for event in events] == [
        ("client.registered", answer.json()["client_id"], "with open")
    ]


NAMES = [row.name for row in (*OF_CLIENT, *OF_PARTY)] + [
    "grant_types", "response_types", "scope", "token_endpoint_auth_signing_alg", "client_uri", "logo_uri#de", "tos_uri",
    "software_statement", "policy_uri#", "client_id", "x", *UNSUPPORTED[:2],
]  # fmt: skip
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    | st.sampled_from([REDIRECT_URI, "native", "none", "private_key_jwt", "ES256", "openid", "code", "javascript:x"])
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def open_world(tmp_path_factory: pytest.TempPathFactory) -> Any:
    directory = tmp_path_factory.mktemp("open")
    unlimited = Throttle(free=10**6, first_delay_seconds=1, longest_delay_seconds=1, window_seconds=60)
    quota = Clients(per_address=unlimited, per_tenant=unlimited)
    with running_world(f"sqlite:///{directory}/authsvc.db", directory, clients=quota) as world:
        let(world, REGISTRATION_OPEN)
        yield world


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(metadata=st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6), whole=st.booleans())
def test_whatever_the_metadata_the_answer_is_a_client_or_a_clear_refusal(open_world: World, metadata, whole: bool):
    sent = METADATA | metadata if whole else metadata
    try:
        answer = open_world.http.post(PATH, json=sent)
    except ValueError:
        return  # Not JSON (NaN, infinity): httpx refuses to write it.
    assert answer.status_code in {201, 400}, answer.text
    if answer.status_code == 400:
        assert answer.json()["error"] in {
            "invalid_request", "invalid_redirect_uri", "invalid_client_metadata", "invalid_software_statement",
            "unapproved_software_statement",
        }  # fmt: skip
        assert answer.json()["error_description"].isascii()
