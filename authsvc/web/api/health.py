"""/health/live: the process runs. /health/ready: it can answer, for load balancers."""

from collections.abc import Callable

from authsvc.web.endpoint import Handler
from authsvc.web.request import Call
from authsvc.web.responses import Response, json_response


def live(call: Call) -> Response:  # noqa: ARG001 - a handler's shape
    """Answer that the process runs."""
    return json_response(200, {"status": "live"})


def ready_handler(is_ready: Callable[[], bool]) -> Handler:
    """Return the handler of /health/ready: 503 while the database or the signing keys cannot be used."""

    def handle(call: Call) -> Response:  # noqa: ARG001 - a handler's shape
        if is_ready():
            return json_response(200, {"status": "ready"})
        return json_response(503, {"status": "not ready"}, ((b"retry-after", b"1"),))

    return handle
