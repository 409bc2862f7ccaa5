"""The published documents of each tenant (RFC 8414, OpenID Connect Discovery 1.0, RFC 7517 §5)."""

from dataclasses import replace
from uuid import uuid4

import pytest

from authsvc.domain.tenants import Tenant
from tests.flows.world import AUDIENCES, ISSUER, World, audience

WELL_KNOWN = ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")
EVIL = "evil.example"


@pytest.mark.parametrize("path", WELL_KNOWN)
def test_the_default_issuer_publishes_itself(world: World, path):
    found = world.get(path).json()
    assert found["issuer"] == ISSUER
    assert (found["token_endpoint"], found["jwks_uri"]) == (f"{ISSUER}/token", f"{ISSUER}/jwks")
    assert found["grant_types_supported"] == [
        "authorization_code", "client_credentials", "refresh_token", "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:token-exchange",
    ]  # fmt: skip
    assert "RS256" in found["id_token_signing_alg_values_supported"]
    assert set(found["protected_resources"]) == AUDIENCES
    assert not [name for name, value in found.items() if value == []]


def test_every_endpoint_that_clients_authenticate_at_says_how(small_world: World):
    found = small_world.get(WELL_KNOWN[0]).json()
    confidential = ["client_secret_basic", "client_secret_jwt", "client_secret_post", "private_key_jwt"]
    for name in ("token", "revocation", "introspection"):
        methods = [*confidential] if name == "introspection" else sorted([*confidential, "none"])
        assert found[f"{name}_endpoint_auth_methods_supported"] == methods, "and no name of our own"
        algorithms = found[f"{name}_endpoint_auth_signing_alg_values_supported"]
        assert {"ES256", "PS256", "HS256"} <= set(algorithms)
        assert "none" not in algorithms
    for name, path in (("introspection", "introspect"), ("revocation", "revoke"), ("userinfo", "userinfo")):
        assert found[f"{name}_endpoint"] == f"{ISSUER}/{path}"
        assert small_world.get(f"/{path}").status_code in (401, 405)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/t/other/.well-known/openid-configuration", id="OpenID Connect appends"),
        pytest.param("/.well-known/oauth-authorization-server/t/other", id="RFC 8414 inserts"),
        pytest.param("/.well-known/openid-configuration/t/other", id="RFC 8414 inserts the other one"),
        pytest.param("/t/other/.well-known/oauth-authorization-server", id="appended as well"),
    ],
)
def test_every_spelling_of_a_tenants_document_gives_its_own_issuer(world: World, path):
    found = world.get(path).json()
    assert found["issuer"] == f"{ISSUER}/t/other"
    assert all(
        value.startswith(f"{ISSUER}/t/other/") for name, value in found.items() if name.endswith(("_endpoint", "_uri"))
    )


def test_tenants_have_keys_of_their_own(small_world: World):
    small_world.token("svc2")
    small_world.http.post("/t/other/login", data={
        "username": "alice", "password": "nineteen silver anchors", "client_id": "app", "scope": "openid es256:read",
    })  # fmt: skip
    ours, theirs = (small_world.get(path).json()["keys"] for path in ("/jwks", "/t/other/jwks"))
    assert ours
    assert theirs
    assert not {key["kid"] for key in ours} & {key["kid"] for key in theirs}
    assert not [key for key in ours + theirs if {"d", "p", "q", "k"} & set(key)]


def test_a_new_tenants_keys_are_published_before_its_first_token(small_world: World):
    with small_world.change() as uow:
        uow.tenants.add(
            Tenant(uuid4(), "new", "https://login.example/t/new", None, "/t/new", False, small_world.clock())
        )
    answer = small_world.get("/t/new/jwks")
    assert [key["alg"] for key in answer.json()["keys"]] == ["ES256", "RS256"]
    assert "max-age=0" not in answer.headers["cache-control"]
    assert small_world.get("/t/new/jwks").json() == answer.json()


def test_a_key_set_lacks_no_algorithm_of_the_first_tokens(small_world: World):
    """Its readers keep it for a while: a first ID token under a key that is not in it would be refused."""
    small_world.token("svc2")
    assert {key["alg"] for key in small_world.get("/jwks").json()["keys"]} == {"ES256", "RS256"}


def test_a_key_set_that_is_refused_makes_no_key(small_world: World):
    refused = small_world.http.get("/jwks", headers=[("If-None-Match", "a"), ("If-None-Match", "b")])
    assert refused.status_code == 400
    with small_world.change() as uow:
        assert uow.keys.list() == ()


@pytest.mark.parametrize(
    "path", ["/t/nobody/jwks", "/t/nobody/.well-known/openid-configuration", "/t/nobody/me",
             "/.well-known/oauth-authorization-server/t/nobody", "/t/OTHER/jwks", "/t/other/t/other/jwks"],
)  # fmt: skip
def test_an_unknown_tenant_is_not_there(small_world: World, path):
    assert small_world.get(path).status_code == 404


