"""Counters by way of a Redis that is real, and that stops, stands still and forgets."""

import time
from collections.abc import Callable, Iterator

import pytest

from authsvc.storage import redis as redis_module
from authsvc.storage.redis import SharedCounters, answers, connect
from tests.harness.redis_server import PASSWORD, RedisServer

ADDRESS = "192.0.2.7"
Node = Callable[..., SharedCounters]


@pytest.fixture(autouse=True)
def _a_busy_machine_is_borne(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(redis_module, "TIMEOUT_SECONDS", 20.0)


@pytest.fixture
def failures() -> list[str]:
    return []


@pytest.fixture
def node(own_redis: RedisServer, failures: list[str]) -> Iterator[Node]:
    """Counters of one more process."""
    made: list[SharedCounters] = []

    def make(name: str = "https://login.example") -> SharedCounters:
        made.append(SharedCounters(own_redis.url, name, lambda: failures.append(name)))
        return made[-1]

    yield make
    for counters in made:
        counters.close()


def counted(counters: SharedCounters, times: int, window: int = 7) -> int:
    """Count so often, and exchange; return what the next one will see."""
    for _ in range(times):
        counters.add(ADDRESS, window)
    counters.exchange()
    return (counters.add(ADDRESS, window) or 0) - 1


def bear(counters: SharedCounters, seconds: float) -> None:
    """Let its one connection wait so long."""
    (connection,) = counters._redis.connection_pool._available_connections  # type: ignore[attr-defined]
    connection.socket_timeout = connection.socket_connect_timeout = seconds
    if connection._sock is not None:
        connection._sock.settimeout(seconds)


def test_processes_hear_of_each_other(node: Node, failures: list[str]):
    one, other = node(), node()
    assert [counted(one, 5), counted(other, 3), counted(one, 1)] == [5, 8, 10]
    assert failures == []


def test_windows_and_installations_are_apart(node: Node):
    counted(node(), 5)
    assert counted(node(), 1, window=8) == 1
    assert counted(node("https://other.example"), 1) == 1


def test_what_a_redis_forgets_is_not_forgotten_by_those_who_heard_it_and_is_told_again(
    node: Node, own_redis: RedisServer
):
    one, other = node(), node()
    counted(one, 5)
    assert counted(other, 3) == 8
    own_redis.ask("FLUSHALL")
    assert counted(other, 1) == 10
    counted(one, 1)
    assert counted(node(), 1) >= 13


def test_who_starts_anew_hears_what_it_counted_before(node: Node):
    counted(node(), 5)
    assert counted(node(), 1) == 6


def test_while_redis_is_away_each_counts_for_itself_and_says_so(
    node: Node, own_redis: RedisServer, failures: list[str]
):
    one, other = node(), node()
    counted(one, 5)
    own_redis.stop()
    assert [counted(one, 5), counted(other, 3)] == [11, 3]
    assert len(failures) == 2
    own_redis.start()
    counted(one, 1)
    assert counted(other, 1) == 13 + 5
    assert len(failures) == 2


def test_what_a_redis_that_stood_still_does_afterwards_counts_nothing_twice(
    node: Node, own_redis: RedisServer, failures: list[str]
):
    one, other = node(), node()
    counted(one, 1)
    bear(one, 0.1)
    with own_redis.standing():
        # The first of these lies in an open connection, and is done once Redis goes on.
        counted(one, 5)
        counted(one, 0)
        assert counted(one, 4) == 13
    bear(one, 20.0)
    assert len(failures) == 3
    counted(one, 0)
    assert counted(other, 1) == 1 + 14
    assert own_redis.ask("DBSIZE") == ":1\r\n"


def test_a_redis_that_takes_no_more_is_as_one_that_is_away(node: Node, own_redis: RedisServer, failures: list[str]):
    own_redis.ask("CONFIG", "SET", "maxmemory", "1")
    own_redis.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
    assert counted(node(), 5) == 5
    assert len(failures) == 1


def test_nobody_is_named_in_redis_and_nothing_stays_there(node: Node, own_redis: RedisServer):
    counted(node(), 5)
    (key,) = [line for line in own_redis.ask("KEYS", "*").splitlines() if line.startswith("authsvc:")]
    assert ADDRESS not in key
    assert 0 < int(own_redis.ask("TTL", key)[1:]) <= 180


def test_once_it_is_started_it_exchanges_by_itself(node: Node, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(redis_module, "EXCHANGE_SECONDS", 0.01)
    one, other = node(), node()
    for counters in (one, other):
        counters.start()
    for _ in range(5):
        one.add(ADDRESS, 7)
    deadline = time.monotonic() + 20
    own = 1
    while (seen := other.add(ADDRESS, 7) or 0) < own + 5:
        assert time.monotonic() < deadline, seen
        own += 1
        time.sleep(0.01)


def test_whether_it_answers_can_be_asked(own_redis: RedisServer):
    assert answers(own_redis.url)
    assert not answers(own_redis.url.replace(PASSWORD, "another"))
    own_redis.stop()
    assert not answers(own_redis.url)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://hush@localhost", id="scheme"),
        pytest.param("redis://:hush/y@localhost:6379", id="slash in the password"),
        pytest.param("redis://localhost:hush", id="port"),
        pytest.param("", id="empty"),
    ],
)
def test_a_url_that_cannot_be_one_is_refused_without_being_told(url: str):
    with pytest.raises(RuntimeError, match=r"^AUTHSVC_REDIS_URL: redis://") as refused:
        connect(url)
    assert "hush" not in str(refused.value)


def test_without_the_package_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(redis_module, "find_spec", lambda _: None)
    with pytest.raises(RuntimeError, match=r"pip install 'authsvc\[redis\]'"):
        connect("redis://localhost")
