import re

import pytest

AUDIENCE = "https://orders.example"
SECRET = re.compile(r"client_secret\s+(as_cs_\S+)")


@pytest.fixture
def api(installation):
    """An installation with a resource."""
    installation.done("resources", "create", AUDIENCE, "--scope", "orders:read", "--scope", "orders:write")
    return installation


def test_a_confidential_client_gets_a_secret_that_is_told_once(api):
    created = api.done("clients", "create", "shop", "--resource", AUDIENCE, "--scope", "orders:read")

    found = SECRET.search(created.out)
    assert found is not None
    shown = api.done("clients", "show", "shop", "--json")
    assert found[1] not in shown.out
    assert shown.json["grant_types"] == ["client_credentials"]
    assert shown.json["scopes"] == ["orders:read"]
    assert len(shown.json["secrets"]) == 1


def test_a_public_first_party_client_has_no_secret(api):
    created = api.done("clients", "create", "app", "--public", "--first-party", "--scope", "openid")

    assert "client_secret" not in created.out
    shown = api.done("clients", "show", "app", "--json").json
    assert (shown["auth_method"], shown["first_party"], shown["secrets"]) == ("none", True, [])
    assert shown["grant_types"] == ["refresh_token"]


def test_a_secret_is_rotated_without_a_moment_in_which_none_works(api):
    api.done("clients", "create", "shop")
    (old,) = api.done("clients", "show", "shop", "--json").json["secrets"]

    assert SECRET.search(api.done("clients", "add-secret", "shop").out)
    assert "at most 2 secrets" in api.refused("clients", "add-secret", "shop")
    api.done("clients", "remove-secret", "shop", old["id"])
    (new,) = api.done("clients", "show", "shop", "--json").json["secrets"]
    assert new["id"] != old["id"]
    assert "no secret" in api.refused("clients", "remove-secret", "shop", old["id"])


def test_an_update_changes_what_is_given_and_nothing_else(api):
    api.done(
        "clients", "create", "shop", "--resource", AUDIENCE, "--scope", "orders:read", "--origin", "https://a.example"
    )
    before = api.done("clients", "show", "shop", "--json").json

    api.done("clients", "update", "shop", "--scope", "orders:write", "--first-party", "--origin", "")

    after = api.done("clients", "show", "shop", "--json").json
    assert after == before | {"scopes": ["orders:write"], "first_party": True, "origins": []}


def test_a_client_is_disabled_enabled_and_deleted(api):
    api.done("clients", "create", "shop")

    api.done("clients", "disable", "shop")
    assert [client["disabled_at"] is not None for client in api.done("clients", "list", "--json").json] == [True]
    api.done("clients", "enable", "shop")
    assert api.done("clients", "show", "shop", "--json").json["disabled_at"] is None
    api.done("clients", "delete", "shop", "--yes")
    assert "no client shop" in api.refused("clients", "show", "shop")


CLUSTER = "https://cluster.example"
IDENTITY = f"{CLUSTER} system:serviceaccount:shop:checkout"


@pytest.fixture
def cluster(api, key_file):
    """As `api`, with an issuer that is trusted for some workloads."""
    api.done(
        "issuers", "create", CLUSTER, "--jwks-file", key_file, "--purpose", "workloads", "--subject",
        "system:serviceaccount:*",
    )  # fmt: skip
    return api


def test_a_client_may_sign_assertions_with_keys_of_a_file_or_a_url(api, key_file):
    signs = ("--auth-method", "private_key_jwt", "--assertion-algorithm", "ES256")
    created = api.done("clients", "create", "one", *signs, "--jwks-file", key_file)
    api.done("clients", "create", "two", *signs, "--jwks-uri", "https://two.example/keys")

    assert "client_secret" not in created.out
    one, two = (api.done("clients", "show", name, "--json").json for name in ("one", "two"))
    assert (one["auth_method"], one["assertion_algorithms"], one["secrets"]) == ("private_key_jwt", ["ES256"], [])
    assert (len(one["jwks"]), one["jwks_uri"]) == (1, None)
    assert (two["jwks"], two["jwks_uri"]) == (None, "https://two.example/keys")
    api.done("clients", "update", "two", "--jwks-file", key_file)
    moved = api.done("clients", "show", "two", "--json").json
    assert (moved["jwks"], moved["jwks_uri"]) == (one["jwks"], None)


def test_keys_may_come_from_a_host_that_the_operator_names(api):
    create = ("clients", "create", "x", "--auth-method", "private_key_jwt", "--assertion-algorithm", "ES256")
    url = ("--jwks-uri", "http://Keys.internal:8080/jwks")

    assert "allowed_hosts" in api.refused(*create, *url)
    api.done(*create, *url, AUTHSVC_OUTBOUND__ALLOWED_HOSTS='["keys.INTERNAL"]')


def test_a_client_of_client_secret_jwt_has_a_secret_that_the_server_can_open(api):
    created = api.done("clients", "create", "shop", "--auth-method", "client_secret_jwt")

    found = SECRET.search(created.out)
    assert found is not None
    shown = api.done("clients", "show", "shop", "--json")
    assert shown.json["assertion_algorithms"] == ["HS256"]
    assert found[1] not in shown.out
    api.done("clients", "add-secret", "shop")
    assert len(api.done("clients", "show", "shop", "--json").json["secrets"]) == 2
    api.master_key.unlink()
    assert "master.key" in api.refused("clients", "create", "other", "--auth-method", "client_secret_jwt")


