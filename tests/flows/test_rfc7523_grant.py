"""jwt-bearer (RFC 7523 §2.1): a trusted issuer's JWT signs its user in, once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event
from uuid import UUID, uuid4

import jwt
import pytest

from authsvc.domain.parties.trusted_issuers import SUBJECTS
from authsvc.jobs.purge import purging
from authsvc.protocol.grants.jwt_bearer import GRANT_TYPE
from tests.flows.assertions import GONE, a_key, compact, signed
from tests.flows.exchanges import ORDERS, PARTNER, PARTNER_AUDIENCE, Shop, claims_of, open_shop, standing_shop
from tests.flows.world import World

SCOPE = "es256:read"


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop that no case changes."""
    with standing_shop(tmp_path_factory.mktemp("shop")) as shop:
        yield shop


def refused(answer, error="invalid_grant"):
    assert (answer.status_code, answer.json().get("error")) == (400, error), answer.text
    return str(answer.json()["error_description"])


def test_the_user_whom_it_names_is_signed_in(world: World):
    shop = open_shop(world)
    answer = shop.bear(shop.partner(), scope=SCOPE)
    found = claims_of(answer)
    assert set(answer.json()) == {"access_token", "token_type", "expires_in", "scope"}
    assert (found["sub"], found["aud"], found["client_id"]) == (str(world.user().id), ORDERS, "app")
    assert (found["scope"], found["amr"]) == (SCOPE, [])
    assert "grant_id" not in found
    with world.change() as uow:
        session = uow.sessions.get(UUID(found["sid"]))
        events = [event.event for event in uow.audit.find_request(answer.headers["x-request-id"])]
    assert session is not None
    assert (session.user_id, session.client_id) == (world.user().id, "app")
    assert int(session.expires_at.timestamp()) == found["exp"]
    assert events == ["login.by_trusted_issuer"]


def test_the_person_signed_in_when_their_issuer_says_so(shop):
    issued_at = int(shop.world.clock().timestamp())
    for told, expected in (
        ({"auth_time": issued_at - 900}, issued_at - 900),
        ({"iat": issued_at - 20}, issued_at - 20),
        ({"auth_time": issued_at + 900}, issued_at),
        ({"auth_time": True}, issued_at),
        ({"auth_time": "yesterday"}, issued_at),
    ):
        assert claims_of(shop.bear(shop.partner(**told), scope=SCOPE))["auth_time"] == expected


def test_openid_gives_an_id_token_and_nothing_gives_a_refresh_token(shop):
    answer = shop.bear(shop.partner(), scope="openid es256:read")
    found = jwt.decode(answer.json()["id_token"], options={"verify_signature": False})
    assert (found["sub"], found["aud"]) == (str(shop.world.user().id), "app")
    assert "refresh_token" not in answer.json()


@pytest.mark.parametrize("scope", ["account", "account openid", "offline_access"])
def test_scopes_that_only_a_sign_in_here_gives(standing, scope):
    refused(standing.bear(standing.partner(), scope=scope), "invalid_scope")
    refused(standing.bear(standing.partner(), scope=scope, resource=standing.world.tenant.issuer), "invalid_scope")


def test_a_token_for_the_issuer_never_opens_the_account(standing):
    answer = standing.bear(standing.partner(), resource=standing.world.tenant.issuer)
    assert "account" not in claims_of(answer)["scope"].split()
    assert standing.world.get("/me", bearer=answer.json()["access_token"]).status_code == 403


@pytest.mark.parametrize(
    "aud",
    [
        pytest.param("http://localhost:8000", id="issuer"),
        pytest.param("http://localhost:8000/token", id="token endpoint"),
        pytest.param(PARTNER_AUDIENCE, id="registered audience"),
        pytest.param(["http://localhost:8000"], id="in a list"),
        pytest.param(["https://elsewhere.example", "http://localhost:8000"], id="in a longer list"),
    ],
)
def test_it_is_for_this_server(standing, aud):
    claims_of(standing.bear(standing.partner(aud=aud), scope=SCOPE))


