"""One connection at a gate, by raw socket: who is not let in is answered unread, and everybody else as ever."""

import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from authsvc.web import connection
from authsvc.web import server as server_module
from authsvc.web.gate import Gate, Scope
from tests.web.one_connection import HEAD, Seen, received, serving, status


class Closed(Gate):
    """A gate that lets nobody in who asks for a token."""

    def __init__(self) -> None:
        self.entered = self.begun = 0

    def lets_in(self, method: bytes, url: bytes) -> bool:
        del method
        return url != b"/token"

    def enter(self, scope: Scope) -> None:
        del scope
        self.entered += 1

    def refuses(self, data: bytes) -> bool:
        return data.startswith(b"POST /glance ")

    def begin(self, scope: Scope) -> None:
        del scope
        self.begun += 1


@pytest.fixture
def gated() -> Iterator[Seen]:
    yield from serving(Closed())


@pytest.mark.parametrize("pieces", [1, 3])
def test_who_is_not_let_in_is_told_so_and_the_connection_goes_on(gated: Seen, pieces: int):
    turned_away = b"POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello"
    with gated.connected() as connected:
        for _ in range(2):
            step = -(-len(turned_away) // pieces)
            for begin in range(0, len(turned_away), step):
                connected.sendall(turned_away[begin : begin + step])
            assert connected.recv(65_536).startswith(b"HTTP/1.1 503 ")
        connected.sendall(HEAD + b"Content-Length: 2\r\nConnection: close\r\n\r\nhi")
        assert received(connected).endswith(b"/x 2")
    assert [path for _, path, _, _ in gated.requests] == ["/x"]


OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"


def test_who_offers_another_protocol_and_is_not_let_in_is_told_so_once(gated: Seen):
    with gated.connected() as connected:
        connected.sendall(b"POST /token HTTP/1.1\r\nHost: localhost\r\n" + OFFER + b"Content-Length: 5\r\n\r\nhello")
        answers = connected.recv(65_536)
        connected.sendall(HEAD + b"Content-Length: 2\r\nConnection: close\r\n\r\nhi")
        answers += received(connected)
    assert answers.startswith(b"HTTP/1.1 503 ")
    assert answers.count(b"HTTP/1.1 ") == 2
    assert answers.endswith(b"/x 2")


def test_who_waits_for_100_and_is_not_let_in_is_told_so_at_once(gated: Seen):
    with gated.connected() as connected:
        connected.sendall(
            b"POST /token HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
        )
        answer = received(connected)
    assert status(answer) == 503
    assert b"connection: close" in answer


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(HEAD + OFFER + b"Content-Length: 2\r\n\r\nhi", id="an offer"),
        pytest.param(b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", id="CONNECT"),
        pytest.param(b"GET http://a:99999/ HTTP/1.1\r\nHost: a\r\n\r\n", id="no port"),
        pytest.param(b"GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", id="no path"),
        pytest.param(HEAD + b"Content-Length: 2\r\n\r\nhi" + HEAD + b"Content-Length: 2\r\n\r\nhi", id="two at once"),
    ],
)
def test_as_many_have_entered_as_are_with_the_application(gated: Seen, sent: bytes):
    with gated.connected() as connected:
        connected.sendall(sent)
        connected.recv(65_536)
        connected.shutdown(socket.SHUT_WR)
        received(connected)
    assert isinstance(gated.gate, Closed)
    assert gated.gate.entered == len(gated.requests)


@pytest.mark.parametrize("head", [b"POST /token HTTP/1.0\r\n", b"POST /token HTTP/1.1\r\nConnection: close\r\n"])
def test_who_is_not_let_in_and_wants_no_more_is_left(gated: Seen, head: bytes):
    answer = gated.answer(head + b"Host: localhost\r\nContent-Length: 0\r\n\r\n")
    assert status(answer) == 503
    assert b"connection: close" in answer


