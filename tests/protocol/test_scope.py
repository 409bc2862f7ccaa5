"""Scope and audience: what narrow() makes of a request (RFC 6749 §3.3, RFC 8707 §2), case by case."""

from datetime import UTC, datetime

import pytest

from authsvc.domain.parties.resources import Resource
from authsvc.protocol.errors import InvalidScope, InvalidTarget
from authsvc.protocol.scope import Bounds, narrow, parse_scope

ISSUER = "https://login.example"
NOW = datetime(2026, 1, 2, tzinfo=UTC)
ORDERS, STOCK, BILLS, OLD = (f"https://{name}.example" for name in ("orders", "stock", "bills", "old"))
REGISTERED = (
    Resource(ORDERS, "orders", frozenset({"orders:read", "orders:write", "shared"}), "ES256", None, NOW),
    Resource(STOCK, "stock", frozenset({"stock:read", "shared"}), "ES256", 60, NOW),
    Resource(BILLS, "bills", frozenset({"bills:read"}), "PS256", 7_200, NOW),
    Resource(OLD, "old", frozenset({"old:read"}), "ES256", None, NOW, disabled_at=NOW),
)
EVERY_SCOPE = frozenset().union(*(item.scopes for item in REGISTERED))
EVERYWHERE = frozenset(item.audience for item in REGISTERED)
IDENTITY = frozenset({"openid", "profile"})


def person(scopes: frozenset[str], resources: frozenset[str] = EVERYWHERE) -> Bounds:
    return Bounds(ISSUER, scopes, resources, 300, has_person=True)


def machine(scopes: frozenset[str], resources: frozenset[str] = EVERYWHERE) -> Bounds:
    return Bounds(ISSUER, scopes, resources, 900, has_person=False)


ALL = person(EVERY_SCOPE | IDENTITY | {"account"})


def asked(text: str | None) -> frozenset[str] | None:
    return None if text is None else frozenset(text.split())


@pytest.mark.parametrize(
    ("scope", "named", "bounds", "audiences", "scopes", "seconds", "algorithm"),
    [
        pytest.param("orders:read", (), ALL, (ORDERS,), "orders:read", 300, "ES256", id="a scope chooses its resource"),
        pytest.param("stock:read", (), ALL, (STOCK,), "stock:read", 60, "ES256", id="the resource's own lifetime"),
        pytest.param("bills:read", (), ALL, (BILLS,), "bills:read", 7_200, "PS256", id="and algorithm"),
        pytest.param(
            "orders:read stock:read", (), ALL, (ORDERS, STOCK), "orders:read stock:read", 60, "ES256",
            id="two resources: the shorter lifetime",
        ),
        pytest.param("shared", (STOCK,), ALL, (STOCK,), "shared", 60, "ES256", id="a name settles what is ambiguous"),
        pytest.param(
            "shared", (STOCK, ORDERS), ALL, (STOCK, ORDERS), "shared", 60, "ES256", id="two names, in their order"
        ),
        pytest.param(
            "orders:read", (ORDERS, ORDERS), ALL, (ORDERS,), "orders:read", 300, "ES256", id="a repeated name"
        ),
        pytest.param(
            None, (ORDERS,), ALL, (ORDERS,), "openid orders:read orders:write profile shared", 300, "ES256",
            id="a name alone: all that is allowed there, without account",
        ),
        pytest.param("openid", (), ALL, (ISSUER,), "openid", 300, "ES256", id="identity alone is for the issuer"),
        pytest.param(
            "openid orders:read", (), ALL, (ORDERS,), "openid orders:read", 300, "ES256", id="identity beside an API"
        ),
        pytest.param("account", (), ALL, (ISSUER,), "account", 300, "ES256", id="account is for the issuer alone"),
        pytest.param(
            "account openid", (ISSUER,), ALL, (ISSUER,), "account openid", 300, "ES256", id="account by both names"
        ),
        pytest.param(
            None, (ISSUER,), ALL, (ISSUER,), "account openid profile", 300, "ES256", id="the issuer named, no scope"
        ),
        pytest.param(
            None, (), person(IDENTITY | {"account"}), (ISSUER,), "account openid profile", 300, "ES256",
            id="nothing but account allowed, nothing asked",
        ),
        pytest.param(
            None, (), person(frozenset({"account", "orders:read"}), frozenset({ORDERS})), (ORDERS,), "orders:read", 300,
            "ES256", id="nothing asked: the API, not the account",
        ),
        pytest.param(
            None, (), machine(frozenset({"orders:read"})), (ORDERS,), "orders:read", 900, "ES256", id="a service"
        ),
        pytest.param(
            None, (), machine(frozenset(), frozenset({ORDERS})), (ORDERS,), "", 900, "ES256",
            id="a service without scopes and with one resource",
        ),
        pytest.param(
            None, (), machine(frozenset({"orders:read", "openid", "account"})), (ORDERS,), "orders:read", 900, "ES256",
            id="a service is not given what speaks of a person",
        ),
        pytest.param(
            None, (), person(frozenset({"orders:read", "old:read"})), (ORDERS,), "orders:read", 300, "ES256",
            id="what is disabled falls away beside what is not",
        ),
    ],
)  # fmt: skip
def test_a_request_is_narrowed(scope, named, bounds, audiences, scopes, seconds, algorithm):
    target = narrow(asked(scope), named, bounds, REGISTERED)
    assert (target.audiences, " ".join(sorted(target.scopes))) == (audiences, scopes)
    assert (target.lifetime_seconds, target.algorithm) == (seconds, algorithm)


