import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import jwt
import pytest

from authsvc.verify import KeysUnavailable, TokenRejected, TokenVerifier
from tests.verify.conftest import MakeVerifier
from tests.verify.issuer_server import AUDIENCE, CLIENT_ID, Hands, IssuerServer, json_answer, new_private_key

DAY = 24 * 3600


def judge_sync(verifier: TokenVerifier, token: str) -> Any:
    return verifier.verify(token)


def judge_async(verifier: TokenVerifier, token: str) -> Any:
    return asyncio.run(verifier.verify_async(token))


@pytest.mark.parametrize("judge", [judge_sync, judge_async])
def test_a_good_token_says_who_may_do_what_until_when(
    judge: Callable[[TokenVerifier, str], Any], verifier: TokenVerifier, server: IssuerServer, hands: Hands
):
    accepted = judge(verifier, server.token())

    assert accepted.subject == "user-1"
    assert accepted.client_id == CLIENT_ID
    assert accepted.scopes == {"orders:read", "orders:write"}
    assert accepted.expires_at.timestamp() == int(hands.wall) + 300
    assert accepted.claims["jti"] == "token-1"


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "PS256", "EdDSA"])
def test_each_algorithm_of_the_issuer_is_understood(algorithm: str, verifier: TokenVerifier, server: IssuerServer):
    server.rotate("key-2", algorithm)

    assert verifier.verify(server.token()).subject == "user-1"


def test_one_of_several_audiences_is_enough(make_verifier: MakeVerifier, server: IssuerServer):
    verifier = make_verifier(audience=["https://a.example", AUDIENCE])

    assert verifier.verify(server.token(aud=["https://b.example", AUDIENCE])).subject == "user-1"


REFUSED = [
    pytest.param({"typ": "JWT"}, "wrong_type", id="typ of another token"),
    pytest.param({"iss": "https://evil.example"}, "wrong_issuer", id="issuer"),
    pytest.param({"aud": "https://other.example"}, "wrong_audience", id="audience"),
    pytest.param({"exp": 1000}, "expired", id="expired"),
    pytest.param({"nbf": 4_000_000_000}, "not_yet_valid", id="not yet valid"),
    pytest.param({"sub": None}, "missing_claim", id="no subject"),
    pytest.param({"client_id": None}, "missing_claim", id="no client"),
    pytest.param({"exp": None}, "missing_claim", id="no expiry"),
    pytest.param({"jti": None}, "missing_claim", id="no token id"),
    pytest.param({"client_id": 7}, "wrong_claim_type", id="client is a number"),
    pytest.param({"scope": ["orders:read"]}, "wrong_claim_type", id="scope is a list"),
    pytest.param({"cnf": {"jkt": "x"}}, "proof_required", id="bound to a key"),
    pytest.param({"private_key": new_private_key("ES256")}, "bad_signature", id="signed by someone else"),
    pytest.param({"kid": "made-up"}, "unknown_key", id="unknown key"),
]


@pytest.mark.parametrize("judge", [judge_sync, judge_async])
@pytest.mark.parametrize(("changes", "reason"), REFUSED)
def test_a_bad_token_is_rejected_with_the_rule_that_failed(
    judge: Callable[[TokenVerifier, str], Any],
    changes: dict[str, Any],
    reason: str,
    verifier: TokenVerifier,
    server: IssuerServer,
):
    with pytest.raises(TokenRejected) as caught:
        judge(verifier, server.token(**changes))

    assert caught.value.reason == reason


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "é.é.é", "\ud800", "x" * 20_000, "a" * 9 + "." * 9])
def test_what_is_no_token_at_all_is_rejected(token: str, verifier: TokenVerifier):
    with pytest.raises(TokenRejected):
        verifier.verify(token)


def test_a_token_without_key_id_fetches_nothing_again(verifier: TokenVerifier, server: IssuerServer):
    verifier.verify(server.token())
    key, algorithm = server.private_keys["key-1"]

    with pytest.raises(TokenRejected):
        verifier.verify(jwt.encode(server.claims(), key, algorithm, {"typ": "at+jwt"}))

    assert server.fetches["/jwks"] == 1


def test_metadata_and_keys_are_fetched_once(verifier: TokenVerifier, server: IssuerServer):
    for number in range(20):
        verifier.verify(server.token(jti=f"token-{number}"))

    assert server.fetches == {server.metadata_path: 1, "/jwks": 1}


def test_an_unknown_key_id_fetches_at_most_every_ten_seconds(
    verifier: TokenVerifier, server: IssuerServer, hands: Hands
):
    verifier.verify(server.token())
    for second in range(25):
        for number in range(4):
            with pytest.raises(TokenRejected):
                verifier.verify(server.token(kid=f"made-up-{second}-{number}"))
        hands.move(1)

    assert server.fetches["/jwks"] == 1 + 3


