"""What token exchange refuses, and in which words (RFC 8693 §2.2.2)."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from authsvc.domain.tokens.exchange import DELEGATION, IMPERSONATION, ExchangePolicy
from authsvc.protocol.acting import MAX_CHARACTERS, MAX_DEPTH
from authsvc.protocol.grants.token_exchange import GRANT_TYPE
from authsvc.protocol.subject_token import ACCESS_TOKEN, API_KEY, ID_TOKEN, JWT, REFRESH_TOKEN
from tests.flows.assertions import GONE, a_key, compact, signed
from tests.flows.exchanges import (
    ARCHIVE,
    BILLING,
    ORDERS,
    PARTNER,
    PARTNERS,
    STOCK,
    TO_BILLING,
    UNRELATED,
    Shop,
    claims_of,
    refused,
    standing_shop,
)
from tests.flows.test_rfc8693_exchange import an_api_key, subject_of


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop that no case changes, for the long tables; the partner's tokens are taken there."""
    with standing_shop(tmp_path_factory.mktemp("shop")) as shop:
        shop.policies(TO_BILLING, replace(PARTNERS, any_audience=True))
        yield shop


@pytest.fixture(scope="module")
def presented(standing: Shop) -> str:
    """A user's token for orders."""
    return standing.token()


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        pytest.param({"subject_token": None}, "invalid_request", id="no subject token"),
        pytest.param({"subject_token_type": None}, "invalid_request", id="no subject token type"),
        pytest.param({"subject_token": "x"}, "invalid_request", id="no token at all"),
        pytest.param({"subject_token": "a.b.c"}, "invalid_request", id="no JWT"),
        pytest.param({"subject_token_type": "access_token"}, "invalid_request", id="type by its short name"),
        pytest.param({"subject_token_type": "urn:ietf:params:oauth:token-type:saml2"}, "invalid_request", id="SAML"),
        pytest.param({"subject_token_type": ID_TOKEN}, "invalid_request", id="access token as ID token"),
        pytest.param({"subject_token_type": REFRESH_TOKEN}, "invalid_request", id="access token as refresh token"),
        pytest.param({"subject_token_type": API_KEY}, "invalid_request", id="access token as API key"),
        pytest.param({"requested_token_type": ID_TOKEN}, "invalid_request", id="wants an ID token"),
        pytest.param({"requested_token_type": REFRESH_TOKEN}, "invalid_request", id="wants a refresh token"),
        pytest.param({"requested_token_type": "jwt"}, "invalid_request", id="wants what nobody knows"),
        pytest.param({"actor_token_type": ACCESS_TOKEN}, "invalid_request", id="actor type without actor"),
        pytest.param({"actor_token": "x"}, "invalid_request", id="actor without type"),
        pytest.param({"actor_token": "x", "actor_token_type": ACCESS_TOKEN}, "invalid_request", id="bad actor"),
        pytest.param({"audience": STOCK}, "invalid_target", id="target of another client's policy"),
        pytest.param({"audience": "https://unknown.example"}, "invalid_target", id="unknown target"),
        pytest.param({"audience": ORDERS}, "invalid_target", id="back to where it comes from"),
        pytest.param({"audience": UNRELATED}, "invalid_target", id="target of its own tokens"),
        pytest.param({"audience": [BILLING, STOCK]}, "invalid_target", id="two targets"),
        pytest.param({"audience": BILLING, "resource": ORDERS}, "invalid_target", id="two targets by two names"),
        pytest.param({"audience": BILLING + "/"}, "invalid_target", id="target with a slash"),
        pytest.param({"audience": BILLING.upper()}, "invalid_target", id="target in capitals"),
        pytest.param({"audience": "http://localhost:8000"}, "invalid_target", id="the issuer"),
        pytest.param({"resource": "http://localhost:8000"}, "invalid_target", id="the issuer as resource"),
        pytest.param({"scope": "account"}, "invalid_scope", id="account"),
        pytest.param({"scope": "openid"}, "invalid_scope", id="openid"),
        pytest.param({"scope": "es256:read"}, "invalid_scope", id="scope that it had"),
        pytest.param({"scope": "eddsa:read eddsa:delete"}, "invalid_scope", id="unknown scope"),
    ],
)
def test_a_request_is_refused(standing, presented, fields, error):
    before = standing.world.rows()
    refused(standing.exchange(**{"subject_token": presented, **fields}), error)
    after = standing.world.rows()
    assert {name for name in after if after[name] != before[name]} <= {"audit_events"}


