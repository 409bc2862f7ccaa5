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


PNG = b"\x89PNG\r\n\x1a\n..."


def test_a_tenant_looks_as_it_was_told_piece_by_piece(installation):
    (installation.directory / "logo.png").write_bytes(PNG)
    installation.done("tenants", "look", "default", "--display-name", "Ännes Laden", "--accent", "#aa0011")
    installation.done("tenants", "look", "default", "--logo", "logo.png", "--accent-dark", "#ff8899")

    (shown,) = installation.done("tenants", "list", "--json").json
    assert shown["look"] == {
        "name": "Ännes Laden", "accent": "#aa0011", "accent_dark": "#ff8899", "logo": "image/png"
    }  # fmt: skip
    installation.done("tenants", "look", "default", "--reset", "--accent", "#000000")
    (shown,) = installation.done("tenants", "list", "--json").json
    assert shown["look"] == {"name": None, "accent": "#000000", "accent_dark": None, "logo": None}


@pytest.mark.parametrize(
    ("option", "value", "fragment"),
    [("--accent", "red", "#rrggbb"), ("--logo", "page.svg", "PNG or SVG"), ("--display-name", "", "1 to 100")],
)
def test_a_look_that_pages_cannot_have_is_refused(installation, option, value, fragment):
    (installation.directory / "page.svg").write_text("<html></html>")
    assert fragment in installation.refused("tenants", "look", "default", option, value)


def test_who_may_register_clients_is_said_for_each_tenant(installation):
    installation.done("tenants", "create", "acme", "--issuer", f"{installation.issuer}/t/acme")
    assert "Choose among off, token, open" in installation.refused("tenants", "registration", "acme", "all")
    installation.done("tenants", "registration", "acme", "open")

    shown = installation.done("tenants", "list", "--json").json
    assert [tenant["client_registration"] for tenant in shown] == ["off", "open"]
