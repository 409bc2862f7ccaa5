"""The gate before the event loop: what would be refused for lack of room is refused unread.

To refuse a request as any other one is refused costs half a token. Where many more come than can be answered, the loop
would do nothing else, and whoever is let in would wait for all of that.
"""

import secrets
import sys
import time
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Protocol

from authsvc.observe.metrics import Metrics
from authsvc.web.cors import UNREAD
from authsvc.web.errors import oauth_error
from authsvc.web.glance import Post, whole_post
from authsvc.web.rush import Overloaded, Rush, thread_idle
from authsvc.web.security_headers import SECURITY_HEADERS

FEW, HIGH = 4, 128
LATE_SECONDS = 0.05
"""From the arrival of a head to the first step of its request."""
_CALM_SECONDS = 0.3
"""Without a late request the loop is not behind."""
_PATHS = (b"/token", b"/introspect")
"""Of every tenant: what applications ask for all the time, and can ask for again."""
_ARRIVED = "authsvc.arrived"
Scope = MutableMapping[str, Any]


_NO_ID = b"0" * 16
_ANSWER = oauth_error(Overloaded("loop"), "", _NO_ID.decode())
_HEADERS = (
    *_ANSWER.headers, *SECURITY_HEADERS, *UNREAD, (b"x-request-id", _NO_ID),
    (b"content-length", b"%d" % len(_ANSWER.body)),
)  # fmt: skip
_TURNED_AWAY = b"HTTP/1.1 %d Service Unavailable\r\n" % _ANSWER.status + b"".join(
    b"%s: %s\r\n" % header for header in _HEADERS
)


def turned_away(*, is_kept: bool) -> bytes:
    """Return the answer of who is not let in: the application's, but that every origin may read it."""
    end = b"\r\n" if is_kept else b"connection: close\r\n\r\n"
    return (_TURNED_AWAY + end + _ANSWER.body).replace(_NO_ID, secrets.token_hex(8).encode())


class Room(Protocol):
    """Where requests wait: a lane."""

    @property
    def stands(self) -> bool:
        """Whether its queue stands, so that some are being refused."""

    def has_room(self, ahead: int, *, is_short: bool) -> bool:
        """Whether one more might wait there, behind so many who are on their way; only few if it `is_short`."""

    def refused(self) -> None:
        """Count one who was refused for lack of room there."""


class Gate:
    """Of one event loop.

    Args: `backlog`: how many requests wait on it for their turn already; `lanes`: where else requests wait; `lane_of`:
    for which of these a request is, "" for none, as far as a glance can tell.
    """

    def __init__(  # noqa: PLR0913 - the clocks are for tests
        self,
        metrics: Metrics,
        backlog: Callable[[], int],
        lanes: Mapping[str, Room],
        lane_of: Callable[[Post], str],
        monotonic: Callable[[], float] = time.monotonic,
        idle: Callable[[], float] = thread_idle,
    ) -> None:
        self._metrics = metrics
        self._backlog = backlog
        self._lanes = lanes
        self._lane_of = lane_of
        self._rush = Rush(FEW, HIGH, sys.maxsize, idle, monotonic)
        self._monotonic = monotonic
        self._inside = 0
        self._late_at = 0.0

    def refuses(self, data: bytes) -> bool:
        """Whether these bytes are a whole request that is to be answered 503 as it is."""
        if not (self._rush.stands or any(lane.stands for lane in self._lanes.values())):
            return False
        post = whole_post(data)
        if post is None or not post.path.endswith(_PATHS):
            return False
        if not self._rush.has_room(self._ahead()):
            self._metrics.lane_rejected("loop")
        else:
            lane = self._lanes.get(self._lane_of(post))
            if lane is None or lane.has_room(self._inside, is_short=self._rush.stands):
                return False
            lane.refused()
        # For the loop it is one more than can be done, be it for the sake of a lane.
        self._rush.refused()
        return True

    def lets_in(self, method: bytes, url: bytes) -> bool:
        """Whether a request whose head has come may be given to the application; else it is to be answered 503."""
        is_common = method == b"POST" and url.partition(b"?")[0].endswith(_PATHS)
        if is_common and not self._rush.admits(self._ahead()):
            self._metrics.lane_rejected("loop")
            return False
        return True

    def enter(self, scope: Scope) -> None:
        """Note that the application is to begin with a request when the loop comes to it."""
        self._inside += 1
        scope[_ARRIVED] = self._monotonic()

    def begin(self, scope: Scope) -> None:
        """Note that the application has begun with a request."""
        arrived = scope.pop(_ARRIVED, None)
        if arrived is not None:
            self._inside -= 1
            now = self._monotonic()
            if now - arrived > LATE_SECONDS:
                self._late_at = now

    def _ahead(self) -> int:
        """How many are before the next; a loop that is not behind counts as empty, as it soon is."""
        if self._monotonic() - self._late_at > _CALM_SECONDS:
            self._rush.emptied()
        return self._inside + self._backlog()