@pytest.mark.parametrize("name", ["subject_token", "actor_token", "subject_token_type", "requested_token_type"])
def test_repeated_parameters_are_refused(shop, name):
    given = {"actor_token": shop.own("orders"), "actor_token_type": ACCESS_TOKEN, "requested_token_type": ACCESS_TOKEN,
             "subject_token": shop.token(), "subject_token_type": ACCESS_TOKEN}  # fmt: skip
    assert shop.world.token("orders", GRANT_TYPE, **given).status_code == 200
    refused(shop.world.token("orders", GRANT_TYPE, **{**given, name: [given[name], given[name]]}))


class TestDoors:
    """Closed by default (CVE-2024-38371, Dex GHSA-7qjx)."""

    def test_a_client_without_the_grant(self, shop):
        shop.change_client("orders", grant_types=frozenset({"client_credentials"}))
        refused(shop.exchange(shop.token()), "unauthorized_client")

    def test_a_client_without_policies(self, shop):
        refused(shop.exchange(shop.token(), "closed"))

    def test_a_public_client(self, shop):
        shop.change_client(
            "app", grant_types=frozenset({GRANT_TYPE}), exchanges=(replace(TO_BILLING, any_audience=True),)
        )
        refused(shop.exchange(shop.token(), "app"), "unauthorized_client")

    def test_tokens_of_a_client_that_no_policy_names(self, shop):
        refused(shop.exchange(shop.token(client="app2")))
        refused(shop.exchange(shop.token(client="narrow", scope="es256:read")))

    @pytest.mark.parametrize(
        ("mode", "acting"), [(IMPERSONATION, True), (DELEGATION, False)], ids=["delegation", "impersonation"]
    )
    def test_the_other_mode(self, shop, mode, acting):
        shop.policies(replace(TO_BILLING, modes=frozenset({mode})))
        actor = {"actor_token": shop.own("orders"), "actor_token_type": ACCESS_TOKEN}
        refused(shop.exchange(shop.token(), **(actor if acting else {})))
        claims_of(shop.exchange(shop.token(), **({} if acting else actor)))

    def test_a_token_that_is_not_for_the_requester(self, shop):
        shop.change_client("orders", serves=frozenset({STOCK}))
        refused(shop.exchange(shop.token()))
        shop.policies(replace(TO_BILLING, any_audience=True))
        claims_of(shop.exchange(shop.token()))

    def test_one_door_does_not_lift_the_rule_of_another(self, shop):
        shop.change_client("orders", serves=frozenset())
        strict = replace(TO_BILLING, scopes=(("es256:write", frozenset({"eddsa:write"})),))
        lax = replace(TO_BILLING, scopes=(("es256:read", frozenset({"eddsa:read"})),), any_audience=True)
        shop.policies(strict, lax)
        assert claims_of(shop.exchange(shop.token()))["scope"] == "eddsa:read"

    def test_two_targets_and_none_named(self, shop):
        shop.policies(TO_BILLING, replace(TO_BILLING, audience=STOCK, scopes=()))
        refused(shop.exchange(shop.token()), "invalid_target")
        assert claims_of(shop.exchange(shop.token(), audience=STOCK))["aud"] == STOCK

    def test_scopes_that_become_nothing(self, shop):
        shop.policies(replace(TO_BILLING, scopes=(("es256:write", frozenset({"eddsa:write"})),)))
        refused(shop.exchange(shop.token("es256:read")), "invalid_scope")

    def test_scopes_that_are_not_the_targets(self, shop):
        shop.policies(replace(TO_BILLING, scopes=(("es256:read", frozenset({"ps256:read", "eddsa:read"})),)))
        assert claims_of(shop.exchange(shop.token()))["scope"] == "eddsa:read"
        refused(shop.exchange(shop.token(), scope="ps256:read"), "invalid_scope")
        shop.policies(replace(TO_BILLING, scopes=(("es256:read", frozenset({"ps256:read"})),)))
        refused(shop.exchange(shop.token()), "invalid_scope")

    @pytest.mark.parametrize("scopes", [(), (("es256:read", frozenset({"account", "openid"})),)], ids=["none", "some"])
    def test_the_issuer_is_never_a_target_even_if_a_policy_says_so(self, shop, scopes):
        # The rule of registration is gone around here.
        issuer = shop.world.tenant.issuer
        shop.change_client("orders", exchanges=(replace(TO_BILLING, audience=issuer, scopes=scopes),))
        with shop.world.change() as uow:
            resource = uow.resources.list()[0]
            uow.resources.add(replace(resource, audience=issuer, scopes=frozenset({"account", "openid"})))
        for fields in ({}, {"audience": issuer}, {"scope": "account"}):
            refused(shop.exchange(shop.token(), **fields), "invalid_target")

    @pytest.mark.parametrize("scopes", [(), TO_BILLING.scopes], ids=["without scopes", "with scopes"])
    @pytest.mark.parametrize("named", [{}, {"audience": BILLING}], ids=["unnamed", "named"])
    def test_a_target_that_is_gone_or_disabled_gives_no_token_for_anything_else(self, shop, scopes, named):
        shop.policies(replace(TO_BILLING, scopes=scopes))
        with shop.world.change() as uow:
            assert uow.resources.disable(BILLING, shop.world.clock())
        refused(shop.exchange(shop.token(), **named), "invalid_target")
        with shop.world.change() as uow:
            assert uow.resources.delete(BILLING)
        refused(shop.exchange(shop.token(), **named), "invalid_target")


