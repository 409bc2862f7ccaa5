"""/health/live: the process runs. /health/ready: it can answer, for load balancers."""

from collections.abc import Callable

from authsvc.web.endpoint import Handler
from authsvc.web.request import Call
from authsvc.web.responses import Response, json_response


def live(call: Call) -> Response:  # noqa: ARG001 - a handler's shape
    """Answer that the process runs."""
    return json_response(200, {"status": "live"})


def ready_handler(check: Callable[[], None]) -> Handler:
    """Return the handler of /health/ready: 503 while `check` raises StorageUnavailable."""

    def handle(call: Call) -> Response:  # noqa: ARG001 - a handler's shape
        check()
        return json_response(200, {"status": "ready"})

    return handle
