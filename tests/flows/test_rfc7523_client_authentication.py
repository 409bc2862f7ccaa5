"""Clients that authenticate by an assertion of their own: private_key_jwt, client_secret_jwt (RFC 7523, RFC 10070)."""

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import OctKey

from tests.flows.asserting import CLIENTS, GRANT, good, is_refused, post
from tests.flows.assertions import GONE, JWT_BEARER, a_key, compact, jwks, own_claims, signed
from tests.flows.world import ISSUER, World, running_world


@pytest.mark.parametrize("client", CLIENTS)
def test_an_assertion_gets_a_token_for_its_client(world: World, client):
    answer = post(world, good(world, client))
    assert answer.status_code == 200, answer.text
    claims = jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
    assert claims["client_id"] == client


@pytest.mark.parametrize(
    "typ",
    [
        pytest.param(GONE, id="none"),
        pytest.param("JWT", id="JWT"),
        pytest.param("jwt", id="lower case"),
        pytest.param("client-authentication+jwt", id="explicit"),
        pytest.param("application/client-authentication+jwt", id="full media type"),
    ],
)
def test_the_type_may_be_absent_ordinary_or_explicit(small_world: World, typ):
    claims = own_claims("signer", ISSUER, small_world.clock())
    assert post(small_world, signed(claims, a_key("ES256", "signer"), typ=typ)).status_code == 200


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"aud": [ISSUER]}, id="audience in an array of one"),
        pytest.param({"iat": GONE}, id="no iat"),
        pytest.param({"nbf": 0}, id="nbf past"),
        pytest.param({"jti": "x" * 256}, id="longest jti"),
        pytest.param({"further": {"claim": [1, 2]}}, id="a claim nobody asked for"),
    ],
)
def test_what_may_differ_is_accepted(small_world: World, changed):
    assert post(small_world, good(small_world, **changed)).status_code == 200


def test_a_kid_need_not_be_named_and_the_client_id_may_be_repeated(small_world: World):
    claims = own_claims("signer", ISSUER, small_world.clock())
    token = signed(claims, a_key("ES256", "signer"), kid=GONE)
    assert post(small_world, token, client_id="signer").status_code == 200
    claims = own_claims("sharer", ISSUER, small_world.clock())
    assert post(small_world, signed(claims, small_world.secrets["sharer"].encode(), kid="any")).status_code == 200


def _times(now: int) -> dict[str, dict[str, Any]]:
    return {
        "expired": {"iat": now - 300, "exp": now - 61},
        "expired long ago": {"iat": 1, "exp": 2},
        "good for more than an hour": {"exp": now + 3_600 + 120},
        "good for ever": {"exp": 253402300799},
        "issued in the future": {"iat": now + 120},
        "not good yet": {"nbf": now + 120},
        "issued long ago": {"iat": now - 2 * 3_600},
        "exp as text": {"exp": str(now + 60)},
        "exp true": {"exp": True},
        "exp null": {"exp": None},
        "exp zero": {"exp": 0},
        "exp negative": {"exp": -now},
        "exp in a list": {"exp": [now + 60]},
        "exp in milliseconds": {"exp": (now + 60) * 1_000},
        "iat as text": {"iat": str(now)},
        "iat null": {"iat": None},
        "nbf as text": {"nbf": "now"},
        "no exp": {"exp": GONE},
    }


def _parties(client: str) -> dict[str, dict[str, Any]]:
    others = {"signer": "signer-rsa", "signer-rsa": "signer", "sharer": "signer"}
    return {
        "no iss": {"iss": GONE},
        "no sub": {"sub": GONE},
        "empty iss and sub": {"iss": "", "sub": ""},
        "iss and sub as lists": {"iss": [client], "sub": [client]},
        "iss and sub as numbers": {"iss": 1, "sub": 1},
        "iss and sub null": {"iss": None, "sub": None},
        "unknown client": {"iss": "nobody", "sub": "nobody"},
        "iss of another": {"iss": others[client]},
        "sub of another": {"sub": others[client]},
        "another client": {"iss": others[client], "sub": others[client]},
        "in upper case": {"iss": client.upper(), "sub": client.upper()},
        "with a blank": {"iss": f"{client} ", "sub": f"{client} "},
        "the issuer itself": {"iss": ISSUER, "sub": ISSUER},
    }


