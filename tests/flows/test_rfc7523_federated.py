"""Workloads that sign in with the token of their platform: a CI job, a SPIFFE workload, a Kubernetes account."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import jwt
import pytest

from authsvc.domain.parties.clients import FederatedIdentity
from authsvc.domain.parties.trusted_issuers import SUBJECTS, USERS, WORKLOADS
from tests.flows.assertions import (
    CI_ISSUER,
    CI_SUBJECT,
    GONE,
    JWT_BEARER,
    JWT_SPIFFE,
    SPIFFE_ID,
    TRUST_DOMAIN,
    a_key,
    ci_claims,
    compact,
    jwks,
    own_claims,
    signed,
    svid_claims,
)
from tests.flows.world import ISSUER, World, running_world

KUBERNETES = "https://kubernetes.default.svc.cluster.local"
ACCOUNT = "system:serviceaccount:shop:orders"


def post(world: World, token: str, kind: str = JWT_BEARER, path: str = "/token", **fields: Any) -> httpx.Response:
    given = {
        "grant_type": "client_credentials", "scope": "es256:read", "client_assertion_type": kind,
        "client_assertion": token, **fields,
    }  # fmt: skip
    return world.http.post(path, data=given)


def ci(world: World, header: dict[str, Any] | None = None, **changed: Any) -> str:
    return signed(ci_claims(ISSUER, world.clock(), **changed), a_key("RS256", "ci"), **(header or {}))


def svid(world: World, header: dict[str, Any] | None = None, **changed: Any) -> str:
    return signed(svid_claims(ISSUER, world.clock(), **changed), a_key("ES256", "spiffe"), **(header or {}))


def is_refused(answer: httpx.Response) -> bool:
    return (
        (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        and answer.json()["error_description"] == "client authentication failed"
    )  # fmt: skip


def client_of(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    return str(jwt.decode(answer.json()["access_token"], options={"verify_signature": False})["client_id"])


@pytest.mark.parametrize(
    "typ",
    [
        pytest.param(GONE, id="none"),
        pytest.param("JWT", id="JWT"),
        pytest.param("JOSE", id="JOSE"),
        pytest.param("client-authentication+jwt", id="explicit"),
    ],
)
def test_a_token_of_the_platform_is_the_client_it_is_mapped_to(world: World, typ):
    assert client_of(post(world, ci(world, {"typ": typ}))) == "workload"
    assert client_of(post(world, svid(world, {"typ": typ}), JWT_SPIFFE)) == "workload"


@pytest.mark.parametrize("name", ["x5t", "x5t#S256"])
def test_a_thumbprint_in_its_header_is_no_key_and_says_nothing(small_world: World, name: str):
    """GitHub's tokens have one, and those of Microsoft."""
    assert client_of(post(small_world, ci(small_world, {name: "ykNaY4qM_ta4k2TgZOCEYLkcYlA"}))) == "workload"


def test_it_may_be_presented_again_until_it_expires(world: World):
    """Nobody gives the workload another one before."""
    token = ci(world, jti="the same")
    for _ in range(3):
        assert client_of(post(world, token)) == "workload"
    world.clock.move(seconds=299 + 60)
    assert post(world, token).status_code == 200
    world.clock.move(seconds=2)
    assert is_refused(post(world, token))


@pytest.mark.parametrize(
    "kind", [pytest.param(JWT_SPIFFE, id="type of SPIFFE"), pytest.param(JWT_BEARER, id="ordinary type")]
)
def test_the_trust_domain_of_a_workload_is_its_issuer(small_world: World, kind):
    assert client_of(post(small_world, svid(small_world), kind)) == "workload"


@pytest.mark.parametrize("issuer", ["https://oidc.prod.example", CI_ISSUER, SPIFFE_ID, "spiffe://evil.example", 7])
def test_whatever_issuer_a_workload_names_its_trust_domain_is_asked(small_world: World, issuer):
    """SPIRE writes iss for the sake of others: it must select no other keys."""
    answer = post(small_world, svid(small_world, iss=issuer), JWT_SPIFFE)
    if issuer == 7:
        assert is_refused(answer), "not even a text"
        return
    assert client_of(answer) == "workload"
    forged = signed(svid_claims(ISSUER, small_world.clock(), iss=issuer), a_key("RS256", "ci"))
    assert is_refused(post(small_world, forged, JWT_SPIFFE))


