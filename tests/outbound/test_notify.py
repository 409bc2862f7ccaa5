"""A word to a stranger: the same guard as for documents, one request, nothing followed, nothing read."""

import pytest

from authsvc.domain.documents import FetchFailed
from tests.outbound.conftest import HOST
from tests.outbound.connections import recorded_connections
from tests.outbound.ssrf_corpus import urls
from tests.outbound.strangers import Authority, Dripping, an_answer, stranger

FIELDS = {"logout_token": "a.b.c", "ü": "x&y=z"}


def test_a_form_is_posted_over_tls_to_the_judged_address(new_fetcher, authority: Authority):
    with (
        stranger(an_answer(b"", None), tls=authority.server_context(HOST)) as server,
        recorded_connections() as connections,
    ):
        new_fetcher(ca_file=authority.ca_file).notify(f"https://{HOST}:{server.port}/out?a=b", FIELDS)
    assert connections == [("127.0.0.1", server.port)]
    [request] = server.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /out?a=b HTTP/1.1\r\n")
    assert b"\r\nContent-Type: application/x-www-form-urlencoded" in head
    assert body == b"logout_token=a.b.c&%C3%BC=x%26y%3Dz"
    assert f"\r\nContent-Length: {len(body)}".encode() in head


@pytest.mark.parametrize("status", ["200 OK", "204 No Content"])
def test_who_answers_so_has_taken_it(new_fetcher, status: str):
    with stranger(an_answer(b"", None, status)) as server:
        new_fetcher().notify(f"http://127.0.0.1:{server.port}/", FIELDS)


@pytest.mark.parametrize(
    "status", ["201 Created", "302 Found", "307 Temporary Redirect", "400 Bad Request", "500 Oops"]
)
def test_every_other_answer_is_a_failure_and_leads_nowhere(new_fetcher, status: str):
    with stranger(an_answer()) as other, recorded_connections() as connections:
        to_other = an_answer(b"", None, status, {"Location": f"http://127.0.0.1:{other.port}/"})
        with stranger(to_other) as server, pytest.raises(FetchFailed, match=status[:3]):
            new_fetcher().notify(f"http://127.0.0.1:{server.port}/", FIELDS)
    assert len(connections) == 1
    assert other.connections == 0


def test_nobody_inside_is_connected_to(new_fetcher):
    with stranger(an_answer()) as inside, recorded_connections() as connections:
        fetcher = new_fetcher(allowed=())
        for url in urls(inside.port):
            with pytest.raises(FetchFailed):
                fetcher.notify(url, FIELDS)
    assert connections == []


def test_a_stranger_who_drips_is_left_at_the_deadline(new_fetcher):
    dripping = Dripping(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n")
    with stranger(dripping) as server, pytest.raises(FetchFailed):
        new_fetcher(deadline_seconds=0.3).notify(f"http://127.0.0.1:{server.port}/", FIELDS)
    assert dripping.drips < dripping.most


def test_who_fails_again_and_again_is_left_alone_but_its_documents_are_read(new_fetcher, hand):
    with stranger(lambda connection: connection.sendall(answers.pop(0))) as server:
        answers = [an_answer(b"", None, "500 Oops")] * 3 + [an_answer(), an_answer(b"", None)]
        fetcher, url = new_fetcher(), f"http://127.0.0.1:{server.port}/"
        for _ in range(4):
            with pytest.raises(FetchFailed):
                fetcher.notify(url, FIELDS)
        assert server.connections == 3
        fetcher.fetch(f"{url}keys")
        hand.move(11)
        fetcher.notify(url, FIELDS)
    assert server.connections == 5
