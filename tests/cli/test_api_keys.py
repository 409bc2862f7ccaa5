import re

import pytest

AUDIENCE = "https://orders.example"
KEY = re.compile(r"id\s+(\S+)\napi_key\s+(as_ak_\S+)")


@pytest.fixture
def api(installation):
    """An installation with a resource, a service client and a person."""
    installation.done("resources", "create", AUDIENCE, "--scope", "orders:read", "--scope", "orders:write")
    installation.done("clients", "create", "shop", "--resource", AUDIENCE, "--scope", "orders:read")
    installation.done("clients", "create", "page", "--public", "--scope", "openid")
    installation.done("users", "create", "anne", stdin="correct horse battery staple\n")
    return installation


def made(api, *arguments):
    created = api.done("api-keys", "create", *arguments)
    found = KEY.search(created.out)
    assert found is not None, created
    assert "shown only now" in created.err
    return found[1], found[2]


@pytest.mark.parametrize("owner", [("--client", "shop"), ("--user", "anne")])
def test_a_key_is_told_once_and_listed_without_its_secret_until_it_is_revoked(api, owner):
    key_id, secret = made(api, "nightly", *owner, "--scope", "orders:read")
    listed = api.done("api-keys", "list", *owner, "--json")
    (key,) = listed.json
    assert (key["id"], key["name"], key["scopes"], key["resources"]) == (key_id, "nightly", ["orders:read"], [AUDIENCE])
    assert secret.startswith(key["hint"])
    assert secret not in listed.out
    assert key["expires_at"] is not None
    assert secret not in api.done("api-keys", "list", *owner).out
    api.done("api-keys", "revoke", key_id)
    assert api.done("api-keys", "list", *owner, "--json").json == []
    assert "revoked before" in api.refused("api-keys", "revoke", key_id)


def test_only_the_command_line_makes_a_key_without_an_end(api):
    made(api, "forever", "--client", "shop", "--scope", "orders:read", "--never-expires")
    made(api, "a day", "--client", "shop", "--scope", "orders:read", "--expires-in-days", "1")
    keys = api.done("api-keys", "list", "--client", "shop", "--json").json
    assert {key["name"]: key["expires_at"] is None for key in keys} == {"forever": True, "a day": False}


READ = ("--scope", "orders:read")


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        pytest.param(("x", *READ), "whose", id="nobody"),
        pytest.param(("x", *READ, "--user", "anne", "--client", "shop"), "whose", id="two-owners"),
        pytest.param(("x", *READ, "--user", "nobody"), "no user", id="unknown-user"),
        pytest.param(("x", *READ, "--client", "nobody"), "no client", id="unknown-client"),
        pytest.param(("x", *READ, "--client", "page"), "act for itself", id="public-client"),
        pytest.param((" ", *READ, "--client", "shop"), "name:", id="no-name"),
        pytest.param(("x\u202ey", *READ, "--client", "shop"), "name:", id="name-that-turns-text-around"),
        pytest.param(("x", "--scope", "orders:write", "--client", "shop"), "scopes:", id="beyond-the-client"),
        pytest.param(("x", "--scope", "account", "--user", "anne"), "scopes:", id="account"),
        pytest.param(("x", *READ, "--client", "shop", "--resource", "https://x.example"), "resources:", id="resource"),
        pytest.param(("x", *READ, "--client", "shop", "--expires-in-days", "366"), "expires_in:", id="too-long"),
        pytest.param(
            ("x", *READ, "--client", "shop", "--expires-in-days", "9", "--never-expires"), "one way", id="two-ends"
        ),
    ],
)
def test_a_key_that_cannot_be_made_is_refused_in_a_sentence(api, arguments, fragment):
    assert fragment in api.refused("api-keys", "create", *arguments)
    assert api.done("api-keys", "list", "--client", "shop", "--json").json == []


def test_a_key_pasted_for_its_id_is_not_repeated(api):
    _, secret = made(api, "x", "--client", "shop", *READ)
    assert secret not in api.refused("api-keys", "revoke", secret)
