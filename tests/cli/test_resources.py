import pytest

AUDIENCE = "https://orders.example"


def test_a_resource_lives_from_creation_to_deletion(installation):
    installation.done("resources", "create", AUDIENCE, "--scope", "read", "--access-token-seconds", "60")

    (listed,) = installation.done("resources", "list", "--json").json
    assert (listed["audience"], listed["scopes"], listed["algorithm"]) == (AUDIENCE, ["read"], "ES256")
    assert listed["access_token_seconds"] == 60
    assert listed["token_format"] == "jwt"
    installation.done(
        "resources", "update", AUDIENCE, "--algorithm", "EdDSA", "--scope", "write", "--token-format", "opaque"
    )
    shown = installation.done("resources", "show", AUDIENCE, "--json").json
    assert shown == listed | {"algorithm": "EdDSA", "scopes": ["write"], "token_format": "opaque"}
    installation.done("resources", "disable", AUDIENCE)
    assert installation.done("resources", "show", AUDIENCE, "--json").json["disabled_at"] is not None
    installation.done("resources", "enable", AUDIENCE)
    assert installation.done("resources", "show", AUDIENCE, "--json").json == shown
    installation.done("resources", "delete", AUDIENCE, "--yes")
    assert "no resource" in installation.refused("resources", "show", AUDIENCE)


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        pytest.param(("orders",), "absolute URI", id="audience"),
        pytest.param((AUDIENCE, "--algorithm", "HS256"), "algorithm", id="algorithm"),
        pytest.param((AUDIENCE, "--scope", "account"), "account", id="the issuer's scope"),
        pytest.param((AUDIENCE, "--scope", "read write"), "one word", id="two scopes in one"),
        pytest.param((AUDIENCE, "--access-token-seconds", "0"), "access_token_seconds", id="lifetime"),
        pytest.param((AUDIENCE, "--token-format", "saml"), "token_format", id="token format"),
        pytest.param(("https://taken.example",), "onflict", id="taken"),
    ],
)
def test_a_resource_that_may_not_be_is_refused(installation, arguments, fragment):
    installation.done("resources", "create", "https://taken.example")

    assert fragment in installation.refused("resources", "create", *arguments)