def test_a_new_key_is_accepted_as_soon_as_the_issuer_signs_with_it(verifier: TokenVerifier, server: IssuerServer):
    verifier.verify(server.token())
    server.rotate("key-2")

    assert verifier.verify(server.token()).subject == "user-1"


@pytest.mark.parametrize("warm", [True, False])
def test_sixty_four_threads_with_an_unknown_key_id_cause_one_fetch(
    warm: bool, verifier: TokenVerifier, server: IssuerServer, monkeypatch: pytest.MonkeyPatch
):
    if warm:
        verifier.verify(server.token())
    before = server.fetches["/jwks"]
    token = server.token(kid="made-up")
    barrier = threading.Barrier(64)
    answer, waiting = cast("Callable[[], Any]", server.answers["/jwks"]), list[object]()

    def counted(ask: Callable[..., object]) -> Callable[..., object]:
        def asked(*given: object, **named: object) -> object:
            if (flight := ask(*given, **named)) is not None:
                waiting.append(flight)
            return flight

        return asked

    for way in ("due", "ask_again"):
        monkeypatch.setattr(verifier._source, way, counted(getattr(verifier._source, way)))

    def answer_late() -> Any:
        """Whoever comes after the answer may ask once more: here all have come before it."""
        deadline = time.monotonic() + 30
        while len(waiting) < 64 and time.monotonic() < deadline:
            time.sleep(0.01)
        return answer()

    server.answers["/jwks"] = answer_late

    def present(_: int) -> str:
        barrier.wait()
        with pytest.raises(TokenRejected) as caught:
            verifier.verify(token)
        return caught.value.reason

    with ThreadPoolExecutor(64) as threads:
        assert set(threads.map(present, range(64))) == {"unknown_key"}

    assert server.fetches["/jwks"] - before == 1


def test_the_event_loop_runs_on_while_keys_are_fetched(verifier: TokenVerifier, server: IssuerServer):
    asked, may_answer = threading.Event(), threading.Event()
    answer = server.answers["/jwks"]

    def answer_late() -> Any:
        asked.set()
        assert may_answer.wait(100)
        return cast("Callable[[], Any]", answer)()

    server.answers["/jwks"] = answer_late

    async def scenario() -> list[str]:
        judged = [asyncio.create_task(verifier.verify_async(server.token())) for _ in range(50)]
        assert await asyncio.to_thread(asked.wait, 60)
        # Only a loop that is not blocked comes here; one waiter that gives up takes nobody with it.
        judged.pop().cancel()
        await asyncio.sleep(0)
        may_answer.set()
        return [token.subject for token in await asyncio.gather(*judged)]

    assert asyncio.run(scenario()) == ["user-1"] * 49
    assert server.fetches["/jwks"] == 1


def test_a_token_seen_before_is_not_judged_again_for_sixty_seconds(
    verifier: TokenVerifier, server: IssuerServer, hands: Hands
):
    token = server.token()
    first = verifier.verify(token)
    hands.move(59)
    assert verifier.verify(token) is first
    hands.move(1)
    assert verifier.verify(token) is not first


def test_an_expired_token_is_never_served_from_memory(make_verifier: MakeVerifier, server: IssuerServer, hands: Hands):
    verifier = make_verifier(leeway_seconds=0)
    token = server.token(exp=int(hands.wall) + 30)
    verifier.verify(token)
    hands.move(30)

    with pytest.raises(TokenRejected) as caught:
        verifier.verify(token)
    assert caught.value.reason == "expired"


def test_a_clock_set_back_does_not_lengthen_the_memory(verifier: TokenVerifier, server: IssuerServer, hands: Hands):
    token = server.token()
    first = verifier.verify(token)
    hands.wall -= 30
    hands.monotonic += 60

    assert verifier.verify(token) is not first


def test_tokens_are_forgotten_when_the_keys_change(verifier: TokenVerifier, server: IssuerServer, hands: Hands):
    withdrawn = server.token()
    verifier.verify(withdrawn)
    server.rotate("key-2")
    verifier.verify(server.token())

    with pytest.raises(TokenRejected) as caught:
        verifier.verify(withdrawn)
    assert caught.value.reason == "unknown_key"


def test_tokens_are_remembered_when_the_same_keys_come_again(verifier: TokenVerifier, server: IssuerServer):
    token = server.token()
    first = verifier.verify(token)
    with pytest.raises(TokenRejected):
        verifier.verify(server.token(kid="made-up"))

    assert server.fetches["/jwks"] == 2
    assert verifier.verify(token) is first


def test_memory_is_bounded_and_the_oldest_goes_first(make_verifier: MakeVerifier, server: IssuerServer):
    verifier = make_verifier(max_seen_tokens=3)
    tokens = [server.token(jti=str(number)) for number in range(5)]
    first = [verifier.verify(token) for token in tokens]

    assert [verifier.verify(token) is seen for token, seen in zip(tokens[2:], first[2:], strict=True)] == [
        True,
        True,
        True,
    ]
    assert verifier.verify(tokens[0]) is not first[0]


