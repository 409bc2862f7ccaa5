"""Handing the metrics out: the directory that workers share, and the little server that Prometheus asks."""

import os
import re
import socket
import sys
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from logging import ERROR
from pathlib import Path
from threading import Thread

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest, values
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from authsvc.observe.logging import log

# The library's own switch, inherited by the workers: not a setting of ours.
_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_WORKER_FILE = re.compile(r"(?:counter|histogram|gauge_[a-z]+)_(?P<pid>\d+)\.db")


def prepare_multiprocess(directory: Path) -> None:
    """Let this process's future workers, forked or spawned, keep their numbers in `directory`.

    Called once by the supervisor, before it starts workers and before it makes metrics of its own. Removes
    what an earlier run left there. Raises: OSError if the directory cannot be made or emptied.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file in directory.iterdir():
        if _WORKER_FILE.fullmatch(file.name):
            file.unlink()
    os.environ[_VARIABLE] = str(directory)
    # The library chose its class when it was imported; a forked worker inherits that choice.
    values.ValueClass = values.get_value_class()  # type: ignore[no-untyped-call]


def multiprocess_directory() -> Path | None:
    """Where the workers keep their numbers; None in a single process.

    Raises: RuntimeError if the variable was set after prometheus_client was imported: nothing would be counted.
    """
    directory = os.environ.get(_VARIABLE)
    if (directory is not None) is (values.ValueClass is values.MutexValue):
        raise RuntimeError(f"{_VARIABLE} was changed after prometheus_client was imported")
    return None if directory is None else Path(directory)


def render_directory(directory: Path) -> bytes:
    """The sum over all workers, for the supervisor. A dead worker's counts stay, its gauges go."""
    for pid in {int(match["pid"]) for file in directory.iterdir() if (match := _WORKER_FILE.fullmatch(file.name))}:
        if not _alive(pid):
            mark_process_dead(pid, str(directory))  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(directory))  # type: ignore[no-untyped-call]
    return generate_latest(registry)


class MetricsServer:
    """A running server; `close` ends it."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self._server = server
        self._thread = Thread(target=server.serve_forever, name="scrape", daemon=True)
        self._thread.start()
        # A forked worker must not keep the port.
        os.register_at_fork(after_in_child=server.socket.close)

    @property
    def port(self) -> int:
        """Where it listens; the system's choice if 0 was asked."""
        return self._server.server_port

    def close(self) -> None:
        """Stop listening and wait for the thread."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def serve_metrics(host: str, port: int, render: Callable[[], bytes]) -> MetricsServer:
    """Answer GET /metrics on a port of its own, in threads of this process; anything else is 404.

    Whoever reaches the port may read: it belongs on loopback or a private network.
    Raises: OSError if the port is taken.
    """

    class Handler(_Handler):
        answer = staticmethod(render)

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
            error = sys.exception()
            if not isinstance(error, OSError):  # a scraper that went away is nobody's error
                log(ERROR, "metrics_failed", "the metrics could not be handed out", exc=error)

    return MetricsServer(Server((host, port), Handler))


class _Handler(BaseHTTPRequestHandler):
    answer: Callable[[], bytes]
    timeout = 5.0  # seconds for a request to arrive

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != "/metrics":
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        body = self.answer()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", CONTENT_TYPE_PLAIN_0_0_4)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        return "authsvc"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Nothing: scrapes would drown the log."""


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's, so it lives
        return True
    return True
