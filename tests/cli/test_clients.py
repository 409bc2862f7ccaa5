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