def test_memory_holds_no_token(verifier: TokenVerifier, server: IssuerServer):
    token = server.token()
    accepted = verifier.verify(token)

    keys = verifier._source.current
    assert keys is not None
    assert token not in repr(keys.seen._by_hash)
    assert token not in repr(accepted) + repr(accepted.claims)


def test_one_request_cannot_change_what_the_next_one_reads(verifier: TokenVerifier, server: IssuerServer):
    claims: Any = verifier.verify(server.token(address={"city": "Bern"}, groups=["staff"])).claims

    for change in (
        lambda: claims.__setitem__("sub", "root"),
        lambda: claims["address"].__setitem__("city", "x"),
        lambda: claims["groups"].append("admin"),
    ):
        with pytest.raises((TypeError, AttributeError)):
            change()


def test_good_keys_go_on_while_the_issuer_is_away_but_not_for_more_than_a_day(
    verifier: TokenVerifier, server: IssuerServer, hands: Hands
):
    verifier.verify(server.token())
    server.go_away()
    for _ in range(23):
        hands.move(3600)
        assert verifier.verify(server.token()).subject == "user-1"
    hands.move(3600)

    with pytest.raises(KeysUnavailable):
        verifier.verify(server.token())

    server.start()
    hands.move(1)
    assert verifier.verify(server.token()).subject == "user-1"


def test_keys_age_while_the_machine_sleeps(verifier: TokenVerifier, server: IssuerServer, hands: Hands):
    verifier.verify(server.token())
    server.go_away()
    hands.wall += DAY

    with pytest.raises(KeysUnavailable):
        verifier.verify(server.token())


def test_an_unknown_key_id_is_not_called_bad_while_the_issuer_is_away(verifier: TokenVerifier, server: IssuerServer):
    verifier.verify(server.token())
    server.go_away()

    with pytest.raises(KeysUnavailable):
        verifier.verify(server.token(kid="perhaps-new"))


def test_an_issuer_that_was_never_there_is_asked_again_after_a_second(
    verifier: TokenVerifier, server: IssuerServer, hands: Hands
):
    server.go_away()
    for _ in range(3):
        with pytest.raises(KeysUnavailable) as caught:
            verifier.verify(server.token())
    assert caught.value.retry_after_seconds == 1
    server.start()
    with pytest.raises(KeysUnavailable):
        verifier.verify(server.token())
    hands.move(1)

    assert verifier.verify(server.token()).subject == "user-1"


def test_keys_of_other_kinds_in_the_set_are_skipped(verifier: TokenVerifier, server: IssuerServer):
    strange: list[object] = [
        7,
        {"kty": "oct", "k": "c2VjcmV0", "kid": "symmetric", "alg": "HS256"},
        {"kty": "AKP", "alg": "ML-DSA-44", "kid": "post-quantum", "pub": "AAAA"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "off-curve", "alg": "ES256"},
        {"kty": "EC", "kid": 5},
        {"kty": "RSA"},
    ]
    server.answers["/jwks"] = lambda: json_answer({"keys": [*strange, *server.jwks()]})

    assert verifier.verify(server.token()).subject == "user-1"


def test_an_algorithm_that_is_not_allowed_is_refused_even_with_a_published_key(
    make_verifier: MakeVerifier, server: IssuerServer
):
    verifier = make_verifier(algorithms=["RS256"])

    with pytest.raises(TokenRejected) as caught:
        verifier.verify(server.token())
    assert caught.value.reason == "algorithm_not_allowed"


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"issuer": "http://auth.example"}, id="issuer without TLS"),
        pytest.param({"issuer": "https://auth.example?x=1"}, id="issuer with a query"),
        pytest.param({"audience": ""}, id="empty audience"),
        pytest.param({"audience": []}, id="no audience"),
        pytest.param({"algorithms": ["HS256"]}, id="symmetric algorithm"),
        pytest.param({"algorithms": ["none"]}, id="no signature"),
        pytest.param({"algorithms": []}, id="no algorithm"),
        pytest.param({"leeway_seconds": -1}, id="negative leeway"),
        pytest.param({"leeway_seconds": 301}, id="leeway longer than clocks differ"),
    ],
)
def test_a_verifier_that_could_not_be_safe_is_not_made(options: dict[str, Any], make_verifier: MakeVerifier):
    with pytest.raises(ValueError, match=r"."):
        make_verifier(**options)


def test_importing_it_loads_no_web_framework_database_or_http_client():
    script = "import sys, authsvc.verify; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert {"fastapi", "starlette", "sqlalchemy", "httpx"}.isdisjoint(loaded.stdout.split())