AUDIENCES = {
    "no aud": GONE,
    "empty aud": "",
    "null aud": None,
    "empty list": [],
    "aud as object": {ISSUER: True},
    "aud as number": 1,
    "list of lists": [[ISSUER]],
    "list with a number": [ISSUER, 1],
    "token endpoint": f"{ISSUER}/token",
    "trailing slash": f"{ISSUER}/",
    "upper case": ISSUER.upper(),
    "another port": "http://localhost:80000",
    "part of it": ISSUER[:-1],
    "more than it": f"{ISSUER}0",
    "another host": "https://login.example",
    "other tenant": f"{ISSUER}/t/other",
    "two audiences": [ISSUER, "https://evil.example"],
    "two audiences, ours last": ["https://evil.example", ISSUER],
    "issuer and token endpoint": [ISSUER, f"{ISSUER}/token"],
    "issuer twice": [ISSUER, ISSUER],
    "several in one text": f"{ISSUER} https://evil.example",
}
IDS = {
    "no jti": GONE,
    "empty jti": "",
    "null jti": None,
    "number jti": 7,
    "list jti": ["x"],
    "overlong jti": "x" * 257,
}
PARTIES = tuple(_parties("signer"))
TIMES = tuple(_times(0))


def _wrong_claims(client: str, now: int) -> dict[str, dict[str, Any]]:
    return {
        **_times(now),
        **_parties(client),
        **{name: {"aud": value} for name, value in AUDIENCES.items()},
        **{name: {"jti": value} for name, value in IDS.items()},
    }


def _odd_texts(world: World) -> dict[str, str]:
    """Tokens that the right key has signed, whose claims can be read in two ways or not at all."""
    claims = json.dumps(own_claims("signer", ISSUER, world.clock()))
    body, key = claims[:-1].encode(), a_key("ES256", "signer")
    return {
        "NaN": signed(body.replace(b'"exp": ', b'"exp": NaN, "was": ') + b"}", key),
        "infinite": signed(body.replace(b'"exp": ', b'"exp": 1e400, "was": ') + b"}", key),
        "exp twice": signed(body + b', "exp": 9999999999}', key),
        "aud twice": signed(body + b', "aud": "https://evil.example"}', key),
        "NUL in jti": signed(body.replace(b'"jti": "', b'"jti": "\\u0000') + b"}", key),
        "lone surrogate in jti": signed(body.replace(b'"jti": "', b'"jti": "\\ud800') + b"}", key),
        "not an object": signed(b"[1]", key),
        "not JSON": signed(b"claims", key),
        "empty": signed(b"", key),
        "not UTF-8": signed(b"\xff" + body, key),
        "too large": signed(body + b', "x": "' + b"x" * 20_000 + b'"}', key),
    }


def _public_forms(algorithm: str, of: str) -> dict[str, bytes]:
    """The public key in every form in which it might be taken for a secret."""
    key = a_key(algorithm, of)
    loaded = load_pem_public_key(key.key.public_key().to_pem())
    forms = {
        "PEM": loaded.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "PEM without its last line end": loaded.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).strip(),
        "DER": loaded.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "SSH": loaded.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        "JWK": json.dumps(dict(key.public)).encode(),
        "compact JWK": json.dumps(dict(key.public), separators=(",", ":")).encode(),
        "JWK Set": jwks(key).encode(),
    }
    if algorithm == "RS256":
        forms["PKCS #1 PEM"] = loaded.public_bytes(Encoding.PEM, PublicFormat.PKCS1)
        forms["modulus"] = str(key.public["n"]).encode()
    return forms