@pytest.mark.parametrize(
    ("scope", "named", "bounds", "error"),
    [
        pytest.param("nothing:read", (), ALL, InvalidScope, id="unknown scope"),
        pytest.param("orders:read", (), person(frozenset({"openid"})), InvalidScope, id="scope not allowed"),
        pytest.param(
            "openid orders:read", (), person(IDENTITY), InvalidScope, id="one allowed scope does not carry another"
        ),
        pytest.param("orders:read", (STOCK,), ALL, InvalidScope, id="scope of another resource than the named"),
        pytest.param(
            "orders:read", (), person(EVERY_SCOPE, frozenset({STOCK})), InvalidScope, id="resource not allowed"
        ),
        pytest.param("old:read", (), ALL, InvalidScope, id="resource disabled"),
        pytest.param(None, (), person(frozenset({"old:read", "openid"})), InvalidTarget, id="only disabled left"),
        pytest.param("shared", (), ALL, InvalidTarget, id="ambiguous scope"),
        pytest.param("orders:read", ("https://nowhere.example",), ALL, InvalidTarget, id="unknown resource"),
        pytest.param("old:read", (OLD,), ALL, InvalidTarget, id="disabled resource by name"),
        pytest.param(
            "orders:read", (ORDERS,), person(EVERY_SCOPE, frozenset({STOCK})), InvalidTarget, id="named, not allowed"
        ),
        pytest.param("orders:read", (ORDERS, STOCK + "/"), ALL, InvalidTarget, id="one of two unknown"),
        pytest.param("orders:read", (ORDERS.upper(),), ALL, InvalidTarget, id="another case"),
        pytest.param("orders:read", (ORDERS + "#x",), ALL, InvalidTarget, id="fragment"),
        pytest.param("orders:read", tuple(f"{ORDERS}/{n}" for n in range(50)), ALL, InvalidTarget, id="many names"),
        pytest.param("orders:read bills:read", (), ALL, InvalidTarget, id="two algorithms"),
        pytest.param("openid", (ORDERS, BILLS), ALL, InvalidTarget, id="two algorithms by name"),
        pytest.param("account orders:read", (), ALL, InvalidScope, id="account beside a resource's scope"),
        pytest.param("account", (ORDERS,), ALL, InvalidScope, id="account at a resource"),
        pytest.param("account", (ISSUER, ORDERS), ALL, InvalidScope, id="account at the issuer and a resource"),
        pytest.param("orders:read", (ISSUER,), ALL, InvalidScope, id="a resource's scope at the issuer"),
        pytest.param("openid", (ISSUER, ORDERS), ALL, InvalidScope, id="the issuer beside a resource"),
        pytest.param("account", (), person(EVERY_SCOPE), InvalidScope, id="account not allowed"),
        pytest.param("account", (), machine(EVERY_SCOPE | {"account"}), InvalidScope, id="account for a service"),
        pytest.param("openid", (), machine(EVERY_SCOPE | IDENTITY), InvalidScope, id="identity for a service"),
        pytest.param("orders:read", (ISSUER,), machine(EVERY_SCOPE), InvalidTarget, id="the issuer for a service"),
        pytest.param(None, (), machine(frozenset()), InvalidTarget, id="a service that names none of several"),
        pytest.param(None, (), machine(frozenset(), frozenset()), InvalidTarget, id="a service without resources"),
    ],
)  # fmt: skip
def test_a_request_is_refused(scope, named, bounds, error):
    with pytest.raises(error):
        narrow(asked(scope), named, bounds, REGISTERED)


@pytest.mark.parametrize("scope", ["a", "a b", "a:b/c.d-e_f~!#$%&'()*+,;=?@[]^`{|}", "openid profile"])
def test_a_scope_is_a_list_of_names(scope):
    assert parse_scope(scope) == frozenset(scope.split(" "))


@pytest.mark.parametrize(
    "scope",
    ["", " ", " a", "a ", "a  b", "a\tb", "a\nb", 'a"b', "a\\b", "é", "a\u00a0b", "a\x7fb", "a" * 5_000,
     " ".join(map(str, range(101)))],
)  # fmt: skip
def test_what_is_no_list_of_names_is_refused(scope):
    with pytest.raises(InvalidScope):
        parse_scope(scope)
