"""ID tokens as subject tokens: only true ones, of the client that a policy names, while their session lives."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jwt
import pytest

from authsvc.crypto import jws
from authsvc.crypto.algorithms import SIGNING_ALGORITHMS
from authsvc.crypto.jwk import SigningKey
from authsvc.protocol.subject_token import ID_TOKEN
from tests.flows.assertions import GONE, a_key, compact, signed
from tests.flows.exchanges import PARTNERS, TO_BILLING, Shop, claims_of, refused, standing_shop

DOOR = replace(TO_BILLING, clients=frozenset({"app", "narrow"}), scopes=(("*", frozenset({"eddsa:read"})),))


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop that no case changes, where orders may exchange the ID tokens of two apps."""
    with standing_shop(tmp_path_factory.mktemp("shop")) as shop:
        shop.policies(replace(DOOR, any_audience=True))
        yield shop


@pytest.fixture(scope="module")
def told(standing: Shop) -> dict[str, Any]:
    """What alice's ID token says."""
    id_token = standing.world.tokens("app", scope="openid")["id_token"]
    return dict(jwt.decode(id_token, options={"verify_signature": False}))


def our_key(shop: Shop, algorithm: str) -> SigningKey:
    with shop.world.change() as uow:
        return shop.keyring().signing_key(algorithm, uow, shop.world.clock())


def exchanged(shop: Shop, token: str):
    return shop.exchange(token, subject_token_type=ID_TOKEN)


def test_it_tells_of_its_own_sign_in_not_of_what_the_session_has_become(standing, told):
    earlier = {**told, "auth_time": told["auth_time"] - 600, "amr": ["pwd", "otp"]}
    found = claims_of(exchanged(standing, jws.sign(earlier, our_key(standing, "RS256"), "JWT")))
    assert (found["auth_time"], found["amr"]) == (earlier["auth_time"], earlier["amr"])


@pytest.mark.parametrize("algorithm", SIGNING_ALGORITHMS)
def test_it_may_be_signed_with_any_of_our_algorithms(standing, told, algorithm):
    found = claims_of(exchanged(standing, jws.sign(told, our_key(standing, algorithm), "JWT")))
    assert (found["sub"], found["sid"], found["client_id"]) == (told["sub"], told["sid"], "orders")


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"iss": "https://evil.example"}, id="another issuer"),
        pytest.param({"iss": "http://localhost:8000/t/other"}, id="another tenant"),
        pytest.param({"iss": GONE}, id="no issuer"),
        pytest.param({"aud": "app2"}, id="a client that no policy names"),
        pytest.param({"aud": ["app", "app2"]}, id="two audiences"),
        pytest.param({"aud": ["app"]}, id="its audience in a list"),
        pytest.param({"aud": "nobody"}, id="unknown client"),
        pytest.param({"aud": GONE}, id="no audience"),
        pytest.param({"exp": 1}, id="expired"),
        pytest.param({"exp": GONE}, id="no end"),
        pytest.param({"iat": 4_000_000_000}, id="of the future"),
        pytest.param({"sub": "alice"}, id="subject that is no id"),
        pytest.param({"sub": "1b4e28ba-2fa1-4d3b-a3f5-ef19b5a7633b"}, id="unknown user"),
        pytest.param({"sub": GONE}, id="no subject"),
        pytest.param({"sid": GONE}, id="no session"),
        pytest.param({"sid": "x"}, id="session that is no id"),
        pytest.param({"sid": "1b4e28ba-2fa1-4d3b-a3f5-ef19b5a7633b"}, id="unknown session"),
        pytest.param({"cnf": {"jkt": "x"}}, id="bound to a key"),
    ],
)
def test_even_signed_with_our_own_key_it_is_refused(standing, told, changed):
    claims = {name: value for name, value in {**told, **changed}.items() if value is not GONE}
    refused(exchanged(standing, jws.sign(claims, our_key(standing, "RS256"), "JWT")))


def test_the_session_must_be_its_subjects(standing, told):
    claims = {**told, "sub": str(standing.world.user("irma").id)}
    refused(exchanged(standing, jws.sign(claims, our_key(standing, "RS256"), "JWT")))


@pytest.mark.parametrize("typ", ["at+jwt", "logout+jwt", "token-introspection+jwt", "dpop+jwt", "JWS"])
def test_another_kind_of_token_of_ours_is_none(standing, told, typ):
    refused(exchanged(standing, jws.sign(told, our_key(standing, "RS256"), typ)))


def test_nobody_else_can_make_one(standing, told):
    ours, theirs = our_key(standing, "RS256"), a_key("RS256", "somebody")
    public = str(ours.public).encode()
    for forged in (
        signed(told, theirs),
        signed(told, theirs, kid=ours.kid),
        signed(told, theirs, kid=ours.kid, jwk=theirs.public),
        signed(told, ours, kid=GONE),
        signed(told, ours, crit=["exp"]),
        signed(told, public, kid=ours.kid),
        compact({"alg": "none", "typ": "JWT", "kid": ours.kid}, told, None),
    ):
        refused(exchanged(standing, forged))


def test_a_client_without_policies_for_clients_learns_nothing(shop: Shop):
    shop.policies(PARTNERS)
    good = shop.world.tokens("app", scope="openid")["id_token"]
    told = {refused(exchanged(shop, token)) for token in (good, good[:-4] + "AAAA", "x")}
    assert told == {"this client may not exchange ID tokens"}
