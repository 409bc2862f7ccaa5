import pytest


def test_a_tenant_has_users_of_its_own(installation):
    installation.done("tenants", "create", "acme", "--issuer", f"{installation.issuer}/t/acme")

    installation.done("users", "create", "ada", "--tenant", "acme", stdin="correct horse battery staple")

    assert installation.done("users", "list", "--json").json == []
    assert len(installation.done("users", "list", "--tenant", "acme", "--json").json) == 1
    default, acme = installation.done("tenants", "list", "--json").json
    assert (default["default"], acme["default"], acme["issuer"]) == (True, False, f"{installation.issuer}/t/acme")
    installation.done("tenants", "disable", "acme")
    assert installation.done("tenants", "list", "--json").json[1]["disabled_at"] is not None
    installation.done("tenants", "enable", "acme")
    assert installation.done("tenants", "list", "--json").json[1]["disabled_at"] is None


@pytest.mark.parametrize(
    ("name", "issuer", "fragment"),
    [
        pytest.param("acme", "http://login.example", "https", id="http"),
        pytest.param("acme", "https://login.example/x", "path", id="path"),
        pytest.param("Acme!", "https://login.example", "name", id="name"),
        pytest.param("default", "https://login.example", "onflict", id="name taken"),
        pytest.param("acme", "https://taken.example", "onflict", id="issuer taken"),
    ],
)
def test_a_tenant_that_may_not_be_is_refused(installation, name, issuer, fragment):
    installation.done("tenants", "create", "taken", "--issuer", "https://taken.example")

    assert fragment in installation.refused("tenants", "create", name, "--issuer", issuer)


def test_the_default_tenant_cannot_be_disabled(installation):
    assert "default tenant" in installation.refused("tenants", "disable", "default")