class TestKinds:
    """Each kind in its own place only (CVE-2026-4282)."""

    def test_an_id_token_is_no_access_token_and_no_jwt(self, shop):
        shop.policies(replace(TO_BILLING, any_audience=True))
        id_token = shop.world.tokens("app", scope="openid")["id_token"]
        for kind in (ACCESS_TOKEN, JWT, REFRESH_TOKEN, API_KEY):
            refused(shop.exchange(id_token, subject_token_type=kind))

    def test_an_id_token_of_another_client_needs_a_policy_for_any_audience(self, shop):
        id_token = shop.world.tokens("app", scope="openid")["id_token"]
        door = replace(TO_BILLING, scopes=(("*", frozenset({"eddsa:read"})),))
        shop.policies(door)
        refused(shop.exchange(id_token, subject_token_type=ID_TOKEN))
        shop.policies(replace(door, any_audience=True))
        assert claims_of(shop.exchange(id_token, subject_token_type=ID_TOKEN))["scope"] == "eddsa:read"
        shop.policies(replace(door, any_audience=True, clients=frozenset({"web"})))
        refused(shop.exchange(id_token, subject_token_type=ID_TOKEN))

    @pytest.mark.parametrize("kind", [ACCESS_TOKEN, ID_TOKEN, JWT, REFRESH_TOKEN, API_KEY])
    def test_what_is_no_token_at_all(self, standing, kind):
        for text in ("x", "a.b.c", "as_rt_x", "as_ak_x", "as_at_x", "." * 2, "é", "{}", "A" * 20_000):
            refused(standing.exchange(text, subject_token_type=kind))

    def test_a_refresh_token_of_another_client(self, shop):
        refresh_token = shop.world.tokens("app", scope="es256:read")["refresh_token"]
        shop.policies(replace(TO_BILLING, clients=frozenset({"app", "orders"}), any_audience=True))
        refused(shop.exchange(refresh_token, subject_token_type=REFRESH_TOKEN))
        assert shop.world.refresh(refresh_token, "app").status_code == 200

    def test_a_refresh_token_that_was_used(self, shop):
        shop.change_client("web", exchanges=(replace(TO_BILLING, clients=frozenset({"web"})),),
                           grant_types=frozenset({GRANT_TYPE, "refresh_token"}))  # fmt: skip
        used = shop.world.tokens("web", scope="es256:read")["refresh_token"]
        current = shop.world.refresh(used, "web").json()["refresh_token"]
        refused(shop.exchange(used, "web", subject_token_type=REFRESH_TOKEN))
        claims_of(shop.exchange(current, "web", subject_token_type=REFRESH_TOKEN))

    def test_an_old_refresh_token_ends_its_family_here_too(self, shop):
        shop.change_client("web", exchanges=(replace(TO_BILLING, clients=frozenset({"web"})),),
                           grant_types=frozenset({GRANT_TYPE, "refresh_token"}))  # fmt: skip
        first = shop.world.tokens("web", scope="es256:read")["refresh_token"]
        second = shop.world.refresh(first, "web").json()["refresh_token"]
        third = shop.world.refresh(second, "web").json()["refresh_token"]
        shop.world.clock.move(seconds=60)
        refused(shop.exchange(first, "web", subject_token_type=REFRESH_TOKEN))
        refused(shop.exchange(third, "web", subject_token_type=REFRESH_TOKEN))

    @pytest.mark.parametrize("change", ["no policy", "other resource", "revoked", "expired", "truncated"])
    def test_an_api_key(self, shop, change):
        door = ExchangePolicy(BILLING, api_keys=True, scopes=(("*", frozenset({"eddsa:read"})),))
        shop.policies(TO_BILLING if change == "no policy" else door)
        owned = STOCK if change == "other resource" else BILLING
        key, secret = an_api_key(shop, "user", owned, lifetime_seconds=3_600)
        error = "invalid_target" if change == "other resource" else "invalid_request"
        if change == "revoked":
            with shop.world.change() as uow:
                uow.api_keys.revoke(key.id, shop.world.clock())
        if change == "expired":
            shop.world.clock.move(hours=2)
        refused(shop.exchange(secret[:-1] if change == "truncated" else secret, subject_token_type=API_KEY), error)

    def test_an_expired_token(self, shop):
        presented = shop.token()
        shop.world.clock.move(seconds=300)
        refused(shop.exchange(presented))

    def test_a_token_of_another_tenant(self, shop):
        answer = shop.world.http.post(
            "/t/other/login",
            data={
                "username": "alice",
                "password": "nineteen silver anchors",
                "client_id": "app",
                "scope": "es256:read",
            },
        )
        for kind in (ACCESS_TOKEN, JWT):
            refused(shop.exchange(answer.json()["access_token"], subject_token_type=kind))


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"iss": "https://unknown.example"}, id="unknown issuer"),
        pytest.param({"iss": f"{PARTNER}/"}, id="issuer with a slash"),
        pytest.param({"iss": GONE}, id="no issuer"),
        pytest.param({"iss": [PARTNER]}, id="issuer in a list"),
        pytest.param({"iss": "http://localhost:8000"}, id="as if it were ours"),
        pytest.param({"sub": GONE}, id="no subject"),
        pytest.param({"sub": "nobody"}, id="unknown user"),
        pytest.param({"sub": "dora"}, id="disabled user"),
        pytest.param({"sub": "alice@example.com"}, id="an address where names are due"),
        pytest.param({"sub": {"name": "alice"}}, id="subject that is no text"),
        pytest.param({"aud": GONE}, id="no audience"),
        pytest.param({"aud": "https://elsewhere.example"}, id="another audience"),
        pytest.param({"aud": [BILLING]}, id="another service of ours"),
        pytest.param({"exp": GONE}, id="no end"),
        pytest.param({"exp": "soon"}, id="end that is no instant"),
        pytest.param({"exp": 0}, id="expired"),
        pytest.param({"exp": 4_000_000_000}, id="too long a life"),
        pytest.param({"iat": 4_000_000_000, "exp": 4_000_000_060}, id="issued in the future"),
        pytest.param({"nbf": 4_000_000_000}, id="not yet"),
        pytest.param({"cnf": {"jkt": "x"}}, id="bound to a key"),
        pytest.param({"may_act": "orders"}, id="may_act that is no object"),
        pytest.param({"may_act": {}}, id="may_act that names nobody"),
        pytest.param({"may_act": {"sub": "orders"}}, id="may_act for the partner's own orders"),
        pytest.param({"may_act": {"iss": "http://localhost:8000"}}, id="may_act for anybody here"),
        pytest.param({"may_act": {"sub": "billing", "iss": "http://localhost:8000"}}, id="may_act for another"),
        pytest.param(
            {"may_act": {"sub": "orders", "iss": "http://localhost:8000", "email": "o@example.com"}},
            id="may_act with a claim that cannot be told",
        ),
        pytest.param({"may_act": {"sub": ["orders"], "iss": "http://localhost:8000"}}, id="may_act with a list"),
        pytest.param({"act": "orders"}, id="act that is no object"),
        pytest.param({"act": {"sub": "a", "act": ["b"]}}, id="act within act that is no object"),
        pytest.param({"act": {"sub": "a" * MAX_CHARACTERS}}, id="act that is too large"),
        pytest.param(
            {"act": json.loads('{"act":' * (MAX_DEPTH + 1) + "{}" + "}" * (MAX_DEPTH + 1))}, id="act too deep"
        ),
    ],
)
def test_a_jwt_of_a_trusted_issuer_is_refused(standing, changed):
    before = standing.world.rows()
    refused(standing.exchange(standing.partner(**changed), subject_token_type=JWT))
    assert standing.world.rows()["sessions"] == before["sessions"]


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param(lambda claims: signed(claims, a_key("ES256", "somebody")), id="another key"),
        pytest.param(lambda claims: signed(claims, a_key("ES256", "partner"), kid="x"), id="unknown kid"),
        pytest.param(lambda claims: signed(claims, a_key("ES256", "partner"), typ="dpop+jwt"), id="another typ"),
        pytest.param(lambda claims: compact({"alg": "none", "typ": "JWT"}, claims, None), id="no signature"),
        pytest.param(lambda claims: signed(claims, b"secret"), id="shared secret"),
        pytest.param(lambda claims: signed(claims, a_key("RS256", "partner")), id="algorithm not registered"),
    ],
)
def test_a_forged_jwt_of_a_trusted_issuer_is_refused(standing, forged):
    claims = standing.partner_claims()
    claims_of(standing.exchange(signed(claims, a_key("ES256", "partner")), subject_token_type=JWT))
    refused(standing.exchange(forged(claims), subject_token_type=JWT))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"purposes": frozenset({"users"})}, id="trusted to sign people in only"),
        pytest.param({"subjects": frozenset({"bob", "al"})}, id="may not name this user"),
        pytest.param({"disabled_at": "now"}, id="disabled"),
        pytest.param({"jwks": None, "jwks_uri": "https://127.0.0.1:9/jwks"}, id="keys cannot be had"),
    ],
)
def test_an_issuer_counts_only_for_what_it_is_trusted_for(shop, change):
    shop.policies(replace(PARTNERS, any_audience=True))
    now = shop.world.clock()
    shop.change_partner(**{name: now if value == "now" else value for name, value in change.items()})
    refused(shop.exchange(shop.partner(), subject_token_type=JWT))