@pytest.mark.parametrize("typ", ["JWT", "jwt", "application/jwt", GONE])
def test_its_typ_is_jwt_or_absent(standing, typ):
    claims_of(standing.bear(standing.partner(typ=typ), scope=SCOPE))


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"typ": "at+jwt"}, id="an access token"),
        pytest.param({"typ": "client-authentication+jwt"}, id="a client's assertion"),
        pytest.param({"typ": ""}, id="empty typ"),
        pytest.param({"iss": "https://unknown.example"}, id="unknown issuer"),
        pytest.param({"iss": f"{PARTNER}/"}, id="issuer with a slash"),
        pytest.param({"iss": PARTNER.upper()}, id="issuer in capitals"),
        pytest.param({"iss": GONE}, id="no issuer"),
        pytest.param({"iss": None}, id="issuer null"),
        pytest.param({"iss": [PARTNER]}, id="issuer in a list"),
        pytest.param({"iss": "http://localhost:8000"}, id="ours"),
        pytest.param({"iss": "https://ci.example"}, id="an issuer of workloads"),
        pytest.param({"aud": GONE}, id="no audience"),
        pytest.param({"aud": []}, id="empty audience"),
        pytest.param({"aud": "http://localhost:8000/"}, id="audience with a slash"),
        pytest.param({"aud": "http://localhost:8000/login"}, id="another endpoint"),
        pytest.param({"aud": "http://localhost:8000/t/other"}, id="another tenant"),
        pytest.param({"aud": "http"}, id="part of the audience"),
        pytest.param({"aud": "app"}, id="the client"),
        pytest.param({"aud": ORDERS}, id="a resource"),
        pytest.param({"sub": GONE}, id="no subject"),
        pytest.param({"sub": ""}, id="empty subject"),
        pytest.param({"sub": ["alice"]}, id="subject in a list"),
        pytest.param({"sub": "nobody"}, id="unknown user"),
        pytest.param({"sub": "dora"}, id="disabled user"),
        pytest.param({"sub": "alice@example.com"}, id="an address where names are due"),
        pytest.param({"sub": "a" * 5_000}, id="overlong subject"),
        pytest.param({"sub": "a\u0001"}, id="control character"),
        pytest.param({"jti": GONE}, id="no jti"),
        pytest.param({"jti": ""}, id="empty jti"),
        pytest.param({"jti": 5}, id="jti that is no text"),
        pytest.param({"exp": GONE}, id="no end"),
        pytest.param({"exp": True}, id="end true"),
        pytest.param({"exp": 1}, id="expired"),
        pytest.param({"exp": 253_402_300_799}, id="the end of time"),
        pytest.param({"exp": 253_402_300_799, "iat": 253_402_300_000}, id="of the end of time"),
        pytest.param({"exp": 1e300}, id="beyond all time"),
        pytest.param({"nbf": 4_000_000_000}, id="not yet"),
        pytest.param({"iat": 4_000_000_000}, id="issued in the future"),
        pytest.param({"client_id": "app2"}, id="for another client"),
        pytest.param({"cnf": {"jkt": "x"}}, id="bound to a key"),
    ],
)
def test_an_assertion_is_refused(standing, changed):
    before = standing.world.rows()
    refused(standing.bear(standing.partner(**changed), scope=SCOPE))
    after = standing.world.rows()
    assert {name for name in after if after[name] != before[name]} <= {"audit_events"}


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param(lambda claims: signed(claims, a_key("ES256", "somebody")), id="another key"),
        pytest.param(lambda claims: signed(claims, a_key("ES256", "somebody"), kid=GONE), id="another key, unnamed"),
        pytest.param(lambda claims: signed(claims, a_key("ES256", "partner"), kid="x"), id="unknown kid"),
        pytest.param(lambda claims: compact({"alg": "none"}, claims, None), id="no signature"),
        pytest.param(lambda claims: signed(claims, a_key("RS256", "ci")), id="key of another issuer"),
        pytest.param(lambda claims: signed(claims, a_key("ES256", "signer")), id="key of a client"),
        pytest.param(lambda claims: signed(claims, a_key("ES256", "partner"), crit=["x"]), id="crit"),
        pytest.param(lambda claims: signed(claims, a_key("ES256", "partner"), jku="https://evil.example"), id="jku"),
        pytest.param(lambda claims: signed(claims, a_key("ES256", "x"), jwk=a_key("ES256", "x").public), id="jwk"),
        pytest.param(lambda claims: signed(claims, b"secret"), id="shared secret"),
        pytest.param(lambda claims: "x", id="no JWT"),
        pytest.param(lambda claims: "a.b.c.d.e", id="encrypted"),
        pytest.param(lambda claims: "A" * 17_000, id="too large"),
    ],
)
def test_a_forged_assertion_is_refused(standing, forged):
    refused(standing.bear(forged(standing.partner_claims()), scope=SCOPE))


