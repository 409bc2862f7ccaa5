"""The gate before the event loop: while the loop is behind with what it has read, most of it is refused unread.

To refuse a request as any other one is refused costs half a token. Where many more come than can be answered, the loop
would do nothing else, and whoever is let in would wait for all of that.
"""

import secrets
import sys
import time
from collections.abc import Callable, MutableMapping
from typing import Any

from authsvc.observe.metrics import Metrics
from authsvc.web.errors import oauth_error
from authsvc.web.lanes import Overloaded
from authsvc.web.rush import Rush
from authsvc.web.security_headers import SECURITY_HEADERS

FEW = 16
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
    *_ANSWER.headers, *SECURITY_HEADERS, (b"x-request-id", _NO_ID), (b"content-length", b"%d" % len(_ANSWER.body)),
)  # fmt: skip
_TURNED_AWAY = b"HTTP/1.1 %d Service Unavailable\r\n" % _ANSWER.status + b"".join(
    b"%s: %s\r\n" % header for header in _HEADERS
)


def turned_away(*, is_kept: bool) -> bytes:
    """Return the answer of who is not let in, as the application would have given it."""
    end = b"\r\n" if is_kept else b"connection: close\r\n\r\n"
    return (_TURNED_AWAY + end + _ANSWER.body).replace(_NO_ID, secrets.token_hex(8).encode())


class Gate:
    """Of one event loop. `backlog` tells how many requests wait on it for their turn already."""

    def __init__(
        self, metrics: Metrics, backlog: Callable[[], int], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._metrics = metrics
        self._backlog = backlog
        self._rush = Rush(FEW, sys.maxsize, monotonic)
        self._monotonic = monotonic
        self._inside = 0
        self._late_at = 0.0

    def lets_in(self, scope: Scope, method: bytes, url: bytes) -> bool:
        """Whether a request whose head has come may be given to the application; else it is to be answered 503."""
        now = self._monotonic()
        if now - self._late_at > _CALM_SECONDS:
            self._rush.emptied()
        is_common = method == b"POST" and url.partition(b"?")[0].endswith(_PATHS)
        if is_common and not self._rush.has_room(self._inside + self._backlog()):
            self._metrics.lane_rejected("loop")
            return False
        self._inside += 1
        scope[_ARRIVED] = now
        return True

    def begin(self, scope: Scope) -> None:
        """Note that the application has begun with a request."""
        arrived = scope.pop(_ARRIVED, None)
        if arrived is not None:
            self._inside -= 1
            now = self._monotonic()
            if now - arrived > LATE_SECONDS:
                self._late_at = now
