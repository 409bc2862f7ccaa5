"""What both kinds of counters do: those of one process, and those that are shared by way of a Redis."""

from collections.abc import Callable, Iterator

import pytest

from authsvc.storage.counters import Counters
from authsvc.storage.redis import SharedCounters

Make = Callable[..., Counters]


@pytest.fixture(params=["memory", "redis"])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    if request.param == "memory":
        yield Counters
        return
    made: list[SharedCounters] = []
    url = request.getfixturevalue("own_redis").url

    def shared(most_keys: int = 100) -> Counters:
        made.append(SharedCounters(url, "https://login.example", lambda: None, most_keys))
        made[-1].start()
        return made[-1]

    yield shared
    for counters in made:
        counters.close()


def test_each_key_is_counted_for_itself_and_anew_in_each_window(make: Make):
    counters = make()
    assert [counters.add("a", 7), counters.add("a", 7), counters.add("b", 7)] == [1, 2, 1]
    assert [counters.add("a", 8), counters.add("b", 8)] == [1, 1]
    # A clock that is set back begins anew, too: memory is bounded by one window.
    assert (counters.add("a", 7) or 0) in {1, 3}


def test_a_key_too_many_is_not_counted_and_displaces_nobody(make: Make):
    counters = make(most_keys=2)
    assert [counters.add(key, 7) for key in ("a", "b", "c", "a")] == [1, 1, None, 2]


def test_the_busiest_keys_that_came_are_told_first_and_each_once():
    counters = Counters()
    for key in "abbccc":
        counters.add(key, 7)
    assert counters.take_changed(2) == (7, [("c", 3), ("b", 2)])
    assert counters.take_changed(2) == (7, [])
    counters.add("a", 7)
    assert counters.take_changed(2) == (7, [("a", 2)])


def test_what_is_heard_too_late_counts_for_nothing():
    counters = Counters()
    counters.add("a", 7)
    counters.add("a", 8)
    counters.hear("a", 7, 40)
    counters.hear("b", 8, 40)
    assert counters.add("a", 8) == 2