def test_a_request_behind_another_waits_for_its_turn_and_is_let_in(gated: Seen):
    sent = b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: %s\r\n\r\n"
    answer = gated.answer(sent % (b"/slow", b"keep-alive") + sent % (b"/token", b"close"))
    assert answer.count(b"HTTP/1.1 200 ") == 2


GLANCE = b"POST /glance HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"


def test_who_is_turned_away_at_a_glance_is_told_so_and_the_connection_goes_on(gated: Seen):
    with gated.connected() as connected:
        for _ in range(3):
            connected.sendall(GLANCE)
            assert connected.recv(65_536).startswith(b"HTTP/1.1 503 ")
        connected.sendall(HEAD + b"Content-Length: 2\r\nConnection: close\r\n\r\nhi")
        assert received(connected).endswith(b"/x 2")
    assert [path for _, path, _, _ in gated.requests] == ["/x"]


@pytest.mark.parametrize(
    "begin",
    [
        pytest.param(HEAD + b"Content-Length: %d\r\n\r\n" % len(GLANCE), id="a body"),
        pytest.param(b"GET /x HTTP/1.1\r\nX: ", id="the rest of a head"),
    ],
)
def test_no_glance_is_given_to_what_may_be_the_rest_of_a_request(gated: Seen, begin: bytes):
    with gated.connected() as connected:
        connected.sendall(begin)
        until_read(gated)
        connected.sendall(GLANCE)
        assert connected.recv(65_536).startswith(b"HTTP/1.1 200 ")
    assert gated.requests[-1][1] == "/x"


def test_no_glance_is_given_to_a_request_behind_another(gated: Seen):
    gated.slow_seconds = 4.0
    with gated.connected() as connected:
        connected.sendall(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        until_read(gated)
        connected.sendall(GLANCE.replace(b"Host", b"Connection: close\r\nHost"))
        assert received(connected).count(b"HTTP/1.1 200 ") == 2


def test_a_browser_may_read_that_it_was_turned_away(gated: Seen):
    with gated.connected() as connected:
        for sent in (GLANCE, GLANCE.replace(b"/glance", b"/token")):
            connected.sendall(sent)
            answer = connected.recv(65_536)
            assert b"\r\naccess-control-allow-origin: *\r\n" in answer
            assert b"retry-after" in answer.split(b"access-control-expose-headers: ")[1].split(b"\r\n")[0]


def until_read(gated: Seen) -> None:
    """Wait until what was sent has been read: what another connection sends after it is answered."""
    gated.answer(b"GET /other HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")


def test_who_is_turned_away_at_a_glance_is_waited_for_as_after_any_answer(gated: Seen, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.4)
    for _ in range(30):
        if came_in_time(gated, 0.4):
            return
    pytest.fail("the machine was never in time")


def came_in_time(gated: Seen, seconds: float) -> bool:
    """Whether this side was, each time after half of the seconds; then it was answered, and cut off at last."""
    before = sent_at = time.monotonic()
    with gated.connected() as connected, suppress(OSError):
        for _ in range(4):
            before, sent_at = sent_at, time.monotonic()
            connected.sendall(GLANCE)
            answer = connected.recv(65_536)
            if time.monotonic() - before >= seconds:
                return False
            assert answer.startswith(b"HTTP/1.1 503 ")
            time.sleep(seconds / 2)
        assert received(connected) == b""
        return True
    assert time.monotonic() - before >= seconds, "it was cut off too early"
    return False


def test_who_is_not_let_in_and_does_not_finish_is_cut_off(gated: Seen, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.1)
    assert gated.answer(b"POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhe") == b""


def test_what_uvicorn_answers_itself_is_counted_out_of_the_gate(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
):
    monkeypatch.setattr(server_module, "MAX_CONNECTIONS", 1)
    gated: Seen = request.getfixturevalue("gated")
    with gated.connected() as one, gated.connected() as two, gated.connected() as three:
        for connected in (one, two, three):
            connected.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert {connected.recv(65_536)[9:12] for connected in (one, two, three)} == {b"503"}
    assert isinstance(gated.gate, Closed)
    assert gated.gate.entered == gated.gate.begun == 3
