"""One request: whom it reaches, how long it may take, what it accepts."""

import gzip
import itertools
import re
import socket
import ssl
from collections.abc import Callable, Iterator

import pytest

from authsvc.domain.documents import FetchFailed
from tests.outbound.conftest import HOST, NewFetcher, resolving
from tests.outbound.connections import recorded_connections
from tests.outbound.ssrf_corpus import NAMED, urls
from tests.outbound.strangers import (
    KEY_SET,
    Authority,
    Dripping,
    Stranger,
    an_answer,
    eventually,
    stranger,
)


def test_a_document_is_read_over_tls_from_the_judged_address_for_the_name(new_fetcher, authority: Authority):
    context = authority.server_context(HOST)
    with stranger(an_answer(), tls=context) as server, recorded_connections() as connections:
        fetcher = new_fetcher(ca_file=authority.ca_file)
        document = fetcher.fetch(f"https://{HOST}:{server.port}/keys?a=b")
    assert document.body == KEY_SET
    assert connections == [("127.0.0.1", server.port)]
    assert server.names == [HOST]
    [request] = server.requests
    assert request.startswith(b"GET /keys?a=b HTTP/1.1\r\n")
    assert f"\r\nHost: {HOST}:{server.port}\r\n".encode() in request
    assert b"\r\nAccept-Encoding: identity\r\n" in request


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_an_address_is_a_host_too_with_a_certificate_of_its_own(new_fetcher, authority: Authority, host: str):
    shown = f"[{host}]" if ":" in host else host
    with stranger(an_answer(), tls=authority.server_context(host), host=host) as server:
        fetcher = new_fetcher(allowed=[shown], ca_file=authority.ca_file)
        assert fetcher.fetch(f"https://{shown}:{server.port}/").body == KEY_SET
    assert f"\r\nHost: {shown}:{server.port}\r\n".encode() in server.requests[0]


@pytest.mark.parametrize(
    "context",
    [
        pytest.param(lambda ours, other: ours.server_context("other.example"), id="another name"),
        pytest.param(lambda ours, other: ours.server_context("127.0.0.1"), id="the address instead of the name"),
        pytest.param(lambda ours, other: ours.server_context(HOST, days=-1), id="expired"),
        pytest.param(lambda ours, other: other.server_context(HOST), id="unknown authority"),
    ],
)
def test_a_certificate_that_is_not_the_names_is_refused(
    new_fetcher, authority: Authority, tmp_path, context: Callable[[Authority, Authority], ssl.SSLContext]
):
    with stranger(an_answer(), tls=context(authority, Authority(tmp_path, "unknown"))) as server:
        with pytest.raises(FetchFailed, match="SSLCertVerificationError"):
            new_fetcher(ca_file=authority.ca_file).fetch(f"https://{HOST}:{server.port}/")
        assert server.requests == []


def test_a_file_without_certificates_is_told_at_the_start(new_fetcher, tmp_path):
    (tmp_path / "empty.pem").write_text("nothing")
    with pytest.raises(OSError, match=re.escape(str(tmp_path / "empty.pem"))):
        new_fetcher(ca_file=tmp_path / "empty.pem")
    with pytest.raises(FileNotFoundError, match=re.escape(str(tmp_path / "none.pem"))):
        new_fetcher(ca_file=tmp_path / "none.pem")


@pytest.fixture(scope="module")
def listener() -> Iterator[tuple[Stranger, Stranger]]:
    """On one port of all addresses of IPv4 and of IPv6's loopback: whoever comes is counted."""
    with stranger(an_answer(), host="0.0.0.0") as four, stranger(an_answer(), host="::1", port=four.port) as six:
        yield four, six


def test_nobody_inside_is_reached_by_any_spelling(new_fetcher: NewFetcher, listener: tuple[Stranger, Stranger]):
    # A clock that leaps, so that no circuit breaker hides one URL behind another's failures.
    leaping = itertools.count(0, 100_000)
    fetcher = new_fetcher(allowed=(), resolve=resolving({}), monotonic=lambda: float(next(leaping)))
    tried = 0
    with recorded_connections() as connections:
        for url in urls(listener[0].port):
            tried += 1
            with pytest.raises(FetchFailed):
                fetcher.fetch(url)
    assert tried >= 300
    assert connections == []
    assert [server.connections for server in listener] == [0, 0]


@pytest.mark.parametrize("also", [[], ["1.1.1.1"]], ids=["alone", "beside a public one"])
def test_nobody_inside_is_reached_by_a_name(new_fetcher: NewFetcher, listener: tuple[Stranger, Stranger], also):
    names = {name: [*also, address, *also] for name, address in NAMED.items()}
    fetcher = new_fetcher(allowed=(), resolve=resolving(names))
    with recorded_connections() as connections:
        for name in names:
            with pytest.raises(FetchFailed, match="no public address"):
                fetcher.fetch(f"https://{name}:{listener[0].port}/")
    assert connections == []


