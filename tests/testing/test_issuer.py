import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import jwt
import pytest

from authsvc.testing.issuer import Issuer, running_issuer
from authsvc.verify import IntrospectionVerifier, TokenRejected, TokenVerifier

PERSON = "5f0c3b1e-7d53-4c0f-9c1c-0a4d5c1f6b52"


@pytest.fixture
def verifier(issuer: Issuer) -> TokenVerifier:
    return TokenVerifier(issuer.url, issuer.audience, timeout_seconds=60)


@pytest.fixture
def asking(issuer: Issuer) -> Iterator[IntrospectionVerifier]:
    client_id, client_secret = issuer.resource_server()
    verifier = IntrospectionVerifier(
        issuer.url, issuer.audience, client_id=client_id, client_secret=client_secret, cache_seconds=0
    )
    yield verifier
    verifier.close()


def test_a_token_is_good_by_the_published_keys_and_at_introspection(
    issuer: Issuer, verifier: TokenVerifier, asking: IntrospectionVerifier
):
    token = issuer.token(sub="alice", scope="orders:read orders:write")

    for accepted in (verifier.verify(token), asking.verify(token)):
        assert accepted.subject == "alice"
        assert accepted.scopes == {"orders:read", "orders:write"}
        assert accepted.client_id == "app"


def test_a_stranger_library_accepts_the_token(issuer: Issuer):
    token = issuer.token(scope="orders:read")
    key = jwt.PyJWKClient(f"{issuer.url}/jwks").get_signing_key_from_jwt(token)
    claims = jwt.decode(token, key, ["ES256"], audience=issuer.audience, issuer=issuer.url)

    assert claims["scope"] == "orders:read"
    assert jwt.get_unverified_header(token)["typ"] == "at+jwt"


@pytest.mark.parametrize("subject", ["bob", "Bob", "dora@example.com", "auth0|1 2", "billing", PERSON])
def test_the_subject_is_what_the_test_says(
    issuer: Issuer, verifier: TokenVerifier, asking: IntrospectionVerifier, subject: str
):
    token = issuer.token(subject)
    assert verifier.verify(token).subject == asking.verify(token).subject == subject


def test_the_token_of_a_person_hangs_on_their_sign_in(issuer: Issuer, asking: IntrospectionVerifier):
    token = issuer.token(issuer.subject("alice"), "openid profile")
    assert asking.verify(token).claims["sid"]
    answer = httpx.get(f"{issuer.url}/userinfo", headers={"Authorization": f"Bearer {token}"}, timeout=60)
    assert answer.json()["preferred_username"] == "alice"
    assert issuer.subject("dora@example.com") == issuer.subject("dora@example.com")


def test_a_token_says_what_the_test_wants(issuer: Issuer):
    other = "https://stock.example"
    token = issuer.token(
        "alice", audience=other, client_id="mobile", expires_in=60, groups=["staff"], acr="high", auth_time=None
    )
    accepted = TokenVerifier(issuer.url, other).verify(token)

    assert accepted.client_id == "mobile"
    assert accepted.claims["groups"] == ("staff",)
    assert accepted.claims["acr"] == "high"
    assert "auth_time" not in accepted.claims
    assert accepted.claims["exp"] - accepted.claims["iat"] == 60  # type: ignore[operator]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        pytest.param(lambda issuer: issuer.expired_token(scope="orders:read"), "expired", id="expired"),
        pytest.param(lambda issuer: issuer.token(expires_in=-100), "expired", id="expired a moment ago"),
        pytest.param(lambda issuer: issuer.wrong_audience_token(), "wrong_audience", id="wrong audience"),
        pytest.param(lambda issuer: issuer.tampered_token(), "bad_signature", id="tampered"),
        pytest.param(lambda issuer: issuer.token(iss="https://evil.example"), "wrong_issuer", id="wrong issuer"),
    ],
)
def test_a_bad_token_is_refused_for_what_it_is(
    make: Callable[[Issuer], str],
    reason: str,
    issuer: Issuer,
    verifier: TokenVerifier,
    asking: IntrospectionVerifier,
):
    token = make(issuer)
    with pytest.raises(TokenRejected) as caught:
        verifier.verify(token)
    assert caught.value.reason == reason
    with pytest.raises(TokenRejected) as caught:
        asking.verify(token)
    assert caught.value.reason == "inactive"


def test_a_revoked_token_is_dead_at_introspection_and_its_neighbour_lives(
    issuer: Issuer, asking: IntrospectionVerifier
):
    token, neighbour = issuer.token(), issuer.token()
    issuer.revoke(token)

    with pytest.raises(TokenRejected):
        asking.verify(token)
    assert asking.verify(neighbour)


def test_a_person_signs_in_and_the_app_refreshes(issuer: Issuer, verifier: TokenVerifier):
    answer = issuer.login("alice", "openid orders:read")
    assert verifier.verify(answer["access_token"]).subject == issuer.subject("alice")
    assert answer["id_token"]

    form = {"grant_type": "refresh_token", "client_id": "app", "refresh_token": answer["refresh_token"]}
    refreshed = httpx.post(f"{issuer.url}/token", data=form, timeout=60)
    assert verifier.verify(refreshed.json()["access_token"]).scopes == {"openid", "orders:read"}


def test_a_service_asks_for_itself(issuer: Issuer, verifier: TokenVerifier):
    answer = issuer.client_credentials("orders:read")

    assert verifier.verify(answer["access_token"]).subject == "service"


def test_what_a_test_names_counts_at_once(issuer: Issuer):
    answers = [issuer.client_credentials(f"named:{number}") for number in range(10)]

    assert [answer["scope"] for answer in answers] == [f"named:{number}" for number in range(10)]


def test_tokens_may_be_asked_for_from_many_threads(issuer: Issuer, verifier: TokenVerifier):
    with ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(lambda number: issuer.token(f"many-{number % 3}", f"many:{number}"), range(24)))

    assert len({verifier.verify(token).subject for token in tokens}) == 3


def test_issuers_are_apart_from_one_another_and_leave_nothing_behind(issuer: Issuer):
    before = set(threading.enumerate())
    with running_issuer("https://other.example") as other:
        assert other.url != issuer.url
        assert other.audience == "https://other.example"
        token = other.token()
        with pytest.raises(TokenRejected):
            TokenVerifier(issuer.url, other.audience).verify(token)
        assert TokenVerifier(other.url, other.audience).verify(token)
        started = {
            thread for thread in set(threading.enumerate()) - before if thread.name in {"authsvc-issuer", "jobs"}
        }
        assert len(started) == 2
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{other.url}/jwks")
    assert not any(thread.is_alive() for thread in started)


def test_the_environment_of_the_suite_is_not_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "authsvc.toml").write_text("workers = 3\n[lifetimes]\nmachine_access_token = 33\n")
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "AUTHSVC_ISSUER": "https://login.example.com",
        "AUTHSVC_DATABASE_URL": f"sqlite:///{tmp_path}/production.db",
        "AUTHSVC_LIFETIMES__MACHINE_ACCESS_TOKEN": "44",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    with running_issuer() as own:
        assert own.client_credentials("orders:read")["expires_in"] == 900
    assert [path.name for path in tmp_path.iterdir()] == ["authsvc.toml"]