def test_without_an_assertion_the_request_is_malformed(standing):
    refused(standing.world.token("app", GRANT_TYPE, scope=SCOPE), "invalid_request")


@pytest.mark.parametrize("sub", ["nobody", "dora", "alice@example.com", "Alice@Example.com", "a" * 2_000])
def test_every_reason_why_nobody_is_named_is_told_in_the_same_words(standing, sub):
    assert refused(standing.bear(standing.partner(sub=sub))) == "the token names nobody who may sign in here"


class TestOnce:
    """Single use (CVE-2020-15222, CVE-2026-90997)."""

    def test_an_assertion_is_used_once(self, world: World):
        shop = open_shop(world)
        assertion = shop.partner()
        claims_of(shop.bear(assertion, scope=SCOPE))
        before = world.rows()
        for client in ("app", "app"):
            refused(shop.bear(assertion, client, scope=SCOPE))
        assert world.rows()["sessions"] == before["sessions"]

    @pytest.mark.parametrize("seconds", [59, 61, 119])
    def test_until_the_last_clock_that_is_forgiven_has_passed(self, shop, seconds):
        assertion = shop.partner()
        claims_of(shop.bear(assertion, scope=SCOPE))
        shop.world.clock.move(seconds=seconds)
        purging(shop.world.storage, shop.world.clock, 86_400)(Event())
        refused(shop.bear(assertion, scope=SCOPE))

    def test_another_token_of_the_same_id_is_a_replay(self, shop):
        claims_of(shop.bear(shop.partner(jti="one"), scope=SCOPE))
        refused(shop.bear(shop.partner(jti="one", sub="bob"), scope=SCOPE))

    def test_of_sixteen_uses_at_once_one_signs_in(self, world: World):
        shop = open_shop(world)
        assertion = shop.partner()
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda _: shop.bear(assertion, scope=SCOPE).status_code, range(16)))
        assert sorted(answers) == [200] + [400] * 15

    def test_a_scope_that_the_client_can_mend_leaves_it_unused(self, shop):
        assertion = shop.partner()
        refused(shop.bear(assertion, scope="nonsense"), "invalid_scope")
        claims_of(shop.bear(assertion, scope=SCOPE))

    def test_a_wrong_client_secret_leaves_it_unused(self, shop):
        shop.change_client("web", grant_types=frozenset({GRANT_TYPE}))
        assertion = shop.partner()
        shop.world.secrets["web"], right = "wrong", shop.world.secrets["web"]
        assert shop.bear(assertion, "web", scope=SCOPE).status_code == 401
        shop.world.secrets["web"] = right
        claims_of(shop.bear(assertion, "web", scope=SCOPE))


