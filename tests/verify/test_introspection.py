import asyncio
import base64
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote_plus

import pytest

from authsvc.verify import IntrospectionVerifier, KeysUnavailable, MetadataInvalid, TokenRejected
from authsvc.verify.questions import MAX_QUESTIONS
from tests.verify.conftest import MakeAsking
from tests.verify.issuer_server import (
    AUDIENCE,
    CLIENT_ID,
    SECRET,
    Answer,
    Hands,
    IssuerServer,
    dripping_server,
    json_answer,
)


def judge_sync(verifier: IntrospectionVerifier, token: str) -> Any:
    return verifier.verify(token)


def judge_async(verifier: IntrospectionVerifier, token: str) -> Any:
    return asyncio.run(verifier.verify_async(token))


@pytest.mark.parametrize("judge", [judge_sync, judge_async])
def test_a_good_token_says_who_may_do_what_until_when(
    judge: Callable[[IntrospectionVerifier, str], Any],
    asking: IntrospectionVerifier,
    server: IssuerServer,
    hands: Hands,
):
    accepted = judge(asking, server.opaque())

    assert accepted.subject == "user-1"
    assert accepted.client_id == CLIENT_ID
    assert accepted.scopes == {"orders:read", "orders:write"}
    assert accepted.expires_at.timestamp() == int(hands.wall) + 300
    assert accepted.claims["jti"] == "token-1"
    assert "active" not in accepted.claims


def test_the_question_names_its_client_by_basic_authentication_and_nothing_but_the_token(
    asking: IntrospectionVerifier, server: IssuerServer
):
    asking.verify(server.opaque("a~b+c/d="))

    ((headers, form),) = server.asked
    scheme, _, encoded = headers["authorization"].partition(" ")
    assert scheme == "Basic"
    pair = base64.b64decode(encoded).decode().split(":")
    assert [unquote_plus(part) for part in pair] == ["orders", SECRET]
    assert form == {"token": "a~b+c/d=", "token_type_hint": "access_token"}
    assert headers["accept"] == "application/json"


def test_a_persons_api_key_names_no_client(asking: IntrospectionVerifier, server: IssuerServer):
    """RFC 7662 leaves client_id out where no client had the token."""
    accepted = asking.verify(server.opaque("as_ak_key", client_id=None))
    assert (accepted.subject, accepted.client_id) == ("user-1", None)


@pytest.mark.parametrize("judge", [judge_sync, judge_async])
def test_an_active_token_may_have_no_end(
    judge: Callable[[IntrospectionVerifier, str], Any], asking: IntrospectionVerifier, server: IssuerServer
):
    """RFC 7662 leaves exp out where there is none: an API key that never expires."""
    accepted = judge(asking, server.opaque("as_ak_key", exp=None))
    assert (accepted.subject, accepted.expires_at, "exp" in accepted.claims) == ("user-1", None, False)


