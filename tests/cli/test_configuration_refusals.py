"""Configuration files that are refused, each with a sentence that says what to mend."""

import tomllib

import pytest

from authsvc.domain.parties.clients import generated_secret
from tests.cli.stored import configured

AUDIENCE = "https://orders.example"

HEAD = "[tenants.default.clients.x]\n"


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        pytest.param("tenants", "no TOML", id="no TOML"),
        pytest.param("", "tenants is a table", id="empty"),
        pytest.param("[tenants]", "names no tenant", id="no tenant"),
        pytest.param("[tennants.default]", "no member tennants", id="top"),
        pytest.param("[tenants.default]\nisuer = 'x'", "no member isuer", id="tenant's member"),
        pytest.param("[tenants.default]\nissuer = 'https://x.example'", "never changes", id="issuer"),
        pytest.param("[tenants.default]\ndisabled = true", "cannot be disabled", id="default tenant"),
        pytest.param("[tenants.default]\nclient_registration = 'all'", "client_registration", id="registration"),
        pytest.param("[tenants.default.look]\naccent = 'red'", "#rrggbb", id="look"),
        pytest.param("[tenants.default.look]\nlogo = 'logo.png'", "data URL", id="logo"),
        pytest.param("[tenants.new]", "needs an issuer", id="new tenant"),
        pytest.param("[tenants.new]\nissuer = 'http://x.example'", "https", id="new tenant's issuer"),
        pytest.param(HEAD + "redirect_uris = []", "no member redirect_uris", id="client's member"),
        pytest.param(HEAD + "first_party = 1", "first_party is true or false", id="type"),
        pytest.param(HEAD + "scopes = 'x'", "scopes is a list", id="list"),
        pytest.param(HEAD + "scopes = [1]", "scopes[0] is a text", id="item"),
        pytest.param(HEAD + "version = 7", "no member version", id="state"),
        pytest.param(HEAD + "relying_party = {registered_with = 'open'}", "registered_with", id="who registered it"),
        pytest.param(HEAD + "resources = ['https://gone.example']", "no resource", id="reference"),
        pytest.param(HEAD + "scopes = ['write']", "scope write", id="scope"),
        pytest.param(HEAD + "grant_types = ['implicit']", "implicit", id="grant type"),
        pytest.param(HEAD + "grant_types = ['authorization_code']", "redirect_uris", id="client check"),
        pytest.param(HEAD + "relying_party = {redirect_uris = ['http://x.example/']}", "redirect_uris", id="redirect"),
        pytest.param(HEAD + "[[tenants.default.clients.x.exchanges]]\napi_keys = true", "audience", id="policy lacks"),
        pytest.param(
            HEAD + "[[tenants.default.clients.x.exchanges]]\naudience = 'https://gone.example'\napi_keys = true",
            "no resource", id="policy's reference",
        ),
        pytest.param(HEAD + "secrets = 'canary-secret'", "never a secret itself", id="secret in the file"),
        pytest.param(HEAD + "secrets = {value = 'canary-secret'}", "never a secret itself", id="secret in a table"),
        pytest.param(HEAD + "secrets = {env = 'CHOSEN'}", "own making", id="chosen secret"),
        pytest.param(HEAD + "secrets = {env = 'GONE'}", "GONE, which is not set", id="variable"),
        pytest.param(HEAD + "secrets = {file = 'gone'}", "gone: No such file", id="file"),
        pytest.param(HEAD + "auth_method = 'none'\nsecrets = {env = 'GOOD'}", "own making for none", id="public"),
        pytest.param(
            "[tenants.default.resources.'urn:x']\nscopes = ['openid']", "belongs to the issuer", id="resource"
        ),
        pytest.param("[tenants.default.resources.'{issuer}/admin']", "issuer's own API", id="admin API"),
        pytest.param("[tenants.default.issuers.'https://x.example']", "purposes", id="issuer's purposes"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_is_refused_before_anything_is_written(installation, write, text, fragment):
    good = generated_secret("client_secret_basic")
    before = configured(installation)
    file = write(text.replace("{issuer}", installation.issuer))

    told = installation.refused("apply", file, CHOSEN="canary-secret", GOOD=good)
    assert fragment in told
    assert "canary" not in told
    assert configured(installation) == before


def test_what_a_client_still_names_cannot_be_pruned(installation, write):
    installation.done("resources", "create", AUDIENCE, "--scope", "orders:read")
    installation.done("clients", "create", "shop", "--serves", AUDIENCE)
    exported = tomllib.loads(installation.done("export").out)
    assert AUDIENCE in exported["tenants"]["default"]["resources"]
    text = "[tenants.default.clients.shop]\nname = 'shop'\ngrant_types = ['client_credentials']\nserves = ['%s']\n"

    assert "no resource" not in installation.run("plan", write(text % AUDIENCE)).err
    assert "still names the resource" in installation.refused("plan", write(text % AUDIENCE), "--prune")
