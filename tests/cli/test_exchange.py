import pytest

ORDERS, STOCK = "https://orders.example", "https://stock.example"
ISSUER = "https://idp.example"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


@pytest.fixture
def site(installation, key_file):
    """Two APIs, an app, the server of one API, and an issuer whose tokens may be exchanged."""
    installation.done("resources", "create", ORDERS, "--scope", "orders:read")
    installation.done("resources", "create", STOCK, "--scope", "stock:read", "--scope", "stock:write")
    installation.done("clients", "create", "app", "--public", "--first-party")
    installation.done("clients", "create", "orders", "--serves", ORDERS)
    installation.done("issuers", "create", ISSUER, "--jwks-file", key_file, "--purpose", "subjects")
    return installation


def shown(site, client_id: str = "orders"):
    return site.done("clients", "show", client_id, "--json").json


def allow(site, *arguments: str):
    return site.done("clients", "allow-exchange", "orders", "--audience", STOCK, *arguments)


def test_a_policy_says_whose_tokens_become_what(site):
    allow(
        site, "--client", "app", "--issuer", ISSUER, "--api-keys", "--scope", "orders:read=stock:read,stock:write",
        "--scope", "*=stock:read", "--any-audience", "--mode", "delegation",
    )  # fmt: skip

    assert shown(site)["exchanges"] == [
        {
            "audience": STOCK, "clients": ["app"], "issuers": [ISSUER], "api_keys": True,
            "scopes": ["*=stock:read", "orders:read=stock:read,stock:write"], "any_audience": True,
            "modes": ["delegation"],
        }
    ]  # fmt: skip
    assert TOKEN_EXCHANGE in shown(site)["grant_types"]


def test_a_policy_opens_no_more_than_is_said(site):
    allow(site, "--client", "app")

    (policy,) = shown(site)["exchanges"]
    assert (policy["issuers"], policy["api_keys"], policy["scopes"], policy["any_audience"]) == ([], False, [], False)
    assert policy["modes"] == ["delegation", "impersonation"]


def test_a_new_policy_takes_the_place_of_the_earlier_one_for_the_audience(site):
    allow(site, "--client", "app", "--scope", "orders:read=stock:write")
    allow(site, "--issuer", ISSUER, "--scope", "orders:read=stock:read")
    site.done("clients", "allow-exchange", "orders", "--audience", ORDERS, "--client", "app")

    policies = shown(site)["exchanges"]
    assert [(policy["audience"], policy["clients"], policy["scopes"]) for policy in policies] == [
        (STOCK, [], ["orders:read=stock:read"]),
        (ORDERS, ["app"], []),
    ]


def test_what_was_allowed_is_forbidden_again(site):
    allow(site, "--client", "app")
    site.done("clients", "allow-exchange", "orders", "--audience", ORDERS, "--client", "app")

    site.done("clients", "forbid-exchange", "orders", "--audience", STOCK)

    assert [policy["audience"] for policy in shown(site)["exchanges"]] == [ORDERS]
    assert "no policy for" in site.refused("clients", "forbid-exchange", "orders", "--audience", STOCK)


def test_a_client_that_serves_nothing_is_told_what_it_lacks(site):
    site.done("clients", "create", "broker")
    created = site.done("clients", "allow-exchange", "broker", "--audience", STOCK, "--client", "app")

    assert "--serves AUDIENCE" in created.err
    assert "--serves" not in allow(site, "--client", "app").err


def test_an_update_of_the_client_leaves_its_policies(site):
    allow(site, "--client", "app")
    before = shown(site)

    site.done("clients", "update", "orders", "--name", "New")

    assert shown(site) == before | {"name": "New"}


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        pytest.param(("app", "--audience", STOCK, "--client", "app"), "public", id="public client"),
        pytest.param(("gone", "--audience", STOCK, "--client", "app"), "no client gone", id="client"),
        pytest.param(("orders", "--audience", "https://x.example", "--client", "app"), "no resource", id="audience"),
        pytest.param(("orders", "--audience", STOCK), "whose tokens", id="nobody's tokens"),
        pytest.param(("orders", "--audience", STOCK, "--client", "gone"), "no client gone", id="whose"),
        pytest.param(
            ("orders", "--audience", STOCK, "--issuer", "https://x.example"), "no trusted issuer", id="issuer"
        ),
        pytest.param(
            ("orders", "--audience", STOCK, "--issuer", "https://work.example"),
            "not trusted for subjects",
            id="purpose",
        ),
        pytest.param(
            ("orders", "--audience", STOCK, "--client", "app", "--scope", "a=orders:read"), "no scope", id="scope"
        ),
        pytest.param(("orders", "--audience", STOCK, "--client", "app", "--scope", "a="), "becomes", id="empty scope"),
        pytest.param(("orders", "--audience", STOCK, "--client", "app", "--mode", "theft"), "modes", id="mode"),
    ],
)
def test_a_policy_that_could_not_work_is_refused(site, arguments, fragment):
    uri = ("--jwks-uri", "https://work.example/keys")
    site.done("issuers", "create", "https://work.example", "--purpose", "workloads", *uri)

    assert fragment in site.refused("clients", "allow-exchange", *arguments)
    assert shown(site)["exchanges"] == []