class TestSubjects:
    """Whom an issuer may name, and by what."""

    def test_by_the_id_that_this_server_gave(self, shop):
        shop.change_partner(subject_kind="user_id")
        alice = shop.world.user().id
        assert claims_of(shop.bear(shop.partner(sub=str(alice)), scope=SCOPE))["sub"] == str(alice)
        for other in ("alice", str(uuid4()), str(alice).upper(), alice.hex, f"{{{alice}}}"):
            refused(shop.bear(shop.partner(sub=other), scope=SCOPE))

    def test_by_name_in_upper_and_lower_case(self, shop):
        for spelling in ("alice", "ALICE"):
            assert claims_of(shop.bear(shop.partner(sub=spelling), scope=SCOPE))["sub"] == str(shop.world.user().id)

    def test_by_address_where_the_issuer_says_that_it_is_verified(self, shop):
        shop.change_partner(subject_kind="email", subject_claim="email")
        named = {"sub": "x", "email": "alice@example.com"}
        assert claims_of(shop.bear(shop.partner(**named, email_verified=True), scope=SCOPE))["sub"] == str(
            shop.world.user().id
        )
        for verified in (GONE, False, "true", 1, None):
            refused(shop.bear(shop.partner(**named, email_verified=verified), scope=SCOPE))
        # Bob's address is not verified here; a name is no address.
        for email in ("bob@example.com", "alice", GONE):
            refused(shop.bear(shop.partner(sub="x", email=email, email_verified=True), scope=SCOPE))

    def test_by_another_claim(self, shop):
        shop.change_partner(subject_claim="preferred_username")
        answer = shop.bear(shop.partner(sub="bob", preferred_username="alice"), scope=SCOPE)
        assert claims_of(answer)["sub"] == str(shop.world.user().id)
        refused(shop.bear(shop.partner(sub="alice"), scope=SCOPE))

    @pytest.mark.parametrize(
        ("rules", "may"),
        [
            pytest.param({"alice"}, True, id="named"),
            pytest.param({"bob", "ali*"}, True, id="by its beginning"),
            pytest.param({"*"}, True, id="anyone"),
            pytest.param({"bob"}, False, id="another"),
            pytest.param({"ali"}, False, id="a beginning without a star"),
            pytest.param({"alice-*"}, False, id="a longer beginning"),
            pytest.param({"*lice"}, False, id="a star elsewhere"),
        ],
    )
    def test_only_whom_its_rules_let_it_name(self, shop, rules, may):
        shop.change_partner(subjects=frozenset(rules))
        assert shop.bear(shop.partner(), scope=SCOPE).status_code == (200 if may else 400)


class TestIssuer:
    @pytest.mark.parametrize(
        "changed",
        [
            pytest.param({"purposes": frozenset({SUBJECTS})}, id="trusted for exchanges only"),
            pytest.param({"disabled_at": datetime(2026, 1, 1, tzinfo=UTC)}, id="disabled"),
            pytest.param({"algorithms": frozenset({"RS256"})}, id="other algorithms"),
            pytest.param({"jwks": None, "jwks_uri": "https://127.0.0.1:9/jwks"}, id="keys cannot be had"),
            pytest.param({"max_token_seconds": 59}, id="shorter lives"),
        ],
    )
    def test_is_not_trusted_so(self, shop, changed):
        claims_of(shop.bear(shop.partner(), scope=SCOPE))
        shop.change_partner(**changed)
        refused(shop.bear(shop.partner(), scope=SCOPE))

    def test_a_token_without_iat_lives_from_now(self, standing):
        seconds = int(standing.world.clock().timestamp())
        claims_of(standing.bear(standing.partner(iat=GONE, exp=seconds + 600), scope=SCOPE))
        refused(standing.bear(standing.partner(iat=GONE, exp=seconds + 602), scope=SCOPE))
        refused(standing.bear(standing.partner(iat=seconds - 500, exp=seconds + 200), scope=SCOPE))

    def test_an_issuer_of_the_other_tenant_is_none_of_this_one(self, shop):
        with shop.world.change() as uow:
            stored = uow.issuers.get(PARTNER)
            assert stored is not None
            uow.issuers.delete(PARTNER)
        with shop.world.change(shop.world.other) as uow:
            uow.issuers.add(stored)
        refused(shop.bear(shop.partner(), scope=SCOPE))

    def test_an_issuer_that_is_registered_by_our_own_name_signs_nobody_in(self, shop):
        ours = shop.world.tenant.issuer
        with shop.world.change() as uow:
            stored = uow.issuers.get(PARTNER)
            assert stored is not None
            uow.issuers.delete(PARTNER)
            uow.issuers.add(
                type(stored)(**{name: getattr(stored, name) for name in stored.__slots__} | {"issuer": ours})
            )
        refused(shop.bear(shop.partner(iss=ours), scope=SCOPE))


def test_a_client_without_the_grant_may_not(standing):
    refused(standing.bear(standing.partner(), "app2", scope=SCOPE), "unauthorized_client")


def test_the_end_of_the_session_ends_what_it_gave(shop):
    answer = shop.bear(shop.partner(), scope="openid es256:read")
    with shop.world.change() as uow:
        assert uow.sessions.end(UUID(claims_of(answer)["sid"]), shop.world.clock())
    assert shop.world.get("/userinfo", bearer=answer.json()["access_token"]).status_code == 401