def test_an_end_that_is_null_is_not_the_same_as_none(asking: IntrospectionVerifier, server: IssuerServer):
    token = server.opaque()
    server.answers["/introspect"] = json_answer({"active": True, **server.claims(), "exp": None})
    with pytest.raises(TokenRejected) as caught:
        asking.verify(token)
    assert caught.value.reason == "wrong_claim_type"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"active": False}, "inactive", id="not active"),
        pytest.param({"iss": "https://evil.example"}, "wrong_issuer", id="issuer"),
        pytest.param({"iss": None}, "missing_claim", id="no issuer"),
        pytest.param({"aud": "https://other.example"}, "wrong_audience", id="audience"),
        pytest.param({"aud": f"{AUDIENCE}/more"}, "wrong_audience", id="part of an audience"),
        pytest.param({"aud": None}, "missing_claim", id="no audience"),
        pytest.param({"exp": 1000}, "expired", id="expired"),
        pytest.param({"exp": "soon"}, "wrong_claim_type", id="expiry is a text"),
        pytest.param({"nbf": 4_000_000_000}, "not_yet_valid", id="not yet valid"),
        pytest.param({"client_id": 7}, "wrong_claim_type", id="client is a number"),
        pytest.param({"sub": None}, "missing_claim", id="no subject"),
        pytest.param({"scope": ["orders:read"]}, "wrong_claim_type", id="scope is a list"),
        pytest.param({"cnf": {"jkt": "x"}}, "proof_required", id="bound to a key"),
        pytest.param({"token_type": "DPoP"}, "proof_required", id="of a type that is proved"),
    ],
)
@pytest.mark.parametrize("judge", [judge_sync, judge_async])
def test_an_answer_that_is_not_about_a_good_token_for_us_refuses_it(
    judge: Callable[[IntrospectionVerifier, str], Any],
    changes: dict[str, Any],
    reason: str,
    asking: IntrospectionVerifier,
    server: IssuerServer,
):
    with pytest.raises(TokenRejected) as caught:
        judge(asking, server.opaque(**changes))
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(json_answer({"sub": "user-1"}), id="no active"),
        pytest.param(json_answer({"active": "true"}), id="active is a text"),
        pytest.param(json_answer({"active": 1}), id="active is a number"),
        pytest.param(json_answer([True]), id="no object"),
        pytest.param((200, {}, b'{"active": true, "active": false}'), id="active twice"),
        pytest.param((200, {}, b"<html>"), id="not JSON"),
        pytest.param((200, {}, b"\xff"), id="not UTF-8"),
        pytest.param(json_answer({"active": True, "padding": "x" * 262144}), id="too large"),
        pytest.param((302, {"Location": "/elsewhere"}, b""), id="redirect"),
        pytest.param((307, {"Location": "/elsewhere"}, b""), id="redirect that keeps the method"),
        pytest.param((401, {}, b'{"error": "invalid_client"}'), id="our credentials are refused"),
        pytest.param((201, {}, b'{"active": true}'), id="another status"),
        pytest.param((404, {}, b""), id="not found"),
        pytest.param((429, {}, b""), id="too often"),
        pytest.param((500, {}, b""), id="server error"),
        pytest.param((200, {"Content-Length": "9999"}, b"{}"), id="cut off"),
    ],
)
def test_what_is_no_answer_says_nothing_of_the_token(
    answer: Answer, asking: IntrospectionVerifier, server: IssuerServer
):
    token = server.opaque()
    server.answers["/elsewhere"] = server.introspect
    server.answers["/introspect"] = answer
    with pytest.raises(KeysUnavailable):
        asking.verify(token)

    assert server.fetches["/elsewhere"] == 0


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="empty"),
        pytest.param("two words", id="space"),
        pytest.param("line\nfeed", id="line feed"),
        pytest.param("t\u00f6ken", id="letter outside ASCII"),
        pytest.param("x" * 16385, id="too long"),
    ],
)
def test_what_no_issuer_hands_out_is_not_asked_about(token: str, asking: IntrospectionVerifier, server: IssuerServer):
    with pytest.raises(TokenRejected):
        asking.verify(token)
    assert not server.fetches


@pytest.mark.parametrize("give_up", [False, True])
def test_many_who_ask_about_one_token_share_one_question(
    give_up: bool, asking: IntrospectionVerifier, server: IssuerServer
):
    token, asked, may_answer = server.opaque(), threading.Event(), threading.Event()

    def answer_late() -> Answer:
        asked.set()
        may_answer.wait(100)
        return server.introspect()

    server.answers["/introspect"] = answer_late

    async def scenario() -> list[str]:
        judged = [asyncio.create_task(asking.verify_async(token)) for _ in range(50)]
        assert await asyncio.to_thread(asked.wait, 60)
        # Only a loop that is not blocked comes here; one waiter that gives up takes nobody with it.
        if give_up:
            judged.pop(0).cancel()
        await asyncio.sleep(0)
        may_answer.set()
        return [accepted.subject for accepted in await asyncio.gather(*judged)]

    assert set(asyncio.run(scenario())) == {"user-1"}
    assert server.fetches["/introspect"] == 1


def test_a_question_older_than_the_cache_is_not_joined(make_asking: MakeAsking, server: IssuerServer, hands: Hands):
    verifier = make_asking(cache_seconds=0)
    token, both = server.opaque(), threading.Barrier(2, timeout=60)

    def answer_together() -> Answer:
        both.wait()
        return server.introspect()

    server.answers["/introspect"] = answer_together
    with ThreadPoolExecutor(2) as pool:
        assert len(list(pool.map(verifier.verify, [token, token]))) == 2


def test_more_questions_than_can_be_borne_are_refused_at_once(asking: IntrospectionVerifier, server: IssuerServer):
    may_answer = threading.Event()

    def answer_late() -> Answer:
        may_answer.wait(100)
        return server.introspect()

    server.answers["/introspect"] = answer_late

    async def scenario() -> None:
        judged = [asyncio.create_task(asking.verify_async(f"made-up-{number}")) for number in range(MAX_QUESTIONS)]
        await asyncio.sleep(0)
        with pytest.raises(KeysUnavailable):
            await asking.verify_async("one-more")
        may_answer.set()
        refused = await asyncio.gather(*judged, return_exceptions=True)
        assert {type(error) for error in refused} == {TokenRejected}

    asyncio.run(scenario())


def test_an_issuer_that_is_away_is_no_reason_to_call_a_token_bad_or_good(
    asking: IntrospectionVerifier, server: IssuerServer, hands: Hands
):
    token = server.opaque()
    asking.verify(token)
    server.go_away()
    hands.move(4.9)
    assert asking.verify(token).subject == "user-1"
    hands.move(0.1)

    with pytest.raises(KeysUnavailable) as caught:
        asking.verify(token)
    assert caught.value.retry_after_seconds == 1


