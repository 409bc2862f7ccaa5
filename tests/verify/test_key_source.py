import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from authsvc.verify import KeysUnavailable, TokenRejected, TokenVerifier
from tests.verify.conftest import MakeVerifier
from tests.verify.issuer_server import Answer, Hands, IssuerServer, dripping_server, json_answer


def until(condition: Callable[[], bool]) -> None:
    """Wait for a fetch that runs behind the requests."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def landed(verifier: TokenVerifier) -> bool:
    return verifier._source._flight is None


def test_keys_near_the_end_of_their_freshness_are_fetched_behind_the_requests(
    verifier: TokenVerifier, server: IssuerServer, hands: Hands
):
    verifier.verify(server.token())
    hands.move(224)
    verifier.verify(server.token())
    assert landed(verifier)
    assert server.fetches["/jwks"] == 1

    hands.move(1)
    verifier.verify(server.token())
    until(lambda: server.fetches["/jwks"] == 2 and landed(verifier))


def test_keys_no_longer_fresh_are_not_used_before_the_issuer_was_asked(
    verifier: TokenVerifier, server: IssuerServer, hands: Hands
):
    withdrawn, _ = server.token(), verifier.verify(server.token())
    server.rotate("key-2")
    hands.move(301)

    with pytest.raises(TokenRejected):
        verifier.verify(withdrawn)


@pytest.mark.parametrize(
    ("cache_control", "fresh_seconds"),
    [
        pytest.param("", 300, id="unsaid"),
        pytest.param("public, max-age=600", 600, id="said"),
        pytest.param("max-age=1", 60, id="too short"),
        pytest.param("max-age=999999999999999999999", 3600, id="too long"),
        pytest.param("max-age=-5", 300, id="negative"),
        pytest.param("max-age=\u00b2", 300, id="not a number"),
        pytest.param("no-store", 60, id="not to be kept"),
    ],
)
def test_the_issuer_says_how_long_its_keys_are_fresh_within_bounds(
    cache_control: str, fresh_seconds: float, verifier: TokenVerifier, server: IssuerServer
):
    server.max_age = cache_control
    verifier.verify(server.token())

    keys = verifier._source.current
    assert keys is not None
    assert keys.fresh_seconds == fresh_seconds


def test_a_failing_refresh_is_tried_every_ten_seconds_and_nobody_waits_for_it(
    verifier: TokenVerifier, server: IssuerServer, hands: Hands
):
    verifier.verify(server.token())
    server.answers["/jwks"] = (503, {}, b"")
    hands.move(301)
    for _ in range(30):
        for _ in range(3):
            verifier.verify(server.token())
        until(lambda: landed(verifier))
        hands.move(1)

    assert server.fetches["/jwks"] == 1 + 3


def test_an_issuer_may_publish_hundreds_of_keys(verifier: TokenVerifier, server: IssuerServer):
    key, algorithm = server.private_keys["key-1"]
    server.private_keys |= {f"old-{number}-{'x' * 400}": (key, algorithm) for number in range(300)}
    assert len(json.dumps(server.jwks())) > 3 * 65536 // 2
    assert verifier.verify(server.token()).subject == "user-1"


BAD_KEYS = [
    pytest.param((500, {}, b""), id="server error"),
    pytest.param((404, {}, b""), id="not found"),
    pytest.param((200, {}, b"<html>"), id="not JSON"),
    pytest.param((200, {}, b"[" * 5000), id="nested deeply"),
    pytest.param((200, {}, b"\xff"), id="not UTF-8"),
    pytest.param(json_answer([]), id="no object"),
    pytest.param(json_answer({}), id="no keys"),
    pytest.param(json_answer({"keys": {}}), id="keys are no list"),
    pytest.param(json_answer({"keys": [], "padding": "x" * 262144}), id="too large"),
    pytest.param((302, {"Location": "/elsewhere"}, b""), id="redirect"),
    pytest.param((200, {"Content-Length": "9999"}, b"{}"), id="cut off"),
    pytest.param((200, {"Content-Encoding": "gzip"}, b"\x1f\x8b"), id="compressed unasked"),
]


@pytest.mark.parametrize("answer", BAD_KEYS)
def test_an_answer_that_is_no_key_set_leaves_the_good_keys_in_place(
    answer: Answer, verifier: TokenVerifier, server: IssuerServer, hands: Hands
):
    verifier.verify(server.token())
    server.answers["/jwks"] = answer
    server.answers["/elsewhere"] = json_answer({"keys": []})
    hands.move(301)

    assert verifier.verify(server.token()).subject == "user-1"
    assert server.fetches["/elsewhere"] == 0
    assert verifier._source.failure() is not None


@pytest.mark.parametrize("answer", BAD_KEYS)
def test_an_answer_that_is_no_key_set_is_no_reason_to_call_a_token_bad(
    answer: Answer, verifier: TokenVerifier, server: IssuerServer
):
    server.answers["/jwks"] = answer

    with pytest.raises(KeysUnavailable):
        verifier.verify(server.token())


def test_an_empty_key_set_is_believed(verifier: TokenVerifier, server: IssuerServer, hands: Hands):
    verifier.verify(server.token())
    withdrawn = server.token()
    server.answers["/jwks"] = json_answer({"keys": []})
    hands.move(301)

    with pytest.raises(TokenRejected):
        verifier.verify(withdrawn)


def test_keys_that_moved_are_found_again(verifier: TokenVerifier, server: IssuerServer, hands: Hands):
    verifier.verify(server.token())
    server.answers["/keys"] = server.answers.pop("/jwks")
    moved = {"issuer": server.issuer, "jwks_uri": f"{server.issuer}/keys"}
    server.answers[server.metadata_path] = json_answer(moved)
    server.rotate("key-2")
    with pytest.raises(KeysUnavailable):
        verifier.verify(server.token())
    hands.move(10)

    assert verifier.verify(server.token()).subject == "user-1"


def test_a_slow_answer_is_given_up_and_the_next_one_counts(
    make_verifier: MakeVerifier, server: IssuerServer, hands: Hands
):
    verifier = make_verifier(timeout_seconds=2)
    answer, may_answer = server.answers["/jwks"], threading.Event()

    def answer_late() -> Answer:
        may_answer.wait(60)
        return json_answer({"keys": []})

    server.answers["/jwks"] = answer_late
    with pytest.raises(KeysUnavailable):
        verifier.verify(server.token())
    server.answers["/jwks"] = answer
    may_answer.set()
    hands.move(1)

    verifier._source._load.__self__._timeout_seconds = verifier._wait_seconds = 60.0  # type: ignore[attr-defined]
    assert verifier.verify(server.token()).subject == "user-1"


def test_a_fetch_whose_thread_was_lost_does_not_stop_the_next_one(
    make_verifier: MakeVerifier, server: IssuerServer, hands: Hands
):
    verifier = make_verifier(timeout_seconds=5)
    source = verifier._source
    with source._lock:
        run, source._run = source._run, lambda flight: None  # type: ignore[method-assign]
        source._join_or_start(source._now())
        source._run = run  # type: ignore[method-assign]
    hands.move(7)

    assert verifier.verify(server.token()).subject == "user-1"


def test_a_failed_fetch_is_logged_without_what_the_stranger_wrote(
    verifier: TokenVerifier, server: IssuerServer, caplog: pytest.LogCaptureFixture
):
    server.answers[server.metadata_path] = json_answer({"issuer": "https://evil.example\nforged line\u202e"})

    with pytest.raises(KeysUnavailable):
        verifier.verify(server.token())
    (line,) = (record.getMessage() for record in caplog.records if record.name.startswith("authsvc"))
    assert "\n" not in line
    assert line.isascii()


@pytest.mark.parametrize(
    "drip", [pytest.param(b"x", id="a header without end"), pytest.param(b"x: y\r\n", id="headers without end")]
)
def test_an_issuer_that_doles_out_its_answer_for_ever_keeps_no_thread(drip: bytes, make_verifier: MakeVerifier):
    with dripping_server(drip) as (issuer, gone):
        verifier = make_verifier(issuer, timeout_seconds=0.5)
        with pytest.raises(KeysUnavailable):
            verifier.verify("e30.e30.e30")

        assert gone.wait(60)
        until(lambda: all(thread.name != "authsvc-verify-keys" for thread in threading.enumerate()))


def test_proxies_and_passwords_of_the_environment_are_not_used(
    verifier: TokenVerifier, server: IssuerServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password mine\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HOME", str(tmp_path))

    assert verifier.verify(server.token()).subject == "user-1"
    assert all("authorization" not in headers for headers in server.heads)