def _forged(world: World) -> dict[str, str]:
    """Tokens with good claims that the registered key has not signed, or not as it may."""
    claims = own_claims("signer", ISSUER, world.clock())
    mallory, key = a_key("ES256", "mallory"), a_key("ES256", "signer")
    ordinary, other = {"alg": "ES256", "kid": key.kid, "typ": "JWT"}, good(world)
    forged = {
        "another's key": signed(claims, mallory),
        "another's key under the right kid": signed(claims, mallory, kid=key.kid),
        "another client's key": signed(claims, a_key("RS256", "signer-rsa")),
        "another's key without kid": signed(claims, mallory, kid=GONE),
        "unknown kid": signed(claims, key, kid="unknown"),
        "null kid": signed(claims, key, kid=None),
        "empty kid": signed(claims, key, kid=""),
        "kid with a path": signed(claims, key, kid="../../../dev/null"),
        "kid with SQL": signed(claims, key, kid="x' UNION SELECT 'a"),
        "no alg": compact({**ordinary, "alg": GONE}, claims, key),
        "alg null": compact({**ordinary, "alg": None}, claims, key),
        "alg list": compact({**ordinary, "alg": ["ES256"]}, claims, key),
        "alg of no key": compact({**ordinary, "alg": "RS256"}, claims, key),
        "unknown alg": compact({**ordinary, "alg": "ES999"}, claims, key),
        "no signature": compact(ordinary, claims, None),
        "no segment of a signature": compact(ordinary, claims, None).rstrip("."),
        "signature of other claims": f"{signed(claims, key).rpartition('.')[0]}.{other.rpartition('.')[2]}",
        "typ of an access token": signed(claims, key, typ="at+jwt"),
        "typ of a logout token": signed(claims, key, typ="logout+jwt"),
        "typ number": signed(claims, key, typ=7),
        "embedded jwk": signed(claims, mallory, jwk=dict(mallory.public), kid=GONE),
        "embedded jwk of the right key": signed(claims, key, jwk=dict(key.public)),
        "jku": signed(claims, mallory, jku="https://evil.example/jwks"),
        "x5u": signed(claims, mallory, x5u="https://evil.example/cert"),
        "x5c": signed(claims, mallory, x5c=["MIIB"]),
        "crit": signed(claims, key, crit=["exp"]),
        "b64": signed(claims, key, b64=False, crit=["b64"]),
        "zip": signed(claims, key, zip="DEF"),
        "four segments": f"{signed(claims, key)}.x",
        "five segments": "a.b.c.d.e",
        "one dot": "a.b",
        "no token": "x",
        "padded": f"{signed(claims, key)}=",
        "with a blank": f"{signed(claims, key)} ",
        "ours": world.token("svc", scope="es256:read").json()["access_token"],
    }
    for name in ("none", "None", "NONE", "NoNe", "nOnE", ""):
        forged[f"alg {name!r}, no signature"] = compact({**ordinary, "alg": name}, claims, None)
        forged[f"alg {name!r}, with its signature"] = compact({**ordinary, "alg": name}, claims, key)
    for client, algorithm in (("signer", "ES256"), ("signer-rsa", "RS256")):
        theirs = own_claims(client, ISSUER, world.clock())
        for form, octets in _public_forms(algorithm, client).items():
            for hashing in ("HS256", "HS384", "HS512"):
                forged[f"{hashing} under the {form} of {client}"] = signed(theirs, octets, alg=hashing)
                forged[f"{hashing} under the {form} of {client}, kid named"] = signed(
                    theirs, octets, alg=hashing, kid=a_key(algorithm, client).kid
                )
    return forged


def _forged_under_secrets(world: World) -> dict[str, str]:
    claims, secret = own_claims("sharer", ISSUER, world.clock()), world.secrets["sharer"].encode()
    theirs = own_claims("signer", ISSUER, world.clock())
    return {
        "another secret": signed(claims, world.secrets["svc"].encode()),
        "no secret": signed(claims, b""),
        "secret cut": signed(claims, secret[:-1]),
        "secret decoded": signed(claims, base64.urlsafe_b64decode(secret[6:] + b"==")),
        "hash of the secret": signed(claims, hashlib.sha256(secret).hexdigest().encode()),
        "its client id": signed(claims, b"sharer"),
        "another HMAC than registered": signed(claims, secret, alg="HS384"),
        "a longer HMAC than registered": signed(claims, secret, alg="HS512"),
        "a key of its own": signed(claims, a_key("ES256", "sharer")),
        "the secret of another for a client with a key": signed(theirs, secret),
        "PS256 of a client of ES256": signed(theirs, a_key("PS256", "signer")),
        "alg none": compact({"alg": "none", "typ": "JWT"}, claims, None),
    }


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Iterator[dict[str, httpx.Response]]:
    """Every forged token's answer, from one running application."""
    directory = tmp_path_factory.mktemp("assertions")
    with running_world(f"sqlite:///{directory}/authsvc.db", directory) as world:
        before = world.rows()
        answers: dict[str, httpx.Response] = {}
        for client in CLIENTS:
            for name, changed in _wrong_claims(client, int(world.clock().timestamp())).items():
                answers[f"{client}: {name}"] = post(world, good(world, client, **changed))
        for name, token in (_odd_texts(world) | _forged(world) | _forged_under_secrets(world)).items():
            answers[name] = post(world, token)
        after = world.rows()
        assert before["used_assertions"] == after["used_assertions"] == 0
        yield answers


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("name", [*TIMES, *PARTIES, *AUDIENCES, *IDS])
def test_claims_that_are_not_as_they_must_be_are_refused(table, client, name):
    answer = table[f"{client}: {name}"]
    assert is_refused(answer), answer.text


