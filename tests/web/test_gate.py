"""While the event loop is behind, few token requests are let in; every other request always is."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from authsvc.observe.metrics import Metrics, create_metrics
from authsvc.web.gate import FEW, HIGH, LATE_SECONDS, Gate, Scope, turned_away
from authsvc.web.glance import Post
from authsvc.web.rush import COUNT_SECONDS, RUSH_SECONDS

CROWD = HIGH + 32
TOKEN = b"POST /token HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n\r\na=b"


def _lane_of(post: Post) -> str:
    return {b"a=b": "machine", b"a=c": "memory"}[post.body]


@dataclass(slots=True)
class _Lane:
    """A lane that says what the test wants, and keeps what it was asked."""

    stands: bool = False
    is_full: bool = False
    refusals: int = 0
    asked: list[tuple[int, bool]] = field(default_factory=list)

    def has_room(self, ahead: int, *, is_short: bool) -> bool:
        self.asked.append((ahead, is_short))
        return not self.is_full

    def refused(self) -> None:
        self.refusals += 1


class Loop:
    """A gate with its clock, and what waits behind it."""

    def __init__(self, metrics: Metrics) -> None:
        self.now, self.backlog = 50.0, 0
        self.lane = _Lane()
        self.gate = Gate(metrics, lambda: self.backlog, {"machine": self.lane}, _lane_of, lambda: self.now, lambda: 0.0)

    def arrives(self, url: bytes = b"/token", method: bytes = b"POST") -> Scope | None:
        if not self.gate.lets_in(method, url):
            return None
        scope: Scope = {}
        self.gate.enter(scope)
        return scope

    def round(self, number: int, seconds: float) -> int:
        """So many arrive, then all that were let in begin after a while; return how many those were."""
        let_in = [scope for scope in (self.arrives() for _ in range(number)) if scope is not None]
        self.now += seconds
        for scope in let_in:
            self.gate.begin(scope)
            assert scope == {}
        return len(let_in)


@pytest.fixture
def loop() -> Iterator[Loop]:
    metrics = create_metrics("0", ())
    yield Loop(metrics)
    metrics.close()


def behind(loop: Loop) -> None:
    """More arrive than can be answered, for longer than a rush lasts."""
    while loop.now < 50.0 + RUSH_SECONDS + 0.2:
        loop.round(CROWD, 2 * LATE_SECONDS)


def test_everybody_is_let_in_while_the_loop_keeps_up(loop: Loop):
    for _ in range(100):
        assert loop.round(CROWD, LATE_SECONDS / 2) == CROWD


def test_a_loop_that_is_behind_lets_few_in(loop: Loop):
    behind(loop)
    assert loop.round(CROWD, LATE_SECONDS / 2) == FEW
    loop.backlog = FEW - 3
    assert loop.round(CROWD, LATE_SECONDS / 2) == 3


@pytest.mark.parametrize(
    ("url", "method"),
    [(b"/login", b"POST"), (b"/jwks", b"GET"), (b"/health/live", b"GET"), (b"/token", b"GET")],
)
def test_what_no_application_asks_for_all_the_time_is_let_in_even_then(loop: Loop, url: bytes, method: bytes):
    behind(loop)
    loop.backlog = 10 * FEW
    assert loop.arrives() is None
    assert loop.arrives(url, method) is not None


@pytest.mark.parametrize("url", [b"/t/acme/token", b"/introspect", b"/token?x=/y"])
def test_every_tenants_tokens_are_counted(loop: Loop, url: bytes):
    behind(loop)
    loop.backlog = 10 * FEW
    assert loop.arrives(url) is None


def test_everybody_is_let_in_again_once_the_loop_has_caught_up(loop: Loop):
    behind(loop)
    for _ in range(2):
        loop.now += COUNT_SECONDS + 0.1
        loop.round(1, 0.0)
    assert loop.round(CROWD, 0.0) == CROWD


def test_nothing_is_refused_at_a_glance_while_nothing_stands(loop: Loop):
    loop.lane.is_full = True
    assert not loop.gate.refuses(TOKEN)


def test_what_finds_its_lane_full_is_refused_at_a_glance(loop: Loop):
    loop.lane.stands = loop.lane.is_full = True
    assert loop.gate.refuses(TOKEN)
    loop.lane.is_full = False
    assert not loop.gate.refuses(TOKEN)
    assert loop.lane.refusals == 1


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(TOKEN.replace(b"a=b", b"a=c"), id="for another lane"),
        pytest.param(TOKEN.replace(b"/token", b"/login"), id="another endpoint"),
        pytest.param(TOKEN[:-1], id="not whole"),
    ],
)
def test_what_is_not_for_the_full_lane_is_read(loop: Loop, sent: bytes):
    loop.lane.stands = loop.lane.is_full = True
    assert not loop.gate.refuses(sent)


def test_who_is_on_the_way_is_before_the_next(loop: Loop):
    for _ in range(3):
        loop.arrives()
    loop.lane.stands = True
    loop.gate.refuses(TOKEN)
    assert loop.lane.asked == [(3, False)]


def test_a_loop_that_is_behind_refuses_at_a_glance_and_keeps_the_lanes_short(loop: Loop):
    behind(loop)
    assert not loop.gate.refuses(TOKEN)
    assert loop.lane.asked == [(0, True)]
    loop.backlog = FEW
    assert loop.gate.refuses(TOKEN)


def test_refusals_for_the_sake_of_a_lane_keep_the_loop_from_taking_all_in(loop: Loop):
    behind(loop)
    loop.lane.is_full = True
    for _ in range(3):
        loop.now += COUNT_SECONDS + 0.1
        assert all(loop.gate.refuses(TOKEN) for _ in range(5))
        loop.round(1, 0.0)
    assert loop.round(CROWD, 0.0) == FEW


def test_who_is_let_in_at_a_glance_is_counted_once(loop: Loop):
    """A tenth is the limit: with each counted twice five in forty would be less."""
    behind(loop)
    loop.now += COUNT_SECONDS + 0.1
    for refused, let_in in ((5, 35), (5, 35), (4, 38)):
        for _ in range(let_in):
            assert not loop.gate.refuses(TOKEN)
            loop.round(1, 0.0)
        loop.lane.is_full = True
        assert all(loop.gate.refuses(TOKEN) for _ in range(refused))
        loop.lane.is_full = False
        loop.now += COUNT_SECONDS + 0.1
        loop.round(1, 0.0)
        assert loop.gate._rush.stands is (refused == 5)


def test_the_answer_is_whole_and_has_a_name_of_its_own():
    answers = [turned_away(is_kept=True), turned_away(is_kept=False)]
    heads = [answer.partition(b"\r\n\r\n")[0].lower() for answer in answers]
    bodies = [answer.partition(b"\r\n\r\n")[2] for answer in answers]
    for head, body in zip(heads, bodies, strict=True):
        assert head.startswith(b"http/1.1 503 ")
        assert b"\r\nretry-after: 1" in head
        assert b"\r\ncontent-length: %d" % len(body) in head
        assert head.partition(b"x-request-id: ")[2][:16] in body
    assert [b"connection: close" in head for head in heads] == [False, True]
    assert bodies[0] != bodies[1]
