"""One connection, by raw socket: what is no HTTP, what could be read in two ways, and who is slow or wasteful."""

import threading
import time
from collections.abc import Iterator

import pytest

from authsvc.web import connection
from authsvc.web import server as server_module
from tests.web.one_connection import HEAD, SECONDS, Seen, received, serving, status


@pytest.fixture
def app() -> Iterator[Seen]:
    yield from serving(None)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", id="both lengths"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", id="both, reversed"),
        pytest.param(HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", id="two lengths"),
        pytest.param(HEAD + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", id="the same length twice"),
        pytest.param(HEAD + b"Content-Length: +5\r\n\r\nhello", id="signed length"),
        pytest.param(HEAD + b"Content-Length: 5, 5\r\n\r\nhello", id="list of lengths"),
        pytest.param(HEAD + b"Content-Length: 0x5\r\n\r\nhello", id="hexadecimal length"),
        pytest.param(HEAD + b"Content-Length: 99999999999999999999\r\n\r\nhello", id="length beyond 64 bits"),
        pytest.param(HEAD + b"Transfer-Encoding: xchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", id="unknown coding"),
        pytest.param(
            HEAD + b"Transfer-Encoding: chunked, gzip\r\n\r\n5\r\nhello\r\n0\r\n\r\n", id="not chunked at last"
        ),
        pytest.param(HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", id="space before the colon"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\nhello\r\n0\r\n\r\n", id="negative chunk"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n", id="prefixed chunk size"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n", id="space after a size"),
        pytest.param(
            HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello\r\n0\r\n\r\n",
            id="chunk beyond 64 bits",
        ),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n", id="chunk longer than said"),
        pytest.param(HEAD + b"X: a\x00b\r\n\r\n", id="NUL in a header"),
        pytest.param(HEAD + b"X: a\rb\r\n\r\n", id="bare CR in a header"),
        pytest.param(b"POST /x HTTP/1.1\nHost: localhost\n\n", id="bare LF"),
        pytest.param(HEAD + b" folded\r\n\r\n", id="folded line after none"),
        pytest.param(HEAD + b"Bad Name: x\r\n\r\n", id="space in a name"),
        pytest.param(b"POST /x HTTP/9.9\r\nHost: localhost\r\n\r\n", id="unknown version"),
        pytest.param(b"POST /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n", id="octets in the path"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="TLS to a plain port"),
        pytest.param(b"CONNECT elsewhere:443 HTTP/1.1\r\nHost: elsewhere\r\n\r\n", id="a request to a proxy"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="HTTP/2 without asking"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused_and_the_connection_closed(app: Seen, sent: bytes):
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert status(app.answer(sent + smuggled)) in {400, 431}
    assert [path for _, path, *_ in app.requests if path == "/smuggled"] == []
    assert all(body in {b"", b"hello"} for *_, body in app.requests)


@pytest.mark.parametrize("host", [b"Host: a\r\nHost: b\r\n", b"host: a\r\nHOST: b\r\n"])
def test_repeated_headers_reach_the_application_for_it_to_judge(app: Seen, host: bytes):
    assert status(app.answer(b"GET /x HTTP/1.1\r\n" + host + b"Connection: close\r\n\r\n")) == 200


def test_trailers_are_no_headers(app: Seen):
    chunked = (
        HEAD + b"Transfer-Encoding: chunked\r\nTrailer: Authorization\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\n"
    )
    assert status(app.answer(chunked + b"Authorization: Basic eDp5\r\nHost: elsewhere\r\n\r\n")) == 200
    ((_, _, headers, body),) = app.requests
    assert body == b"hello"
    assert headers["host"] == "localhost"
    assert "authorization" not in headers


def test_an_offer_of_another_protocol_is_answered_in_this_one_and_the_connection_goes_on(app: Seen):
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"
    with app.connected() as connected:
        for sent in (
            HEAD + offer + b"Content-Length: 5\r\n\r\nhello",
            HEAD + offer + b"Transfer-Encoding: chunked\r\n\r\n5\r\nHELLO\r\n0\r\n\r\n",
            b"GET /y HTTP/1.1\r\nHost: localhost\r\n" + offer + b"\r\n",
            HEAD + b"Content-Length: 2\r\n\r\nhi",
        ):
            connected.sendall(sent)
            assert connected.recv(65_536).startswith(b"HTTP/1.1 200 ")
    assert [body for *_, body in app.requests] == [b"hello", b"HELLO", b"", b"hi"]


@pytest.mark.parametrize(
    "rest", [pytest.param(b"\x16\r\n\r\n", id="no HTTP"), pytest.param(b"X: " + b"x" * 70_000, id="too much")]
)
def test_who_is_cut_off_while_a_request_is_answered_is_no_fault(
    app: Seen, rest: bytes, caplog: pytest.LogCaptureFixture
):
    head = b"GET /slow HTTP/1.1\r\nHost: localhost\r\n"
    app.answer(head + b"\r\n" + head + b"\r\n" + rest)
    assert app.is_over.wait(SECONDS)
    # One more, so that whatever was wrong with the first has been told.
    assert status(app.answer(b"GET /z HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")) == 200
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_offers_sent_ahead_cost_what_other_requests_do(app: Seen):
    offer = b"GET /%d HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"
    with app.connected() as connected:
        connected.sendall(b"".join(offer % number for number in range(600)))
        connected.sendall(b"GET /last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        told = received(connected)
    assert told.count(b"HTTP/1.1 200 ") == 601
    assert [path for _, path, *_ in app.requests] == [*(f"/{number}" for number in range(600)), "/last"]


def test_requests_sent_ahead_are_answered_in_their_order(app: Seen):
    ahead = b"".join(b"GET /%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % number for number in range(50))
    answer = app.answer(ahead + b"GET /last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert answer.count(b"HTTP/1.1 200 ") == 51
    assert [path for _, path, *_ in app.requests] == [*(f"/{number}" for number in range(50)), "/last"]


def test_who_waits_for_100_is_told_to_go_on(app: Seen):
    with app.connected() as connected:
        connected.sendall(HEAD + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        assert connected.recv(65_536).startswith(b"HTTP/1.1 100 ")
        connected.sendall(b"hello")
        assert connected.recv(65_536).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(HEAD + b"X: " + b"a" * 300_000, id="a header without end"),
        pytest.param(HEAD + b"X: a\r\n" * 60_000, id="headers without end"),
        pytest.param(b"GET /" + b"a" * 300_000, id="a path without end"),
        pytest.param(b"\r\n" * 200_000, id="empty lines"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5;" + b"x" * 300_000, id="an extension without end"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 60_000, id="chunks of one byte"),
        pytest.param(
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: a\r\n" * 60_000, id="trailers without end"
        ),
    ],
)
def test_who_sends_too_much_around_a_body_is_cut_off(app: Seen, sent: bytes):
    with app.connected() as connected:
        answer = b""
        try:
            connected.sendall(sent)
        except (ConnectionResetError, BrokenPipeError):
            pass
        else:
            answer = received(connected)
    assert status(answer) in {0, 400, 431}
    assert app.requests == []


def test_a_large_body_is_no_framing(app: Seen):
    body = b"a" * 1_000_000
    sent = HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    assert status(app.answer(sent)) == 200
    assert len(app.requests[0][3]) == len(body)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: lo", id="half a head"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HT", id="half a second head"),
        pytest.param(b"\r\n", id="an empty line"),
    ],
)
def test_who_does_not_finish_a_head_is_not_waited_for(app: Seen, sent: bytes, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(connection, "HEAD_SECONDS", 1.0)
    with app.connected() as connected:
        connected.sendall(sent)
        began = time.monotonic()
        told = received(connected)  # Ends by itself.
    assert time.monotonic() - began < 9  # The limit itself is 10.
    assert told.count(b" 200 ") == len(app.requests) == sent.count(b"\r\n\r\n")


def test_what_trickles_in_puts_the_end_off_no_longer(app: Seen, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.3)
    ended = threading.Event()
    with app.connected() as connected:

        def watch() -> None:
            received(connected)
            ended.set()

        watching = threading.Thread(target=watch)
        watching.start()
        for sent in range(120):
            try:
                connected.sendall(b"GET / HTTP/1.1\r\nX: " if sent == 0 else b"a")
            except OSError:
                ended.wait(SECONDS)
                break
            if ended.wait(0.05):
                break
        was_cut_off = ended.is_set()
    watching.join()
    assert was_cut_off


def test_an_idle_connection_is_closed(app: Seen, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(connection, "HEAD_SECONDS", 1.0)
    with app.connected() as connected:
        connected.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert received(connected).startswith(b"HTTP/1.1 200 ")


def test_too_many_connections_are_told_to_come_back(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest):
    monkeypatch.setattr(server_module, "MAX_CONNECTIONS", 3)
    app: Seen = request.getfixturevalue("app")
    with app.connected(), app.connected(), app.connected():
        assert status(app.answer(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")) == 503
    assert app.requests == []