def test_a_kubernetes_account_is_known_by_an_audience_of_its_own(small_world: World):
    """Its tokens have no typ, several claims of their own, and the audience that the cluster was told."""
    key = a_key("RS256", "cluster")
    with small_world.change() as uow:
        known = uow.issuers.get(CI_ISSUER)
        client = uow.clients.get("workload")
        assert known is not None
        assert client is not None
        uow.issuers.add(
            replace(known, issuer=KUBERNETES, jwks=jwks(key), subjects=frozenset(), max_token_seconds=3_600)
        )
        identity = FederatedIdentity(KUBERNETES, ACCOUNT, "authsvc")
        uow.clients.save(replace(client, identities=(*client.identities, identity)))
    claims = ci_claims(
        ISSUER, small_world.clock(), iss=KUBERNETES, sub=ACCOUNT, aud=["authsvc"],
        **{"kubernetes.io": {"namespace": "shop", "serviceaccount": {"name": "orders"}}},
    )  # fmt: skip
    assert client_of(post(small_world, signed(claims, key, typ=GONE))) == "workload"
    for audience in (ISSUER, [ISSUER], ["authsvc", "vault"], ["https://kubernetes.default.svc"], "authsvc2"):
        assert is_refused(post(small_world, signed({**claims, "aud": audience}, key, typ=GONE)))


def test_the_client_id_may_be_named_if_it_is_the_same(small_world: World):
    assert post(small_world, ci(small_world), client_id="workload").status_code == 200
    for other in ("signer", "app", "nobody", CI_SUBJECT):
        assert is_refused(post(small_world, ci(small_world), client_id=other))


def test_a_second_method_beside_it_is_refused(small_world: World):
    answer = small_world.http.post(
        "/token", auth=("svc", small_world.secrets["svc"]),
        data={"grant_type": "client_credentials", "client_assertion_type": JWT_BEARER,
              "client_assertion": ci(small_world)},
    )  # fmt: skip
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def _wrong(world: World) -> dict[str, tuple[str, str]]:
    now = int(world.clock().timestamp())
    of_ci: dict[str, dict[str, Any]] = {
        "no iss": {"iss": GONE},
        "empty iss": {"iss": ""},
        "iss as list": {"iss": [CI_ISSUER]},
        "unknown issuer": {"iss": "https://unknown.example"},
        "issuer with a slash": {"iss": f"{CI_ISSUER}/"},
        "part of the issuer": {"iss": CI_ISSUER[:-1]},
        "issuer in upper case": {"iss": CI_ISSUER.upper()},
        "another trusted issuer": {"iss": TRUST_DOMAIN},
        "no sub": {"sub": GONE},
        "empty sub": {"sub": ""},
        "sub as list": {"sub": [CI_SUBJECT]},
        "another subject of the same issuer": {"sub": "repo:octo/orders:ref:refs/heads/other"},
        "a subject beyond its rule": {"sub": "repo:mallory/orders:ref:refs/heads/main"},
        "part of the subject": {"sub": CI_SUBJECT[:-1]},
        "more than the subject": {"sub": f"{CI_SUBJECT}x"},
        "subject in upper case": {"sub": CI_SUBJECT.upper()},
        "a star as subject": {"sub": "repo:octo/*"},
        "a client's id as subject": {"sub": "workload"},
        "a SPIFFE id of another issuer": {"sub": SPIFFE_ID},
        "itself": {"iss": "workload", "sub": "workload"},
        "no aud": {"aud": GONE},
        "empty aud": {"aud": []},
        "another audience": {"aud": "https://vault.example"},
        "two audiences": {"aud": [ISSUER, "https://vault.example"]},
        "token endpoint": {"aud": f"{ISSUER}/token"},
        "audience with a slash": {"aud": f"{ISSUER}/"},
        "other tenant": {"aud": f"{ISSUER}/t/other"},
        "no exp": {"exp": GONE},
        "exp as text": {"exp": str(now + 60)},
        "exp true": {"exp": True},
        "exp null": {"exp": None},
        "expired": {"iat": now - 300, "exp": now - 61},
        "issued in the future": {"iat": now + 120},
        "not good yet": {"nbf": now + 120},
        "lives too long": {"exp": now + 901},
        "lives too long, iat in the past": {"iat": now - 700, "exp": now + 201},
        "lives too long, no iat": {"iat": GONE, "exp": now + 961},
    }
    of_spiffe: dict[str, dict[str, Any]] = {
        "another trust domain": {"sub": SPIFFE_ID.replace("prod", "evil")},
        "another workload": {"sub": f"{TRUST_DOMAIN}/ns/shop/sa/billing"},
        "no path": {"sub": TRUST_DOMAIN},
        "empty path": {"sub": f"{TRUST_DOMAIN}/"},
        "dots in its path": {"sub": f"{TRUST_DOMAIN}/ns/x/../shop/sa/orders"},
        "empty segment": {"sub": f"{TRUST_DOMAIN}//ns/shop/sa/orders"},
        "trailing slash": {"sub": f"{SPIFFE_ID}/"},
        "query": {"sub": f"{SPIFFE_ID}?x"},
        "fragment": {"sub": f"{SPIFFE_ID}#x"},
        "port": {"sub": SPIFFE_ID.replace("example", "example:443")},
        "user": {"sub": SPIFFE_ID.replace("//", "//x@")},
        "upper case": {"sub": SPIFFE_ID.upper()},
        "another scheme": {"sub": SPIFFE_ID.replace("spiffe", "https")},
        "line end": {"sub": f"{SPIFFE_ID}\n"},
        "overlong": {"sub": SPIFFE_ID + "x" * 2_048},
        "a job of the CI": {"sub": CI_SUBJECT},
        "no audience": {"aud": GONE},
        "token endpoint": {"aud": [f"{ISSUER}/token"]},
        "two audiences": {"aud": [ISSUER, "https://vault.example"]},
    }
    tokens = {f"CI: {name}": (ci(world, **changed), JWT_BEARER) for name, changed in of_ci.items()}
    tokens |= {f"SPIFFE: {name}": (svid(world, **changed), JWT_SPIFFE) for name, changed in of_spiffe.items()}
    return tokens | _forged(world)