@pytest.mark.parametrize("audience", ["orders", "http://localhost:8000"])
def test_a_policy_for_one_issuer_is_none_for_another(shop, audience):
    shop.policies(replace(PARTNERS, issuers=frozenset({"https://third.example"}), any_audience=True))
    refused(shop.exchange(shop.partner(aud=audience), subject_token_type=JWT))


def test_a_jwt_for_the_issuer_is_not_for_the_requester(shop):
    shop.policies(PARTNERS)
    refused(shop.exchange(shop.partner(), subject_token_type=JWT))


@pytest.mark.parametrize(
    "may_act",
    [
        pytest.param({"sub": "orders", "iss": "http://localhost:8000"}, id="subject"),
        pytest.param({"client_id": "orders", "iss": "http://localhost:8000"}, id="client"),
        pytest.param({"sub": "orders", "iss": "http://localhost:8000", "exp": 1, "aud": "x"}, id="meaningless claims"),
    ],
)
def test_the_party_that_may_act_may(standing, may_act):
    claims_of(standing.exchange(standing.partner(aud="orders", may_act=may_act), subject_token_type=JWT))


def test_with_an_actor_token_it_is_the_actor_who_must_be_named(standing):
    allowed = {"sub": "orders", "iss": standing.world.tenant.issuer}
    irma, itself = standing.token(username="irma"), standing.own("orders")
    for presented, status in ((itself, 200), (irma, 400)):
        answer = standing.exchange(
            standing.partner(aud="orders", may_act=allowed), subject_token_type=JWT, actor_token=presented,
            actor_token_type=ACCESS_TOKEN,
        )  # fmt: skip
        assert answer.status_code == status
    the_person = {"sub": subject_of(irma)["sub"], "iss": standing.world.tenant.issuer}
    claims_of(standing.exchange(
        standing.partner(aud="orders", may_act=the_person), subject_token_type=JWT, actor_token=irma,
        actor_token_type=ACCESS_TOKEN,
    ))  # fmt: skip