def test_a_workload_of_a_trusted_issuer_may_be_a_client(cluster):
    cluster.done("clients", "create", "bot", "--auth-method", "federated_assertion", "--identity", IDENTITY)
    cluster.done(
        "clients", "update", "bot", "--identity", f"{IDENTITY} https://x.example", "--identity", f"{IDENTITY}2"
    )

    shown = cluster.done("clients", "show", "bot", "--json").json
    issuer, subject = IDENTITY.split()
    assert shown["identities"] == [
        {"issuer": issuer, "subject": subject, "audience": "https://x.example"},
        {"issuer": issuer, "subject": f"{subject}2", "audience": None},
    ]
    other = ("clients", "create", "thief", "--auth-method", "federated_assertion", "--identity", IDENTITY)
    assert "is another client already" in cluster.refused(*other)
    assert [client["id"] for client in cluster.done("clients", "list", "--json").json] == ["bot"]


def test_a_new_method_of_authentication_leaves_nothing_of_the_old_one(cluster, key_file):
    cluster.done("clients", "create", "shop", "--auth-method", "federated_assertion", "--identity", IDENTITY)

    def shown() -> tuple[object, ...]:
        client = cluster.done("clients", "show", "shop", "--json").json
        return len(client["secrets"]), len(client["jwks"] or ()), client["assertion_algorithms"], client["identities"]

    update = ("clients", "update", "shop", "--auth-method")
    cluster.done(*update, "private_key_jwt", "--jwks-file", key_file, "--assertion-algorithm", "ES256")
    assert shown() == (0, 1, ["ES256"], [])
    assert SECRET.search(cluster.done(*update, "client_secret_jwt").out)
    assert shown() == (1, 0, ["HS256"], [])
    assert SECRET.search(cluster.done(*update, "client_secret_basic").out)
    assert shown() == (1, 0, [], [])
    assert "client_secret" not in cluster.done(*update, "client_secret_post").out
    assert shown() == (1, 0, [], [])
    cluster.done(*update, "none", "--grant", "refresh_token")
    assert shown() == (0, 0, [], [])


def test_grant_types_have_short_names(api):
    api.done("clients", "create", "shop", "--grant", "token-exchange", "--grant", "jwt-bearer")

    urns = ["urn:ietf:params:oauth:grant-type:jwt-bearer", "urn:ietf:params:oauth:grant-type:token-exchange"]
    assert api.done("clients", "show", "shop", "--json").json["grant_types"] == urns


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        pytest.param(("--auth-method", "private_key_jwt", "--jwks-file", "keys.json"), "algorithms", id="algorithm"),
        pytest.param(("--auth-method", "private_key_jwt", "--assertion-algorithm", "ES256"), "jwks", id="keys"),
        pytest.param(("--jwks-file", "keys.json"), "keys of its own", id="keys of a client with a secret"),
        pytest.param(("--jwks-file", "keys.json", "--jwks-uri", "https://a.example/k"), "one place", id="both"),
        pytest.param(("--jwks-file", "gone.json"), "gone.json: No such file", id="file"),
        pytest.param(("--jwks-file", "latin.json"), "UTF-8", id="bytes"),
        pytest.param(("--auth-method", "federated_assertion"), "identity", id="no identity"),
        pytest.param(("--identity", CLUSTER), "one argument", id="half an identity"),
        pytest.param(("--identity", "https://gone.example x"), "no trusted issuer", id="issuer"),
        pytest.param(("--identity", "https://users.example x"), "not trusted for workloads", id="issuer's purpose"),
        pytest.param(("--identity", f"{CLUSTER} repo:x"), "may not name repo:x", id="subject"),
        pytest.param(("--serves", "https://gone.example"), "no resource https://gone.example", id="serves"),
        pytest.param(("--public", "--auth-method", "private_key_jwt"), "--public or --auth-method", id="public"),
    ],
)
def test_a_client_that_could_not_prove_who_it_is_is_refused(cluster, arguments, fragment):
    (cluster.directory / "latin.json").write_bytes(b"\xe4")
    uri = ("--jwks-uri", "https://users.example/keys")
    cluster.done("issuers", "create", "https://users.example", "--purpose", "users", *uri)

    assert fragment in cluster.refused("clients", "create", "x", *arguments)
    assert cluster.done("clients", "list", "--json").json == []


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        pytest.param(("taken",), "onflict", id="taken"),
        pytest.param(("white space",), "client_id", id="id"),
        pytest.param(("0b0f1f3e-5a0e-4f4c-9a55-0a2f0d6a2f10",), "UUID", id="id of a user"),
        pytest.param(("x", "--auth-method", "secret"), "auth_method", id="method"),
        pytest.param(("x", "--public", "--grant", "client_credentials"), "confidential", id="public machine"),
        pytest.param(("x", "--grant", "implicit"), "implicit", id="grant"),
        pytest.param(("x", "--resource", "https://gone.example"), "no resource https://gone.example", id="resource"),
        pytest.param(("x", "--scope", "orders:read"), "orders:read", id="scope of no resource"),
        pytest.param(("x", "--origin", "https://a.example/"), "origins", id="origin with a path"),
        pytest.param(("x", "--origin", "*"), "origins", id="any origin"),
        pytest.param(("x", "--tenant", "gone"), "no tenant gone", id="tenant"),
    ],
)
def test_a_client_that_may_not_be_is_refused(api, arguments, fragment):
    api.done("clients", "create", "taken")

    assert fragment in api.refused("clients", "create", *arguments)
    assert len(api.done("clients", "list", "--json").json) == 1


def test_no_secret_can_be_chosen(api):
    assert api.run("clients", "create", "shop", "--secret", "chosen").code == 2