def test_a_name_that_changes_its_address_is_judged_each_time_and_asked_once(new_fetcher: NewFetcher, hand):
    """DNS rebinding: public when looked at, loopback when connected to."""
    answers = [["192.0.2.1"], ["127.0.0.1"]]
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return answers[len(asked) - 1]

    with stranger(an_answer()) as server, recorded_connections() as connections:
        fetcher = new_fetcher(allowed=(), resolve=resolve)
        for count in (1, 2):
            with pytest.raises(FetchFailed, match="no public address"):
                fetcher.fetch(f"https://rebound.example:{server.port}/")
            assert len(asked) == count
    assert connections == []


def test_one_lookup_serves_the_judge_and_the_connection(new_fetcher: NewFetcher):
    answers = [["127.0.0.1"], ["169.254.169.254"]]
    with stranger(an_answer()) as server, recorded_connections() as connections:
        new_fetcher(resolve=lambda host, port: answers.pop(0)).fetch(f"http://{HOST}:{server.port}/")
    assert connections == [("127.0.0.1", server.port)]
    assert answers == [["169.254.169.254"]]


def test_the_next_address_is_tried_when_one_does_not_answer(new_fetcher: NewFetcher):
    with stranger(an_answer()) as server:
        fetcher = new_fetcher(resolve=resolving({HOST: ["::1", "127.0.0.1"]}))
        assert fetcher.fetch(f"http://{HOST}:{server.port}/").body == KEY_SET


def test_proxies_of_the_environment_and_passwords_of_the_home_are_not_used(
    new_fetcher: NewFetcher, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path
):
    (tmp_path / ".netrc").write_text(f"machine {HOST} login me password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with stranger(an_answer()) as proxy, stranger(an_answer(), tls=authority.server_context(HOST)) as server:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        fetcher = new_fetcher(ca_file=authority.ca_file)
        fetcher.fetch(f"https://{HOST}:{server.port}/")
        with stranger(an_answer()) as plain:
            fetcher.fetch(f"http://{HOST}:{plain.port}/")
    assert proxy.connections == 0
    assert b"uthorization" not in server.requests[0]
    assert b"uthorization" not in plain.requests[0]


@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent", "300 Many"]
)
@pytest.mark.parametrize("where", ["http://127.0.0.1:{port}/", "//127.0.0.1:{port}/", "https://metadata.example/"])
def test_no_redirect_is_followed(new_fetcher: NewFetcher, status: str, where: str):
    with stranger(an_answer()) as inside:
        moved = an_answer(status=status, headers={"Location": where.format(port=inside.port)})
        with stranger(moved) as server, pytest.raises(FetchFailed, match=f"answered {status[:3]}"):
            new_fetcher().fetch(f"http://{HOST}:{server.port}/")
        assert (server.connections, inside.connections) == (1, 0)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(an_answer(status="201 Created"), id="201"),
        pytest.param(an_answer(status="204 No Content", body=b""), id="204"),
        pytest.param(an_answer(status="206 Partial Content"), id="206"),
        pytest.param(an_answer(status="401 Unauthorized"), id="401"),
        pytest.param(an_answer(status="404 Not Found"), id="404"),
        pytest.param(an_answer(status="500 Oops"), id="500"),
        pytest.param(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", id="101"),
        pytest.param(an_answer(content_type=None), id="no type"),
        pytest.param(an_answer(content_type=""), id="empty type"),
        pytest.param(an_answer(content_type="text/html"), id="HTML"),
        pytest.param(an_answer(content_type="text/plain; x=application/json"), id="JSON in a parameter"),
        pytest.param(an_answer(content_type="text/x+json"), id="+json of another kind"),
        pytest.param(an_answer(content_type="application/jsonp"), id="longer name"),
        pytest.param(an_answer(content_type="application/+json"), id="nothing before +json"),
        pytest.param(an_answer(headers={"content-type": "text/html"}), id="two types"),
        pytest.param(an_answer(gzip.compress(KEY_SET), headers={"Content-Encoding": "gzip"}), id="gzip"),
        pytest.param(an_answer(headers={"Content-Encoding": "br"}), id="brotli"),
        pytest.param(an_answer(gzip.compress(b" " * 50_000_000), headers={"Content-Encoding": "gzip"}), id="gzip bomb"),
        pytest.param(an_answer(b"x" * 65_537), id="one octet too many"),
        pytest.param(an_answer(b"", headers={"Content-Length": "9" * 19}), id="absurd length"),
        pytest.param(an_answer(headers={"Content-Length": "11, 12"}), id="two lengths"),
        pytest.param(an_answer(KEY_SET[:5], headers={"Content-Length": "11"}), id="cut short"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00", id="no HTTP"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX: a\x00b\r\n\r\n{}", id="NUL in a header"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"X-Fill: " + b"x" * 200_000 + b"\r\n\r\n{}", id="huge header"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000 + an_answer(), id="interim answers without end"),
    ],
)  # fmt: skip
def test_what_is_no_small_json_document_is_refused(new_fetcher: NewFetcher, answer: bytes):
    with stranger(answer) as server, pytest.raises(FetchFailed):
        new_fetcher().fetch(f"http://{HOST}:{server.port}/")
    assert server.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(an_answer(content_type="application/jwk-set+json"), id="key set"),
        pytest.param(an_answer(content_type="Application/JSON; charset=utf-8"), id="parameter"),
        pytest.param(an_answer(content_type="application/vnd.example+json"), id="vendor"),
        pytest.param(an_answer(headers={"Content-Encoding": "identity"}), id="identity"),
        pytest.param(an_answer(b"x" * 65_536), id="the most octets"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            b'4\r\n{"a"\r\n3\r\n:1}\r\n0\r\n\r\n', id="chunks"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" + an_answer(), id="early hints"),
        pytest.param(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{}", id="until the end"),
    ],
)  # fmt: skip
def test_a_small_json_document_is_taken(new_fetcher: NewFetcher, answer: bytes):
    with stranger(answer) as server:
        assert new_fetcher().fetch(f"http://{HOST}:{server.port}/").body


OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "serve",
    [
        pytest.param(Dripping(b"", b"H"), id="status line"),
        pytest.param(Dripping(OK, b"X"), id="one header"),
        pytest.param(Dripping(OK, b"X: y\r\n"), id="headers"),
        pytest.param(Dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), id="interim answers"),
        pytest.param(Dripping(OK + b"Content-Length: 4000\r\n\r\n", b" "), id="body"),
        pytest.param(Dripping(OK + b"\r\n", b" "), id="body without length"),
        pytest.param(Dripping(CHUNKED, b"1\r\n \r\n"), id="chunks"),
        pytest.param(Dripping(CHUNKED, b"0"), id="the length of a chunk"),
        pytest.param(Dripping(CHUNKED + b"0\r\n", b"X: y\r\n"), id="trailers"),
    ],
)
def test_whoever_drips_does_not_stretch_the_deadline(new_fetcher: NewFetcher, serve: Dripping):
    with stranger(serve) as server, pytest.raises(FetchFailed):
        new_fetcher(deadline_seconds=0.4).fetch(f"http://{HOST}:{server.port}/")
    assert serve.drips < serve.most


def test_a_slow_handshake_does_not_stretch_the_deadline(new_fetcher: NewFetcher):
    # The head of a long TLS record, and then its octets one by one.
    serve = Dripping(b"\x16\x03\x03\x3f\xff", b"\x02")
    with stranger(serve, reads=False) as server, pytest.raises(FetchFailed):
        new_fetcher(deadline_seconds=0.4).fetch(f"https://{HOST}:{server.port}/")
    assert serve.drips < serve.most


def test_a_huge_body_is_not_read_to_its_end(new_fetcher: NewFetcher):
    sent = []

    def serve(connection: socket.socket) -> None:
        connection.sendall(OK + b"\r\n")
        for _ in range(1_000):
            connection.sendall(b" " * 100_000)
            sent.append(100_000)

    with stranger(serve) as server, pytest.raises(FetchFailed, match="more than"):
        new_fetcher().fetch(f"http://{HOST}:{server.port}/")
    assert sum(sent) < 50_000_000


@pytest.mark.parametrize(
    ("cache_control", "seconds"),
    [
        pytest.param(None, 300, id="nothing"),
        pytest.param("max-age=600", 600, id="as told"),
        pytest.param("public, Max-Age=120, immutable", 120, id="among others"),
        pytest.param("max-age=5", 60, id="too short"),
        pytest.param("max-age=99999999999999999999", 3_600, id="too long"),
        pytest.param("no-store, max-age=600", 60, id="no-store"),
        pytest.param("no-cache", 60, id="no-cache"),
        pytest.param("max-age=-1", 300, id="no number"),
        pytest.param("max-age=٣", 300, id="digits of another alphabet"),
    ],
)
def test_a_document_stays_fresh_as_long_as_it_says_within_bounds(new_fetcher: NewFetcher, hand, cache_control, seconds):
    headers = {} if cache_control is None else {"Cache-Control": cache_control.encode().decode("latin-1")}
    with stranger(an_answer(headers=headers)) as server:
        fetcher, url = new_fetcher(), f"http://{HOST}:{server.port}/"
        fetcher.fetch(url)
        hand.move(seconds - 1)
        fetcher.fetch(url)
        fetcher.close()
        assert server.connections == 1
        fetcher = new_fetcher()
        fetcher.fetch(url)
        hand.move(seconds)
        fetcher.fetch(url)
        eventually(lambda: server.connections == 3)