def test_a_tenant_is_chosen_by_its_host(small_world: World):
    host = "login.tenant.example:8443"
    with small_world.change() as uow:
        uow.tenants.add(Tenant(uuid4(), "hosted", f"https://{host}", host, "", False, small_world.clock()))
    for path in WELL_KNOWN:
        for spelled in (host, host.upper()):
            assert small_world.get(path, Host=spelled).json()["issuer"] == f"https://{host}"
    assert small_world.get(WELL_KNOWN[0]).json()["issuer"] == ISSUER
    assert small_world.get("/t/other/jwks", Host=host).status_code == 200, "the path names a tenant on every host"


def test_documents_may_be_cached_and_are_compared_by_their_etag(world: World):
    world.token("svc2")
    for path in (*WELL_KNOWN, "/jwks"):
        answer = world.get(path)
        assert answer.headers["cache-control"] == "public, max-age=300"
        assert answer.headers["access-control-allow-origin"] == "*"
        etag = answer.headers["etag"]
        for known in (etag, f"W/{etag}", f'"x", {etag}', "*"):
            again = world.get(path, If_None_Match=known)
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
            assert "content-length" not in again.headers
        assert world.get(path, If_None_Match='"x"').status_code == 200


def test_a_new_key_changes_the_etag_of_the_key_set(small_world: World):
    small_world.token("svc2")
    before = small_world.get("/jwks")
    small_world.token("svc", scope="eddsa:read")
    after = small_world.get("/jwks", If_None_Match=before.headers["etag"])
    assert after.status_code == 200
    assert {key["alg"] for key in after.json()["keys"]} == {"ES256", "RS256", "EdDSA"}


def test_a_registered_origin_reads_the_documents_by_one_header(small_world: World):
    """Two Access-Control-Allow-Origin headers would be none to a browser."""
    answer = small_world.get("/jwks", Origin="https://app.example")
    assert answer.headers.get_list("access-control-allow-origin") == ["*"]


def test_a_disabled_resource_is_no_longer_named(world: World):
    with world.change() as uow:
        uow.resources.disable(audience("ES256"), world.clock())
    found = world.get(WELL_KNOWN[0]).json()
    assert audience("ES256") not in found["protected_resources"]
    assert "es256:read" not in found["scopes_supported"]


def test_a_disabled_tenant_is_not_there(world: World):
    with world.change() as uow:
        uow.tenants.disable(world.other.id, world.clock())
    assert world.get("/t/other/jwks").status_code == 404


FORGED = [
    {"Host": EVIL},
    {"Host": f"{EVIL}:8000"},
    {"Host": f"localhost.{EVIL}:8000"},
    {"Host": ""},
    {"X-Forwarded-Host": EVIL},
    {"X-Forwarded-Host": EVIL, "X-Forwarded-Proto": "https", "X-Forwarded-Port": "443", "X-Forwarded-Prefix": "/evil"},
    {"Forwarded": f"for=1.2.3.4;host={EVIL};proto=https"},
    {"X-Original-URL": f"https://{EVIL}/jwks", "X-Rewrite-URL": "/jwks"},
    {"X-Host": EVIL, "X-Forwarded-Server": EVIL, "X-HTTP-Host-Override": EVIL},
]


@pytest.mark.parametrize(
    "host", [f"localhost:8000@{EVIL}", f"localhost:8000.{EVIL}", f"{EVIL}/t/other?", f"[::1]{EVIL}"]
)
def test_what_is_no_host_is_refused_and_not_repeated(small_world: World, host: str):
    for path in (*WELL_KNOWN, "/jwks", "/me", "/nothing", "/t/other/jwks"):
        answer = small_world.http.get(path, headers={"Host": host})
        assert answer.status_code == 400
        assert EVIL not in answer.text + str(answer.headers)


@pytest.mark.parametrize("headers", FORGED)
@pytest.mark.parametrize("trusted", [False, True])
def test_no_header_gets_into_any_url_or_token(small_world: World, headers, trusted):
    http = small_world.http if not trusted else small_world.from_address("127.0.0.1")
    secret = small_world.secrets["svc2"]
    form = {"grant_type": "client_credentials", "client_id": "svc2"}
    answers = [http.get(path, headers=headers) for path in (*WELL_KNOWN, "/jwks", "/me", "/nothing", "/t/other/jwks")]
    answers += [http.post("/token", data=form, headers=headers)]
    answers += [http.post("/token", data={**form, "client_secret": secret}, headers=headers)]
    answers += [http.post("/login", data={"client_id": "app"}, headers=headers)]
    for answer in answers:
        assert EVIL not in answer.text + str(answer.headers)
    assert answers[0].json()["issuer"] == ISSUER
    assert answers[-2].status_code == 200


def test_the_metadata_of_two_tenants_never_mix(small_world: World):
    with small_world.change(small_world.other) as uow:
        resource = uow.resources.list()[0]
        uow.resources.save(replace(resource, scopes=frozenset({"theirs:only"})))
    assert "theirs:only" not in small_world.get(WELL_KNOWN[0]).json()["scopes_supported"]
    assert "theirs:only" in small_world.get("/t/other" + WELL_KNOWN[0]).json()["scopes_supported"]
