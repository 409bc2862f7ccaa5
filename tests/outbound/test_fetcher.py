"""Copies, refreshes behind the caller's back, who waits and who is told to come back."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import pytest

from authsvc.domain.documents import Document, FetchBusy, FetchFailed
from authsvc.outbound.breaker import FIRST_PAUSE_SECONDS, FREE_FAILURES, LONGEST_PAUSE_SECONDS
from authsvc.outbound.copies import MOST_BYTES, RENEWAL_SECONDS, STALE_SECONDS
from authsvc.outbound.fetcher import GuardedFetcher
from authsvc.outbound.lookups import MOST_AT_ONCE
from tests.outbound.conftest import HOST, NewFetcher, resolving
from tests.outbound.strangers import Held, Stranger, an_answer, answering, eventually, stranger

FIRST, SECOND = an_answer(b'{"keys":[1]}'), an_answer(b'{"keys":[2]}')


def url_of(server: Stranger, host: str = HOST, path: str = "/") -> str:
    return f"http://{host}:{server.port}{path}"


def taken(fetcher: GuardedFetcher) -> int:
    return fetcher._room._taken.total()


@pytest.fixture
def threads():
    with ThreadPoolExecutor(16) as pool:
        yield pool


def outcome(flight: Future[Document]) -> object:
    return flight.exception(60) or flight.result().body


def test_a_fresh_copy_is_served_from_memory(new_fetcher: NewFetcher, hand):
    with stranger(answering(FIRST, SECOND)) as server:
        fetcher = new_fetcher()
        first = fetcher.fetch(url_of(server))
        hand.move(299)
        assert fetcher.fetch(url_of(server)) == first
        assert server.connections == 1


def test_a_version_is_of_the_body(new_fetcher: NewFetcher):
    with stranger(answering(FIRST, SECOND, FIRST)) as server:
        versions = [new_fetcher().fetch(url_of(server)).version for _ in range(3)]
    assert versions[0] == versions[2] != versions[1]


def test_a_stale_copy_is_served_at_once_while_one_refresh_runs(new_fetcher: NewFetcher, hand):
    held = Held(SECOND)
    with stranger(_first_then(held)) as server:
        fetcher = new_fetcher()
        first = fetcher.fetch(url_of(server))
        hand.move(301)
        assert [fetcher.fetch(url_of(server)) for _ in range(20)] == [first] * 20
        eventually(lambda: held.waiting)
        assert fetcher.fetch(url_of(server)) == first
        held.free.set()
        eventually(lambda: fetcher.fetch(url_of(server)) != first)
        assert server.connections == 2


def _first_then(held: Held) -> Callable[..., None]:
    first = [True]

    def serve(connection):
        if first and first.pop():
            connection.sendall(FIRST)
        else:
            held(connection)

    return serve


def test_a_stale_copy_serves_for_a_day_while_its_host_is_away(new_fetcher: NewFetcher, hand):
    with stranger(FIRST) as server:
        fetcher, url = new_fetcher(), url_of(server)
        first = fetcher.fetch(url)
    hand.move(STALE_SECONDS - 1)
    assert fetcher.fetch(url) == first
    eventually(lambda: not fetcher._refreshing)
    hand.move(1)
    with pytest.raises(FetchFailed):
        fetcher.fetch(url)


def test_a_renewal_is_granted_once_in_a_while(new_fetcher: NewFetcher, hand):
    with stranger(answering(FIRST, SECOND, FIRST, SECOND)) as server:
        fetcher, url = new_fetcher(), url_of(server)
        first = fetcher.fetch(url)
        second = fetcher.fetch(url, renewed=True)
        assert second != first
        for _ in range(10):
            assert fetcher.fetch(url, renewed=True) == second
        hand.move(RENEWAL_SECONDS - 1)
        assert fetcher.fetch(url, renewed=True) == second
        assert server.connections == 2
        hand.move(1)
        assert fetcher.fetch(url, renewed=True) == first
        assert server.connections == 3


def test_a_renewal_that_fails_is_told_and_not_repeated_at_once(new_fetcher: NewFetcher):
    with stranger(answering(FIRST, an_answer(status="500 Oops"))) as server:
        fetcher, url = new_fetcher(), url_of(server)
        first = fetcher.fetch(url)
        with pytest.raises(FetchFailed):
            fetcher.fetch(url, renewed=True)
        assert fetcher.fetch(url, renewed=True) == first
        assert server.connections == 2


def test_many_who_ask_for_one_document_share_one_flight(new_fetcher: NewFetcher, threads: ThreadPoolExecutor):
    held = Held(FIRST)
    with stranger(held) as server:
        fetcher = new_fetcher(waiting=8)
        flights = [threads.submit(fetcher.fetch, url_of(server)) for _ in range(7)]
        eventually(lambda: held.waiting and taken(fetcher) == 7)
        held.free.set()
        assert [outcome(flight) for flight in flights] == [b'{"keys":[1]}'] * 7
        assert server.connections == 1


def test_they_share_its_failure_too(new_fetcher: NewFetcher, threads: ThreadPoolExecutor):
    held = Held(an_answer(status="404 Not Found"))
    with stranger(held) as server:
        fetcher = new_fetcher(waiting=8)
        flights = [threads.submit(fetcher.fetch, url_of(server)) for _ in range(5)]
        eventually(lambda: held.waiting and taken(fetcher) == 5)
        held.free.set()
        assert {type(outcome(flight)) for flight in flights} == {FetchFailed}
        assert server.connections == 1


def test_a_host_is_asked_for_one_document_at_a_time(new_fetcher: NewFetcher, threads: ThreadPoolExecutor):
    held = Held(FIRST)
    with stranger(held) as server:
        fetcher = new_fetcher(waiting=8)
        flights = [threads.submit(fetcher.fetch, url_of(server, path=f"/{number}")) for number in range(5)]
        eventually(lambda: held.waiting and taken(fetcher) == 5)
        held.free.set()
        assert [outcome(flight) for flight in flights] == [b'{"keys":[1]}'] * 5
        assert (server.connections, held.most) == (5, 1)


def test_who_finds_no_place_to_wait_is_told_at_once(new_fetcher: NewFetcher, threads: ThreadPoolExecutor):
    held = Held(FIRST)
    with stranger(held) as one, stranger(held) as two, stranger(FIRST) as third:
        fetcher = new_fetcher(waiting=2)
        flights = [threads.submit(fetcher.fetch, url_of(server)) for server in (one, two)]
        eventually(lambda: held.waiting == 2)
        with pytest.raises(FetchBusy):
            fetcher.fetch(url_of(third))
        assert third.connections == 0
        held.free.set()
        assert [outcome(flight) for flight in flights] == [b'{"keys":[1]}'] * 2
        assert fetcher.fetch(url_of(third)).body == b'{"keys":[1]}'


def test_a_full_room_keeps_nobody_from_a_copy(new_fetcher: NewFetcher, threads: ThreadPoolExecutor, hand):
    held = Held(FIRST)
    with stranger(FIRST) as known, stranger(held) as slow:
        fetcher = new_fetcher(waiting=1)
        fetcher.fetch(url_of(known))
        flight = threads.submit(fetcher.fetch, url_of(slow))
        eventually(lambda: held.waiting)
        assert fetcher.fetch(url_of(known)).body == b'{"keys":[1]}'
        hand.move(301)
        assert fetcher.fetch(url_of(known)).body == b'{"keys":[1]}'
        held.free.set()
        outcome(flight)


def test_one_host_never_takes_all_places(new_fetcher: NewFetcher, threads: ThreadPoolExecutor):
    held = Held(FIRST)
    with stranger(held) as slow, stranger(FIRST) as other:
        fetcher = new_fetcher(waiting=3)
        flights = [threads.submit(fetcher.fetch, url_of(slow)) for _ in range(2)]
        eventually(lambda: taken(fetcher) == 2)
        with pytest.raises(FetchBusy):
            fetcher.fetch(url_of(slow))
        assert fetcher.fetch(url_of(other)).body == b'{"keys":[1]}'
        held.free.set()
        assert [outcome(flight) for flight in flights] == [b'{"keys":[1]}'] * 2


def test_a_host_that_is_away_is_left_alone_for_longer_each_time(new_fetcher: NewFetcher, hand):
    asked: list[str] = []

    def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        raise OSError("away")

    fetcher, url = new_fetcher(resolve=resolve), f"https://{HOST}/"

    def tries(count: int) -> int:
        asked.clear()
        for number in range(count):
            with pytest.raises(FetchFailed):
                fetcher.fetch(f"{url}{number}")
        return len(asked)

    assert tries(10) == FREE_FAILURES
    hand.move(FIRST_PAUSE_SECONDS - 1)
    assert tries(5) == 0
    hand.move(1)
    assert tries(5) == 1
    hand.move(FIRST_PAUSE_SECONDS)
    assert tries(5) == 0
    hand.move(FIRST_PAUSE_SECONDS)
    assert tries(5) == 1
    for _ in range(12):
        hand.move(LONGEST_PAUSE_SECONDS)
        assert tries(3) == 1


def test_a_document_that_fails_does_not_shut_its_host(new_fetcher: NewFetcher):
    with stranger(lambda connection: connection.sendall(FIRST if good else an_answer(status="404 No"))) as server:
        fetcher, good = new_fetcher(), False
        for _ in range(10):
            with pytest.raises(FetchFailed):
                fetcher.fetch(url_of(server, path="/bad"))
        assert server.connections == FREE_FAILURES
        good = True
        assert fetcher.fetch(url_of(server, path="/good")).body == b'{"keys":[1]}'


def test_a_success_forgives_earlier_failures(new_fetcher: NewFetcher, hand):
    bad = an_answer(status="500 Oops")
    with stranger(answering(bad, bad, FIRST, bad, bad, SECOND)) as server:
        fetcher, url = new_fetcher(), url_of(server)
        for _ in range(2):
            with pytest.raises(FetchFailed):
                fetcher.fetch(url)
        fetcher.fetch(url)
        hand.move(STALE_SECONDS)
        for _ in range(2):
            with pytest.raises(FetchFailed):
                fetcher.fetch(url)
        assert fetcher.fetch(url).body == b'{"keys":[2]}'


def test_a_name_server_that_never_answers_holds_nobody_up(new_fetcher: NewFetcher):
    free = threading.Event()
    hanging: list[str] = []

    def resolve(host: str, port: int) -> Sequence[str]:
        if host != HOST:
            hanging.append(host)
            free.wait(20)
        return ["127.0.0.1"]

    with stranger(FIRST) as server:
        fetcher = new_fetcher(resolve=resolve, deadline_seconds=0.2)
        try:
            for _ in range(2):
                with pytest.raises(FetchFailed):
                    fetcher.fetch(url_of(server, host="a.example"))
            assert hanging == ["a.example"]
            fetcher._limits = replace(fetcher._limits, deadline_seconds=15.0)
            assert fetcher.fetch(url_of(server)).body == b'{"keys":[1]}'
        finally:
            free.set()


def test_lookups_that_hang_are_few(new_fetcher: NewFetcher):
    free = threading.Event()
    hanging: list[str] = []

    def resolve(host: str, port: int) -> Sequence[str]:
        hanging.append(host)
        free.wait(20)
        return ["127.0.0.1"]

    fetcher = new_fetcher(resolve=resolve, deadline_seconds=0.02)
    try:
        for number in range(MOST_AT_ONCE + 5):
            with pytest.raises(FetchFailed):
                fetcher.fetch(f"https://h{number}.example/")
        eventually(lambda: len(hanging) >= MOST_AT_ONCE)
        assert len(hanging) == MOST_AT_ONCE
    finally:
        free.set()


def test_copies_are_bounded_and_the_least_wanted_goes_first(new_fetcher: NewFetcher):
    body = b'"%s"' % (b"x" * 65_000)
    with stranger(an_answer(body)) as server:
        fetcher = new_fetcher()
        wanted, unwanted = url_of(server, path="/wanted"), url_of(server, path="/unwanted")
        fetcher.fetch(unwanted)
        fetcher.fetch(wanted)
        for number in range(MOST_BYTES // len(body)):
            fetcher.fetch(url_of(server, path=f"/{number}"))
            fetcher.fetch(wanted)
        count = server.connections
        fetcher.fetch(wanted)
        assert server.connections == count
        fetcher.fetch(unwanted)
        assert server.connections == count + 1
        assert fetcher._copies._bytes <= MOST_BYTES


def test_closing_ends_the_refreshes(new_fetcher: NewFetcher, hand):
    held = Held(SECOND)
    with stranger(_first_then(held)) as server:
        fetcher, url = new_fetcher(), url_of(server)
        first = fetcher.fetch(url)
        fetcher._limits = replace(fetcher._limits, deadline_seconds=3.0)
        hand.move(301)
        fetcher.fetch(url)
        eventually(lambda: held.waiting)
        fetcher.close()
        assert not [thread for thread in fetcher._refreshers._threads if thread.is_alive()]
        hand.move(60)
        assert fetcher.fetch(url) == first
        assert server.connections == 2
        held.free.set()


@pytest.mark.parametrize(
    "url", ["", "nonsense", "https://", "https://a b/", f"https://{HOST}/#x", "file:///etc/passwd"]
)
def test_what_is_no_url_is_a_failure_like_any_other(new_fetcher: NewFetcher, url: str):
    with pytest.raises(FetchFailed):
        new_fetcher(resolve=resolving({})).fetch(url)


def test_whose_time_another_document_took_blames_nobody(new_fetcher: NewFetcher, threads: ThreadPoolExecutor):
    held = Held(FIRST)
    with stranger(held) as server:
        fetcher = new_fetcher(deadline_seconds=10.0)
        first = threads.submit(fetcher.fetch, url_of(server, path="/first"))
        eventually(lambda: held.waiting)
        second = threads.submit(fetcher.fetch, url_of(server, path="/second"))
        assert type(outcome(first)) is FetchFailed
        assert type(outcome(second)) is FetchBusy
        assert server.connections == 1
        held.free.set()