def _forged(world: World) -> dict[str, tuple[str, str]]:
    claims, key, mallory = ci_claims(ISSUER, world.clock()), a_key("RS256", "ci"), a_key("RS256", "mallory")
    workload, spiffe = svid_claims(ISSUER, world.clock()), a_key("ES256", "spiffe")
    forged = {
        "another's key": signed(claims, mallory),
        "another's key under the right kid": signed(claims, mallory, kid=key.kid),
        "key of the other issuer": signed(claims, spiffe),
        "PS256 of an issuer of RS256": signed(claims, a_key("PS256", "ci")),
        "access token": signed(claims, key, typ="at+jwt"),
        "access token in full": signed(claims, key, typ="application/at+jwt"),
        "logout token": signed(claims, key, typ="logout+jwt"),
        "security event": signed(claims, key, typ="secevent+jwt"),
        "DPoP proof": signed(claims, key, typ="dpop+jwt"),
        "jwk": signed(claims, mallory, jwk=dict(mallory.public), kid=GONE),
        "jku": signed(claims, mallory, jku="https://evil.example/jwks", kid=GONE),
        "x5c": signed(claims, key, x5c=["MIIB"]),
        "crit": signed(claims, key, crit=["exp"]),
        "b64": signed(claims, key, b64=False),
        "unsigned": compact({"alg": "none", "typ": "JWT"}, claims, None),
        "unsigned, spelled otherwise": compact({"alg": "NoNe", "typ": "JWT"}, claims, None),
        "no signature": compact({"alg": "RS256", "kid": key.kid}, claims, None),
        "a client's own, typed as of SPIFFE": signed(
            own_claims("signer", ISSUER, world.clock()), a_key("ES256", "signer")
        ),
    }
    for form in (key.key.public_key().to_pem(), json.dumps(dict(key.public)).encode(), jwks(key).encode()):
        for algorithm in ("HS256", "HS384", "HS512"):
            forged[f"{algorithm} under {form[:20]!r}"] = signed(claims, form, alg=algorithm)
    tokens = {name: (token, JWT_SPIFFE if "SPIFFE" in name else JWT_BEARER) for name, token in forged.items()}
    tokens["a job as a workload of SPIFFE"] = (signed(workload, key), JWT_SPIFFE)
    tokens["a workload signed by nobody"] = (signed(workload, a_key("ES256", "mallory")), JWT_SPIFFE)
    return tokens


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Iterator[dict[str, httpx.Response]]:
    directory = tmp_path_factory.mktemp("federated")
    with running_world(f"sqlite:///{directory}/authsvc.db", directory) as world:
        yield {name: post(world, token, kind) for name, (token, kind) in _wrong(world).items()}


