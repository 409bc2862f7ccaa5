import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from authsvc.errors import LaneNeeded, StorageUnavailable
from authsvc.storage.cache import Cache
from tests.storage.race import race


class World:
    """A database that the test holds in its hand: the feed's counter, one value per key, and whether it answers."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.counter = 7
        self.values: dict[str, object] = {"a": "first"}
        self.is_up = True
        self.feed_reads = 0
        self.loads: list[str] = []
        self.cache = Cache(feed_seconds=1, outage_seconds=30, size=100, monotonic=lambda: self.now)

    def read_feed(self) -> int:
        self.feed_reads += 1
        if not self.is_up:
            raise StorageUnavailable("down")
        return self.counter

    def load(self, key: str) -> object:
        self.loads.append(key)
        if not self.is_up:
            raise StorageUnavailable("down")
        return self.values.get(key)

    def get(self, key: str = "a") -> object:
        return self.cache.get(key, self.read_feed, lambda: self.load(key))

    def change(self, value: object, key: str = "a") -> None:
        """As another process's commit."""
        self.values[key] = value
        self.counter += 1


@pytest.fixture
def world() -> World:
    return World()


def test_what_is_cached_is_not_loaded_again(world: World):
    assert [world.get() for _ in range(5)] == ["first"] * 5
    assert (world.loads, world.feed_reads) == (["a"], 1)


def test_a_change_is_seen_after_a_second_at_most(world: World):
    assert world.get() == "first"
    world.change("second")
    world.now += 0.999
    assert world.get() == "first"
    world.now += 0.001
    assert world.get() == "second"


def test_a_second_counts_from_the_reading_of_the_feed_not_from_the_load(world: World):
    world.get("b")
    world.now += 0.9
    assert world.get() == "first"
    world.change("second")
    world.now += 0.1
    assert world.get() == "second"


def test_an_unchanged_feed_keeps_what_is_cached(world: World):
    for _ in range(10):
        assert world.get() == "first"
        world.now += 1
    assert (world.loads, world.feed_reads) == (["a"], 10)


def test_any_change_of_the_counter_forgets_everything_even_backwards(world: World):
    world.get()
    world.get("b")
    world.counter = 3  # As after a restored backup.
    world.values["a"] = "restored"
    world.now += 1
    assert world.get() == "restored"
    assert world.get("b") is None
    assert world.loads == ["a", "b", "a", "b"]


def test_nothing_is_polled_while_nothing_is_asked(world: World):
    world.get()
    world.now += 3_600
    assert world.feed_reads == 1


def test_this_processs_own_change_is_seen_at_once(world: World):
    assert world.get() == "first"
    world.change("second")
    world.cache.drop()
    assert world.get() == "second"


def test_a_value_that_was_loaded_before_a_drop_is_not_kept(world: World):
    def load_while_another_commits() -> object:
        value = world.load("a")
        world.change("second")
        world.cache.drop()
        return value

    assert world.cache.get("a", world.read_feed, load_while_another_commits) == "first"
    assert world.get() == "second"


def test_a_value_that_was_loaded_before_the_feed_moved_is_not_kept(world: World):
    def load_slowly() -> object:
        value = world.load("a")
        world.change("second")
        world.now += 1
        world.get("b")
        return value

    assert world.cache.get("a", world.read_feed, load_slowly) == "first"
    assert world.get() == "second"


def test_a_feed_that_was_read_before_a_drop_is_read_again(world: World):
    def read_while_another_commits() -> int:
        counter = world.read_feed()
        if world.feed_reads == 1:
            world.change("second")
            world.cache.drop()
        return counter

    assert world.cache.get("a", read_while_another_commits, lambda: world.load("a")) == "second"
    assert world.feed_reads == 2


def test_an_outage_is_bridged_for_30_seconds_since_the_last_reading(world: World):
    world.get()
    world.is_up = False
    for _ in range(29):
        world.now += 1
        assert world.get() == "first"
    world.now += 1
    with pytest.raises(StorageUnavailable):
        world.get()


def test_what_is_not_cached_is_refused_at_once_in_an_outage(world: World):
    world.get()
    world.is_up = False
    world.now += 1
    with pytest.raises(StorageUnavailable):
        world.get("b")
    assert world.loads == ["a"]


def test_an_outage_from_the_start_is_refused(world: World):
    world.is_up = False
    with pytest.raises(StorageUnavailable):
        world.get()


def test_what_this_process_changed_itself_is_not_served_stale_in_an_outage(world: World):
    world.get()
    world.cache.drop()
    world.is_up = False
    with pytest.raises(StorageUnavailable):
        world.get()


def test_an_unreadable_feed_is_tried_once_a_second_not_for_each_request(world: World):
    world.get()
    world.is_up = False
    world.now += 1
    for _ in range(100):
        world.get()
    assert world.feed_reads == 2
    world.now += 1
    for _ in range(100):
        world.get()
    assert world.feed_reads == 3


def test_the_end_of_an_outage_is_noticed_within_a_second_and_changes_with_it(world: World):
    world.get()
    world.is_up = False
    world.now += 5
    world.get()
    world.change("second")
    world.is_up = True
    world.now += 1
    assert world.get() == "second"


