"""Requests that one address makes a minute: what is refused and how, and what never is."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from authsvc.settings import Http
from authsvc.storage.counters import Counters
from authsvc.web.rate_limit import RateLimit, TooManyRequests
from tests.flows.world import FORM, World, running_world
from tests.harness.redis_server import RedisServer

MOST = 5


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with running_world(f"sqlite:///{tmp_path}/authsvc.db", tmp_path, http=Http(requests_per_minute=MOST)) as running:
        running.clock.offset -= running.clock() - running.clock().replace(second=10, microsecond=0)
        yield running


def spend(world: World) -> None:
    for _ in range(MOST):
        assert world.token(scope="es256:read").status_code == 200


def test_who_has_had_the_share_of_a_minute_waits_for_the_next(world: World):
    spend(world)
    refused = world.token(scope="es256:read")
    assert (refused.status_code, refused.json()["error"]) == (429, "too_many_requests")
    assert refused.headers["retry-after"] == "50"
    with world.from_address("192.0.2.9") as other:
        assert other.get("/jwks").status_code == 200
    world.clock.move(seconds=50)
    spend(world)


@pytest.mark.parametrize(
    ("method", "path", "media_type"),
    [
        pytest.param("POST", "/token", "application/json", id="oauth"),
        pytest.param("GET", "/me", "application/problem+json", id="api"),
        pytest.param("GET", "/ui/login", "text/html", id="page"),
        pytest.param("GET", "/nothing", "application/problem+json", id="unknown"),
    ],
)
def test_each_place_refuses_in_its_form_and_reads_no_body(world: World, method: str, path: str, media_type: str):
    spend(world)
    refused = world.http.request(
        method, path, content=b"\xff" if method == "POST" else b"", headers={"Content-Type": FORM}
    )
    assert refused.status_code == 429
    assert refused.headers["content-type"].partition(";")[0] == media_type
    assert refused.headers["retry-after"] == "50"


def test_health_is_told_however_often_it_is_asked(world: World):
    spend(world)
    assert {world.get(f"/health/{what}").status_code for what in ("live", "ready") for _ in range(MOST)} == {200}
    assert world.get("/jwks").status_code == 429


def test_an_ipv6_subscriber_is_one_address():
    limit, now = RateLimit(Counters(), 1, lambda: None), datetime.now(UTC)
    limit.check("2001:db8:0:1::1", now)
    limit.check("2001:db8:0:2::1", now)
    with pytest.raises(TooManyRequests):
        limit.check("2001:db8:0:1:ffff::2", now)


def test_who_cannot_be_counted_is_let_through_and_counted_as_that():
    failures: list[str] = []
    limit = RateLimit(Counters(most_keys=1), 1, lambda: failures.append("x"))
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.2"):
        limit.check(address, datetime.now(UTC))
    assert len(failures) == 2


def test_with_a_redis_that_is_gone_nobody_notices_but_for_the_counts(tmp_path: Path, own_redis: RedisServer):
    own_redis.stop()
    url = f"sqlite:///{tmp_path}/authsvc.db"
    with running_world(url, tmp_path, http=Http(requests_per_minute=MOST), redis_url=own_redis.url) as world:
        world.clock.offset -= world.clock() - world.clock().replace(second=10, microsecond=0)
        spend(world)
        assert world.token().status_code == 429
