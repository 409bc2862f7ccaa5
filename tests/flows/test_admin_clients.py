"""/admin/clients: what an administrator can do with clients, and what not even an administrator can."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from authsvc.crypto import opaque
from authsvc.crypto.jwk import generate, load_signing_key
from authsvc.domain.administration import admin_audience
from authsvc.domain.parties.trusted_issuers import WORKLOADS
from authsvc.protocol.client_administration_members import OF_CLIENT_BY_ADMIN, OF_PARTY_BY_ADMIN
from tests.flows.administrators import Admins, fields_of
from tests.flows.world import ISSUER, audience, running_world

READ, WRITE = "admin:clients:read", "admin:clients:write"
CALLBACK = "https://shop.example/callback"
ORDERS = {"scope": "es256:read", "resources": [audience("ES256")]}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Admins]:
    """One world for what stores nothing."""
    directory = tmp_path_factory.mktemp("admin-clients")
    with running_world(f"sqlite:///{directory}/authsvc.db", directory) as world:
        yield Admins(world)


def create(admins: Admins, **given: Any) -> httpx.Response:
    return admins.call(WRITE, "POST", "/admin/clients", json=given)


def made(admins: Admins, **given: Any) -> dict[str, Any]:
    answer = create(admins, **given)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def change(admins: Admins, client_id: str, **given: Any) -> httpx.Response:
    return admins.call(WRITE, "PATCH", f"/admin/clients/{client_id}", json=given)


def read(admins: Admins, client_id: str) -> dict[str, Any]:
    answer = admins.call(READ, "GET", f"/admin/clients/{client_id}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def token(admins: Admins, client_id: str, secret: str, **fields: Any) -> httpx.Response:
    data = {"grant_type": "client_credentials", **fields}
    return admins.world.http.post("/token", data=data, auth=(client_id, secret))


def test_a_client_is_made_where_the_answer_says_and_gets_tokens(admins: Admins):
    answer = create(admins, client_name="Reports", **ORDERS)
    client = answer.json()
    assert answer.headers["location"] == f"{ISSUER}/admin/clients/{client['client_id']}"
    secret = client.pop("client_secret")
    assert opaque.is_well_formed(opaque.CLIENT_SECRET, secret)
    found = admins.call(READ, "GET", answer.headers["location"])
    assert (found.status_code, found.json(), found.headers["etag"]) == (200, client, answer.headers["etag"])
    assert secret not in found.text
    assert "hash" not in found.text
    assert (client["grant_types"], client["profile"], client["scope"]) == (
        ["client_credentials"], "oauth2.1", "es256:read",
    )  # fmt: skip
    assert token(admins, client["client_id"], secret).status_code == 200
    assert admins.events(answer) == [("client.created", f"by {admins.who(WRITE)}")]


def test_a_client_of_the_browser_is_held_to_what_a_registration_is(small: Admins):
    texts = {"client_name": "Shop", "client_name#de": "Laden", "logo_uri": "https://shop.example/logo.png"}
    shop = made(
        small, client_id="shop", redirect_uris=[CALLBACK], scope="openid email", skips_consent=True, **texts
    )  # fmt: skip
    assert (shop["grant_types"], shop["skips_consent"]) == (["authorization_code", "refresh_token"], True)
    assert (shop["client_name#de"], shop["logo_uri"]) == ("Laden", "https://shop.example/logo.png")
    challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    asked = {"client_id": "shop", "response_type": "code", "redirect_uri": CALLBACK, "scope": "openid",
             "code_challenge": challenge, "code_challenge_method": "S256"}  # fmt: skip
    answer = small.world.http.get("/authorize", params=asked)
    assert (answer.status_code, "/ui/login" in answer.headers["location"]) == (303, True)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        pytest.param({"client_id": 7}, "client_id", id="id-no-text"),
        pytest.param({"client_id": ".."}, "client_id", id="id-of-the-parent"),
        pytest.param({"client_name": ""}, "client_name", id="empty-name"),
        pytest.param({"redirect_uris": CALLBACK}, "redirect_uris", id="no-list"),
        pytest.param({"grant_types": ["magic"]}, "grant_types", id="unknown-grant"),
        pytest.param({"resources": ["https://nobody.example"]}, "resources", id="unknown-resource"),
        pytest.param({"serves": ["https://nobody.example"]}, "serves", id="serves-unknown"),
        pytest.param({"serves": [f"{ISSUER}/admin"]}, "serves", id="serves-the-admin-api"),
        pytest.param({"scope": "es256:read"}, "scope", id="scope-of-no-resource"),
        pytest.param({"scope": "admin:users:read"}, "scope", id="admin-scope-without-resource"),
        pytest.param({"scope": "a  b"}, "scope", id="no-list-of-names"),
        pytest.param({"scope": ["openid"]}, "scope", id="scope-in-a-list"),
        pytest.param({"first_party": "yes"}, "first_party", id="no-boolean"),
        pytest.param({"profile": "relaxed"}, "profile", id="unknown-profile"),
        pytest.param({"token_endpoint_auth_method": "magic"}, "token_endpoint_auth_method", id="unknown-method"),
        pytest.param({"identities": [{"issuer": "x"}]}, "identities", id="half-an-identity"),
        pytest.param({"identities": [{"issuer": "x", "subject": "y", "sub": "z"}]}, "identities", id="more-of-one"),
        pytest.param({"identities": [{"issuer": 7, "subject": "y"}]}, "identities", id="identity-no-text"),
        pytest.param({"default_max_age": "soon"}, "default_max_age", id="no-number"),
        pytest.param({"disabled": 1}, "disabled", id="disabled-by-number"),
        pytest.param({"secrets": []}, "secrets", id="secrets"),
        pytest.param({"client_secret": "chosen"}, "client_secret", id="chosen-secret"),
        pytest.param({"version": 7}, "version", id="version"),
        pytest.param({"exchanges": []}, "exchanges", id="exchanges"),
        pytest.param({"<script>": 1}, "(unnamed)", id="script"),
        pytest.param({"sector_identifier_uri": "x"}, "sector_identifier_uri", id="no-sector"),
    ],
)
def test_a_client_that_must_not_be_is_refused_by_field_and_nothing_is_stored(shared: Admins, given, field):
    create(shared, client_id="bare")
    before = shared.world.rows()
    answers = [create(shared, **given)]
    if field != "client_id":
        answers.append(change(shared, "bare", **given))
    for answer in answers:
        assert fields_of(answer) == {field}
    assert shared.world.rows() == before


@pytest.mark.parametrize(
    ("given", "code"),
    [
        pytest.param({"client_id": "a b"}, "invalid_client_metadata", id="id"),
        pytest.param({"client_id": "00000000-0000-4000-8000-000000000000"}, "invalid_client_metadata", id="user-id"),
        pytest.param({"redirect_uris": ["http://shop.example/"]}, "invalid_redirect_uri", id="plain-http"),
        pytest.param({"redirect_uris": ["https://shop.example/#x"]}, "invalid_redirect_uri", id="fragment"),
        pytest.param({"redirect_uris": ["javascript:alert(1)"]}, "invalid_redirect_uri", id="script"),
        pytest.param({"grant_types": ["authorization_code"]}, "invalid_client_metadata", id="nowhere-to-go"),
        pytest.param({"logo_uri": "javascript:alert(1)"}, "invalid_client_metadata", id="script-for-a-picture"),
        pytest.param({"backchannel_logout_uri": "http://10.0.0.1/"}, "invalid_client_metadata", id="inner-address"),
        pytest.param({"origins": ["https://a.example/path"]}, "invalid_client_metadata", id="origin-with-a-path"),
        pytest.param({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_keys", id="no-keys"),
        pytest.param({"token_endpoint_auth_method": "none", "grant_types": ["client_credentials"]},
                     "invalid_client_metadata", id="public-for-itself"),
        pytest.param({"subject_type": "pairwise", "redirect_uris": ["https://a.example/", "https://b.example/"]},
                     "invalid_client_metadata", id="two-sectors"),
    ],
)  # fmt: skip
def test_the_rules_of_registration_are_rules_here(shared: Admins, given, code):
    shared.token(WRITE)
    before = shared.world.rows()
    answer = create(shared, **given)
    assert (answer.status_code, answer.json()["error"]) == (422, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert shared.world.rows() == before


def test_an_id_is_taken_once(admins: Admins):
    assert create(admins, client_id="svc").status_code == 409


def test_every_member_can_be_written_read_and_taken_away(small: Admins):
    """What is told can be sent back; null makes it what it is of a new client."""
    key = load_signing_key("ES256", generate("ES256"))
    given: dict[str, Any] = {
        "client_name": "Whole", "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [dict(key.public)]},
        "id_token_signed_response_alg": "ES256", "assertion_algorithms": ["ES256"], "identities": [],
        "grant_types": ["authorization_code", "client_credentials"], "scope": "es256:read openid",
        "resources": [audience("ES256")], "serves": [audience("ES256")], "origins": ["https://whole.example"],
        "profile": "oidc", "first_party": True, "redirect_uris": ["https://whole.example/cb"],
        "post_logout_redirect_uris": ["https://whole.example/"], "application_type": "web",
        "subject_type": "pairwise", "sector": "whole.example", "default_max_age": 600, "require_auth_time": True,
        "default_acr_values": ["urn:authsvc:acr:1fa"], "initiate_login_uri": "https://whole.example/login",
        "userinfo_signed_response_alg": "ES256", "request_object_signing_alg": "ES256",
        "frontchannel_logout_uri": "https://whole.example/out", "frontchannel_logout_session_required": True,
        "backchannel_logout_uri": "https://whole.example/told", "backchannel_logout_session_required": True,
        "contacts": ["ops@whole.example"], "software_id": "whole", "software_version": "7", "skips_consent": True,
        "client_uri": "https://whole.example/", "tos_uri#de": "https://whole.example/agb",
    }  # fmt: skip
    writable = {row.name for row in (*OF_CLIENT_BY_ADMIN, *OF_PARTY_BY_ADMIN)}
    assert writable - given.keys() == {"jwks_uri", "sector_identifier_uri"}, "these exclude others"
    whole = made(small, client_id="whole", **given)
    assert {name: whole[name] for name in given} == given
    assert change(small, "whole", **given).json() == whole
    plain = made(small, client_id="plain-one")
    emptied = change(small, "whole", **dict.fromkeys(given))
    assert emptied.status_code == 200, emptied.text
    assert opaque.is_well_formed(opaque.CLIENT_SECRET, emptied.json()["client_secret"])
    apart = {"client_id", "client_secret", "client_name", "created_at", "secrets"}
    now, new = ({name: value for name, value in told.items() if name not in apart} for told in (emptied.json(), plain))
    assert now == new


def test_a_change_is_seen_within_a_second_and_of_what_is_given_alone(admins: Admins):
    client = made(admins, **ORDERS)
    name, secret = client["client_id"], client["client_secret"]
    assert token(admins, name, secret).status_code == 200
    changed = change(admins, name, client_name="Renamed")
    assert changed.json() == {**{k: v for k, v in client.items() if k != "client_secret"}, "client_name": "Renamed"}
    assert admins.events(changed) == [("client.updated", f"client_name; by {admins.who(WRITE)}")]
    disabled = change(admins, name, disabled=True).json()
    assert (disabled["disabled"], disabled["disabled_at"] is None) == (True, False)
    assert token(admins, name, secret).status_code == 401
    assert change(admins, name, disabled=True).json() == disabled
    assert change(admins, name, disabled=False).json()["disabled_at"] is None
    assert token(admins, name, secret).status_code == 200
    assert admins.call(WRITE, "DELETE", f"/admin/clients/{name}").status_code == 204
    assert token(admins, name, secret).status_code == 401
    assert admins.call(READ, "GET", f"/admin/clients/{name}").status_code == 404


def test_a_secret_is_rotated_without_a_moment_in_which_none_works(admins: Admins):
    client = made(admins, **ORDERS)
    name, first = client["client_id"], client["client_secret"]
    answer = admins.call(WRITE, "POST", f"/admin/clients/{name}/secrets")
    assert answer.status_code == 201, answer.text
    second = answer.json()["client_secret"]
    told = {key: value for key, value in answer.json().items() if key != "client_secret"}
    assert answer.headers["location"] == f"{ISSUER}/admin/clients/{name}/secrets/{told['id']}"
    assert admins.call(READ, "GET", answer.headers["location"]).json() == told
    assert [token(admins, name, secret).status_code for secret in (first, second)] == [200, 200]
    assert admins.call(WRITE, "POST", f"/admin/clients/{name}/secrets").status_code == 422, "two live at once"
    old = client["secrets"][0]["id"]
    assert admins.call(WRITE, "DELETE", f"/admin/clients/{name}/secrets/{old}").status_code == 204
    assert [token(admins, name, secret).status_code for secret in (first, second)] == [401, 200]
    assert admins.call(WRITE, "DELETE", f"/admin/clients/{name}/secrets/{old}").status_code == 404
    assert read(admins, name)["secrets"] == [told]


def test_another_method_takes_what_proved_the_client_by_the_old_one(small: Admins):
    client = made(small, **ORDERS)
    name, secret = client["client_id"], client["client_secret"]
    same = change(small, name, token_endpoint_auth_method="client_secret_post").json()
    assert "client_secret" not in same
    assert same["secrets"] == client["secrets"]
    signing = change(small, name, token_endpoint_auth_method="client_secret_jwt").json()
    assert signing["client_secret"] != secret
    assert len(signing["secrets"]) == 1
    assert signing["assertion_algorithms"]
    public = change(small, name, token_endpoint_auth_method="none", grant_types=["refresh_token"]).json()
    assert (public["secrets"], public["assertion_algorithms"]) == ([], [])
    assert "client_secret" not in public
    assert small.call(WRITE, "POST", f"/admin/clients/{name}/secrets").status_code == 422


def test_an_identity_is_of_an_issuer_that_is_trusted_for_it(small: Admins):
    with small.world.change() as uow:
        issuer = next(found for found in uow.issuers.list() if WORKLOADS in found.purposes)
        uow.issuers.save(replace(issuer, subjects=frozenset({"system:serviceaccount:ops:*"})))
    own = {"issuer": issuer.issuer, "subject": "system:serviceaccount:ops:report"}
    wanted = {"token_endpoint_auth_method": "federated_assertion", **ORDERS}
    assert made(small, **wanted, identities=[own])["identities"] == [own]
    assert create(small, **wanted, identities=[own]).status_code == 409, "each identity is one client"
    for wrong in ({**own, "subject": "other"}, {**own, "issuer": "https://nobody.example"}):
        assert fields_of(create(small, **wanted, identities=[wrong])) == {"identities"}


def test_nobody_becomes_a_stronger_administrator_by_way_of_a_client(admins: Admins):
    """Neither by making one, nor by the secret, the keys, the method or the switch of one that is stronger."""
    admin = admin_audience(ISSUER)
    strong, _ = admins.client("admin:users:write", WRITE)
    more = {"resources": [admin], "scope": f"{WRITE} admin:users:write"}
    path = f"/admin/clients/{strong}"
    before = read(admins, strong)
    secret = before["secrets"][0]["id"]
    weak = made(admins, **ORDERS)["client_id"]
    refused = [
        create(admins, **more),
        change(admins, weak, **more),
        change(admins, strong, client_name="mine"),
        change(admins, strong, scope=WRITE),
        change(admins, strong, resources=[]),
        change(admins, strong, disabled=True),
        admins.call(WRITE, "POST", f"{path}/secrets"),
        admins.call(WRITE, "DELETE", f"{path}/secrets/{secret}"),
        admins.call(WRITE, "DELETE", path),
    ]
    for answer in refused:
        assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope"), answer.text
        assert 'scope="admin:users:write"' in answer.headers["www-authenticate"]
    assert read(admins, strong) == before
    equal = made(admins, resources=[admin], scope=WRITE)
    assert change(admins, equal["client_id"], client_name="theirs").status_code == 200


def test_clients_of_another_tenant_are_as_unknown_as_those_that_never_were(admins: Admins):
    name = made(admins, **ORDERS)["client_id"]
    secret = read(admins, name)["secrets"][0]["id"]
    elsewhere = admins.world.other
    for method, path in (
        ("GET", f"/admin/clients/{name}"),
        ("PATCH", f"/admin/clients/{name}"),
        ("DELETE", f"/admin/clients/{name}"),
        ("POST", f"/admin/clients/{name}/secrets"),
        ("GET", f"/admin/clients/{name}/secrets/{secret}"),
        ("DELETE", f"/admin/clients/{name}/secrets/{secret}"),
    ):
        scope = READ if method == "GET" else WRITE
        assert admins.call(scope, method, path, tenant=elsewhere).status_code == 404, (method, path)
    listed = admins.call(READ, "GET", "/admin/clients?limit=200", tenant=elsewhere).json()["clients"]
    assert name not in {client["client_id"] for client in listed}
    cursor = admins.call(READ, "GET", "/admin/clients?limit=1").json()["next_cursor"]
    for path in ("/admin/clients", "/admin/users"):
        scope = READ if path == "/admin/clients" else "admin:users:read"
        tenant = elsewhere if path == "/admin/clients" else None
        assert admins.call(scope, "GET", path, tenant=tenant, params={"cursor": cursor}).status_code == 400


def test_a_list_is_read_page_by_page_each_client_once(admins: Admins):
    admins.token(READ)
    whole = admins.call(READ, "GET", "/admin/clients?limit=200").json()
    found, cursor = [], None
    while True:
        page = admins.call(READ, "GET", "/admin/clients", params={"limit": 4, **({"cursor": cursor} if cursor else {})})
        found += page.json()["clients"]
        cursor = page.json()["next_cursor"]
        if cursor is None:
            break
    assert found == whole["clients"]
    assert len(found) > 8
    assert not any("secret_hash" in str(client) or opaque.CLIENT_SECRET in str(client) for client in found)


def test_nobody_changes_a_client_that_they_have_not_seen(small: Admins):
    name = made(small, **ORDERS)["client_id"]
    path = f"/admin/clients/{name}"
    seen = small.call(READ, "GET", path).headers["etag"]
    secret = f"{path}/secrets/{read(small, name)['secrets'][0]['id']}"
    for method, where in (("PATCH", path), ("DELETE", path), ("DELETE", secret)):
        assert small.call(WRITE, method, where, headers={"If-Match": ""}).status_code == 428
        assert small.call(WRITE, method, where, headers={"If-Match": '"x"'}).status_code == 412
    small.call(WRITE, "POST", f"{path}/secrets")
    assert small.call(WRITE, "PATCH", path, json={}, headers={"If-Match": seen}).status_code == 412


def test_what_an_administrator_said_of_a_client_that_manages_itself_stays(small: Admins):
    """Its registration access token is neither told nor lost."""
    with small.world.change() as uow:
        uow.tenants.set_client_registration(small.world.tenant.id, "open")
    registered = small.world.http.post("/connect/register", json={"redirect_uris": [CALLBACK]}).json()
    name, own = registered["client_id"], {"Authorization": f"Bearer {registered['registration_access_token']}"}
    told = change(small, name, skips_consent=True).json()
    assert (told["manages_itself"], told["registered_with"], told["skips_consent"]) == (True, "open", True)
    assert registered["registration_access_token"] not in str(told)
    answer = small.world.http.get(registered["registration_client_uri"], headers=own)
    assert answer.status_code == 200