def test_an_issuer_that_was_away_is_asked_again_after_a_second(
    asking: IntrospectionVerifier, server: IssuerServer, hands: Hands
):
    token = server.opaque()
    server.go_away()
    with pytest.raises(KeysUnavailable):
        asking.verify(token)
    server.start()
    with pytest.raises(KeysUnavailable):
        asking.verify(token)
    hands.move(1)

    assert asking.verify(token).subject == "user-1"


def test_a_token_the_issuer_cannot_answer_for_does_not_close_the_door_to_others(
    asking: IntrospectionVerifier, server: IssuerServer
):
    token = server.opaque()
    server.answers["/introspect"] = (500, {}, b"")
    with pytest.raises(KeysUnavailable):
        asking.verify("poison")
    server.answers["/introspect"] = server.introspect

    assert asking.verify(token).subject == "user-1"


def test_an_endpoint_that_moved_is_found_again(asking: IntrospectionVerifier, server: IssuerServer, hands: Hands):
    asking.verify(server.opaque())
    server.answers["/asked"] = server.answers.pop("/introspect")
    moved = {**server.metadata(), "introspection_endpoint": f"{server.issuer}/asked"}
    server.answers[server.metadata_path] = json_answer(moved)
    hands.move(5)
    with pytest.raises(KeysUnavailable):
        asking.verify(server.opaque())

    assert asking.verify(server.opaque()).subject == "user-1"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"issuer": "https://evil.example"}, id="another issuer"),
        pytest.param({"introspection_endpoint": None}, id="no endpoint"),
        pytest.param({"introspection_endpoint": "http://auth.example/introspect"}, id="endpoint without TLS"),
        pytest.param({"introspection_endpoint": "http://10.0.0.1/introspect"}, id="endpoint in the network"),
        pytest.param({"introspection_endpoint": "https://me@auth.example/introspect"}, id="endpoint with a user"),
    ],
)
def test_neither_token_nor_secret_goes_where_the_metadata_must_not_point(
    changes: dict[str, Any], asking: IntrospectionVerifier, server: IssuerServer
):
    server.answers[server.metadata_path] = json_answer({**server.metadata(), **changes})

    with pytest.raises(MetadataInvalid):
        asking.verify(server.opaque())
    assert not server.asked


def test_the_connection_is_kept_and_one_that_was_closed_meanwhile_costs_no_request(
    asking: IntrospectionVerifier, server: IssuerServer
):
    server.keeps_connections = True
    asking.verify(server.opaque("opaque-1"))
    server.go_away()
    server.start()

    assert asking.verify(server.opaque("opaque-2")).subject == "user-1"


def test_proxies_of_the_environment_are_not_asked(
    asking: IntrospectionVerifier, server: IssuerServer, monkeypatch: pytest.MonkeyPatch
):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert asking.verify(server.opaque()).subject == "user-1"


def test_an_issuer_that_doles_out_its_answer_for_ever_is_left(make_asking: MakeAsking):
    with dripping_server(b"x: y\r\n") as (issuer, gone):
        verifier = make_asking(issuer, timeout_seconds=0.5)
        with pytest.raises(KeysUnavailable):
            verifier.verify("opaque-1")

        assert gone.wait(60)
        assert not verifier._questions._under_way


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"issuer": "http://auth.example"}, id="issuer without TLS"),
        pytest.param({"audience": ""}, id="empty audience"),
        pytest.param({"audience": []}, id="no audience"),
        pytest.param({"client_id": ""}, id="no client"),
        pytest.param({"client_secret": ""}, id="no secret"),
        pytest.param({"cache_seconds": -1}, id="negative cache"),
        pytest.param({"cache_seconds": 61}, id="cache for longer than a minute"),
        pytest.param({"cache_seconds": float("nan")}, id="cache for no number"),
        pytest.param({"leeway_seconds": -1}, id="negative leeway"),
        pytest.param({"leeway_seconds": 301}, id="leeway longer than clocks differ"),
    ],
)
def test_a_verifier_that_could_not_be_safe_is_not_made(options: dict[str, Any], make_asking: MakeAsking):
    with pytest.raises(ValueError, match=r"."):
        make_asking(**options)


def test_a_failure_is_logged_without_token_and_secret(
    asking: IntrospectionVerifier, server: IssuerServer, caplog: pytest.LogCaptureFixture
):
    server.answers["/introspect"] = (401, {}, b"")
    for number in range(5):
        with pytest.raises(KeysUnavailable):
            asking.verify(server.opaque(f"very-secret-token-{number}"))

    (line,) = [record.getMessage() for record in caplog.records if record.name == "authsvc.verify"]
    assert "401" in line
    assert "very-secret-token" not in caplog.text
    assert SECRET not in caplog.text