def test_a_foreign_actor_does_not_pass_for_one_of_ours(standing):
    allowed = {"sub": "alice", "iss": standing.world.tenant.issuer}
    theirs = standing.partner(aud="orders")
    ours = standing.partner(aud="orders", may_act=allowed)
    refused(standing.exchange(ours, subject_token_type=JWT, actor_token=theirs, actor_token_type=JWT))


@pytest.mark.parametrize(
    "whose",
    [
        pytest.param(lambda shop: (shop.own("billing"), ACCESS_TOKEN), id="another service's for another"),
        pytest.param(lambda shop: (shop.token("eddsa:read"), ACCESS_TOKEN), id="a person's for another service"),
        pytest.param(lambda shop: (shop.partner(), JWT), id="a stranger's for the issuer"),
        pytest.param(lambda shop: (an_api_key(shop, "user", BILLING)[1], API_KEY), id="a person's API key"),
        pytest.param(lambda shop: (an_api_key(shop, "client", BILLING)[1], API_KEY), id="a service's API key"),
        pytest.param(lambda shop: (shop.partner(sub="nobody", aud="orders"), JWT), id="unknown"),
        pytest.param(lambda shop: (shop.partner(sub="dora", aud="orders"), JWT), id="disabled"),
    ],
)
def test_an_actor_token_that_is_not_the_requesters_is_refused(standing, presented, whose):
    actor_token, kind = whose(standing)
    refused(standing.exchange(presented, actor_token=actor_token, actor_token_type=kind))


def test_archive_is_reached_by_nobody(shop):
    refused(shop.exchange(shop.token(), audience=ARCHIVE), "invalid_target")