def test_a_load_that_fails_is_not_remembered(world: World):
    def fail() -> object:
        raise StorageUnavailable("just now")

    with pytest.raises(StorageUnavailable):
        world.cache.get("a", world.read_feed, fail)
    assert world.get() == "first"


def test_a_flood_of_unknown_names_pushes_out_nothing_that_is_there(world: World):
    world.get()
    for number in range(10_000):
        assert world.get(f"made-up-{number}") is None
    loads = len(world.loads)
    assert world.get() == "first"
    assert len(world.loads) == loads
    assert len(world.cache._epoch.absent) <= 16


@pytest.mark.parametrize("negative", [None, False])
def test_an_unknown_name_is_remembered_too(world: World, negative):
    world.values["b"] = negative
    assert [world.get("b"), world.get("b")] == [negative, negative]
    assert world.loads == ["b"]


def test_the_cache_is_bounded_and_keeps_what_is_used(world: World):
    world.get()
    for number in range(1_000):
        world.values[f"k{number}"] = number
        assert world.get(f"k{number}") == number
        assert world.get() == "first"
    epoch = world.cache._epoch
    assert len(epoch.young) + len(epoch.old) <= 100
    assert world.loads.count("a") == 1


def test_peeking_tells_what_is_fresh_and_asks_nothing(world: World):
    world.get()
    world.get("b")
    assert world.cache.peek("a") == "first"
    assert world.cache.peek("b") is None
    assert world.feed_reads == 1


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda world: setattr(world, "now", world.now + 1), id="the reading of the feed is a second old"),
        pytest.param(lambda world: world.cache.drop(), id="this process has changed something"),
    ],
)
def test_peeking_needs_the_database_when(world: World, spoil):
    world.get()
    spoil(world)
    with pytest.raises(LaneNeeded):
        world.cache.peek("a")
    with pytest.raises(LaneNeeded):
        world.cache.peek("never loaded")


@contextmanager
def _hanging_feed(world: World) -> Iterator[threading.Thread]:
    """Another thread that hangs in its reading of the feed."""
    reached, release = threading.Event(), threading.Event()

    def hang() -> int:
        reached.set()
        release.wait()
        return world.read_feed()

    thread = threading.Thread(target=world.cache.get, args=("a", hang, lambda: world.load("a")))
    thread.start()
    reached.wait()
    try:
        yield thread
    finally:
        release.set()
        thread.join()


def test_of_many_requests_one_reads_the_feed(world: World):
    world.cache = Cache(feed_seconds=60)

    def read_slowly() -> int:
        threading.Event().wait(0.05)
        return world.read_feed()

    values = race(lambda _: world.cache.get("a", read_slowly, lambda: world.load("a")), times=20)
    assert values == ["first"] * 20
    assert world.feed_reads == 1


def test_one_reading_that_hangs_holds_up_the_others_for_a_second_at_most(world: World):
    world.cache = Cache(feed_seconds=0.05, outage_seconds=30)
    world.get()
    threading.Event().wait(0.06)
    with _hanging_feed(world):
        assert [world.get() for _ in range(50)] == ["first"] * 50
        with pytest.raises(StorageUnavailable):
            world.get("b")
    assert world.get("b") is None


def test_what_cannot_ask_the_feed_is_told_what_is_cached_for_a_second_and_30_in_all(world: World):
    assert world.get() == "first"
    for _ in range(29):
        world.now += 1
        with pytest.raises(LaneNeeded):
            world.cache.peek("a")
        world.cache.serve_stale()
        assert world.cache.peek("a") == "first"
    world.now += 1
    world.cache.serve_stale()
    with pytest.raises(LaneNeeded):
        world.cache.peek("a")


def test_a_reading_that_has_had_half_of_its_time_is_renewed_before_anybody_waits(world: World):
    world.get()
    world.now += 0.49
    assert not world.cache.is_ageing()
    world.cache.renew(world.read_feed)
    assert world.feed_reads == 1
    world.now += 0.01
    assert world.cache.is_ageing()
    world.cache.renew(world.read_feed)
    assert world.feed_reads == 2
    world.now += 0.99
    assert world.cache.peek("a") == "first"
    world.now += 0.01
    with pytest.raises(LaneNeeded):
        world.cache.peek("a")


def test_a_renewed_reading_that_tells_of_a_change_forgets(world: World):
    world.get()
    world.now += 0.5
    world.change("second")
    world.cache.renew(world.read_feed)
    assert world.get() == "second"


def test_a_feed_that_cannot_be_renewed_is_left_to_who_needs_it(world: World):
    world.get()
    world.now += 0.5
    world.is_up = False
    world.cache.renew(world.read_feed)
    assert not world.cache.is_ageing()
    assert world.cache.peek("a") == "first"


def test_one_at_a_time_renews(world: World):
    world.get()
    world.now += 1
    with _hanging_feed(world):
        world.cache.renew(world.read_feed)
        assert world.feed_reads == 1