def test_no_forged_assertion_is_accepted_and_all_refusals_read_the_same(table):
    accepted = {name: answer.text for name, answer in table.items() if not is_refused(answer)}
    assert accepted == {}
    assert len(table) > 300
    told = {str({**answer.json(), "request_id": ""}) for answer in table.values()}
    assert len(told) == 1


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        pytest.param({"client_assertion_type": None}, 400, "invalid_request", id="no type"),
        pytest.param({"client_assertion": None}, 400, "invalid_request", id="type alone"),
        pytest.param({"client_assertion": None, "client_id": "app"}, 400, "invalid_request", id="type and public id"),
        pytest.param({"client_assertion_type": "jwt-bearer"}, 401, "invalid_client", id="short type"),
        pytest.param(
            {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"}, 401,
            "invalid_client", id="SAML",
        ),
        pytest.param({"client_assertion_type": JWT_BEARER.upper()}, 401, "invalid_client", id="type in upper case"),
        pytest.param({"client_assertion_type": [JWT_BEARER] * 2}, 400, "invalid_request", id="type twice"),
        pytest.param({"client_id": "signer-rsa"}, 400, "invalid_request", id="another client's id"),
        pytest.param({"client_id": "app"}, 400, "invalid_request", id="a public client's id"),
        pytest.param({"client_id": "svc2", "client_secret": "x"}, 400, "invalid_request", id="another's secret too"),
        pytest.param({"client_id": "signer", "client_secret": "x"}, 400, "invalid_request", id="a secret too"),
        pytest.param({"client_secret": "x"}, 401, "invalid_client", id="a secret too, without an id"),
    ],
)  # fmt: skip
def test_half_an_assertion_or_a_second_method_is_refused(small_world: World, fields, status, code):
    token = good(small_world)
    answer = post(small_world, token, **fields)
    assert (answer.status_code, answer.json()["error"]) == (status, code)
    assert post(small_world, token).status_code == 200, "it was not used up"


def test_an_assertion_beside_basic_credentials_is_refused(small_world: World):
    given = {"grant_type": GRANT, "client_assertion_type": JWT_BEARER, "client_assertion": good(small_world)}
    for client in ("svc", "sharer"):
        answer = small_world.http.post("/token", data=given, auth=(client, small_world.secrets[client]))
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_two_assertions_are_refused(small_world: World):
    answer = post(small_world, good(small_world), client_assertion=[good(small_world), good(small_world)])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_the_secret_of_a_client_of_assertions_is_good_for_nothing_else(small_world: World):
    secret = small_world.secrets["sharer"]
    by_header = small_world.http.post("/token", data={"grant_type": GRANT}, auth=("sharer", secret))
    by_body = small_world.http.post(
        "/token", data={"grant_type": GRANT, "client_id": "sharer", "client_secret": secret}
    )
    assert is_refused(by_header)
    assert is_refused(by_body)


def test_the_token_endpoint_is_an_audience_for_clients_of_openid_connect_only(small_world: World):
    endpoint = f"{ISSUER}/token"
    with small_world.change() as uow:
        client = uow.clients.get("signer")
        assert client is not None
        uow.clients.save(replace(client, profile="oidc"))
    for accepted in (ISSUER, endpoint, [endpoint]):
        assert post(small_world, good(small_world, aud=accepted)).status_code == 200
    for refused in ([ISSUER, endpoint], f"{ISSUER}/t/other/token", f"{ISSUER}/introspect", f"{endpoint}/", "token"):
        assert is_refused(post(small_world, good(small_world, aud=refused)))
    assert is_refused(post(small_world, good(small_world, "signer-rsa", aud=endpoint)))


def test_an_assertion_for_one_tenant_is_nothing_to_the_other(small_world: World):
    """Both have the same client with the same key: the audience alone tells them apart."""
    assert is_refused(post(small_world, good(small_world), path="/t/other/token"))
    for_other = good(small_world, aud=small_world.other.issuer)
    assert is_refused(post(small_world, for_other))
    assert post(small_world, for_other, path="/t/other/token").status_code == 200


def test_assertions_of_pyjwt_and_joserfc_are_accepted(small_world: World):
    key = a_key("ES256", "signer")
    claims = own_claims("signer", ISSUER, small_world.clock())
    by_pyjwt = jwt.encode(claims, key.key.to_pem(), algorithm="ES256", headers={"kid": key.kid})
    assert post(small_world, by_pyjwt).status_code == 200
    secret = OctKey.import_key(small_world.secrets["sharer"])
    claims = own_claims("sharer", ISSUER, small_world.clock())
    assert post(small_world, joserfc_jwt.encode({"alg": "HS256"}, claims, secret)).status_code == 200