def test_no_other_token_is_accepted_and_all_refusals_read_the_same(table):
    accepted = {name: answer.text for name, answer in table.items() if not is_refused(answer)}
    assert accepted == {}
    assert len(table) > 80
    assert len({str({**answer.json(), "request_id": ""}) for answer in table.values()}) == 1


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"purposes": frozenset({USERS, SUBJECTS})}, id="trusted for something else"),
        pytest.param({"subjects": frozenset({"repo:octo/billing:*", CI_SUBJECT[:-1]})}, id="may not name it"),
        pytest.param({"algorithms": frozenset({"ES256"})}, id="other algorithms"),
        pytest.param({"algorithms": frozenset()}, id="no algorithms"),
        pytest.param({"algorithms": frozenset({"HS256"})}, id="algorithm of shared secrets"),
        pytest.param({"max_token_seconds": 299}, id="shorter lives"),
        pytest.param({"jwks": jwks(a_key("RS256", "mallory"))}, id="other keys"),
        pytest.param({"jwks": '{"keys": []}'}, id="no keys"),
        pytest.param({"jwks": None, "jwks_uri": "https://127.0.0.1:1/jwks"}, id="keys that cannot be fetched"),
    ],
)
def test_the_rules_of_the_issuer_are_kept(small_world: World, changed):
    token = ci(small_world)
    assert post(small_world, token).status_code == 200
    with small_world.change() as uow:
        issuer = uow.issuers.get(CI_ISSUER)
        assert issuer is not None
        uow.issuers.save(replace(issuer, **changed))
    assert is_refused(post(small_world, token))


def test_an_issuer_or_an_identity_that_is_gone_signs_nobody_in(world: World):
    token = ci(world)
    with world.change() as uow:
        uow.issuers.disable(CI_ISSUER, world.clock())
    assert is_refused(post(world, token))
    with world.change() as uow:
        uow.issuers.enable(CI_ISSUER)
    assert post(world, token).status_code == 200
    with world.change() as uow:
        client = uow.clients.get("workload")
        assert client is not None
        uow.clients.save(replace(client, identities=client.identities[1:]))
    assert is_refused(post(world, token))
    assert client_of(post(world, svid(world), JWT_SPIFFE)) == "workload"
    with world.change() as uow:
        uow.clients.disable("workload", world.clock())
    assert is_refused(post(world, svid(world), JWT_SPIFFE))


def test_an_identity_of_a_client_of_another_method_is_refused(small_world: World):
    with small_world.change() as uow:
        client = uow.clients.get("workload")
        assert client is not None
        uow.clients.save(replace(client, auth_method="client_secret_basic"))
    assert is_refused(post(small_world, ci(small_world)))


def test_subjects_are_bounded_by_texts_and_beginnings(small_world: World):
    subjects = {frozenset({CI_SUBJECT}): True, frozenset({"repo:octo/*"}): True, frozenset({"*"}): True,
                frozenset({"repo:octo/"}): False, frozenset({"*main"}): False}  # fmt: skip
    for rule, allowed in subjects.items():
        with small_world.change() as uow:
            issuer = uow.issuers.get(CI_ISSUER)
            assert issuer is not None
            uow.issuers.save(replace(issuer, subjects=rule, purposes=frozenset({WORKLOADS})))
        assert (post(small_world, ci(small_world)).status_code == 200) == allowed


def test_the_other_tenant_has_issuers_and_identities_of_its_own(small_world: World):
    with small_world.change(small_world.other) as uow:
        uow.issuers.delete(CI_ISSUER)
    for_other = ci(small_world, aud=small_world.other.issuer)
    assert is_refused(post(small_world, for_other, path="/t/other/token"))
    assert is_refused(post(small_world, for_other))
    assert post(small_world, ci(small_world)).status_code == 200
