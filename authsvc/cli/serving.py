"""The supervisor of `authsvc serve`: a program of its own, `python -m authsvc.cli.serving`.

Its workers are forked from it, and whatever it imports, each of them carries. So nothing here imports the command
line, and the application is loaded in the workers alone.
"""

import ctypes
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops, RuntimeModes
from granian.http import HTTP1Settings

from authsvc.observe.logging import GRANIAN_LOGGING, configure

HEADER_SECONDS = 10
"""How long a client may take to send its headers, also between two requests on one connection."""
MAX_HEADER_BYTES = 65_536
BACKLOG = 1_024
"""Connections that the kernel keeps until a worker takes them."""
MAX_CONNECTIONS = 16_384
"""Of one worker. Idle ones cost little, and slow ones must not keep the others out."""
GRACE_SECONDS = 30
"""How long requests in flight may take to finish after SIGTERM."""

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Listen:
    """Where and how to listen; everything else reaches the workers as settings."""

    host: str
    port: int
    workers: int
    tls_cert: str | None
    tls_key: str | None
    log_level: str
    log_file: str | None
    metrics_host: str
    metrics_port: int | None


def become_supervisor(listen: Listen) -> None:
    """Replace this process by the supervisor; does not return."""
    os.environ["AUTHSVC_WORKERS"] = str(listen.workers)
    sys.stdout.flush()
    command = [sys.executable, "-P", "-m", "authsvc.cli.serving", json.dumps(asdict(listen))]
    os.execv(sys.executable, command)  # noqa: S606 - ourselves, without a shell


def supervise(listen: Listen) -> None:
    """Serve until SIGTERM or SIGINT, then let requests in flight finish; a worker that dies is replaced."""
    configure(listen.log_level, log_file=Path(listen.log_file) if listen.log_file else None)
    raise_file_limit()
    server = Granian(
        "authsvc.app:create_worker",
        address=listen.host,
        port=listen.port,
        interface=Interfaces.ASGI,
        workers=listen.workers,
        loop=Loops.uvloop if find_spec("uvloop") else Loops.asyncio,
        runtime_mode=RuntimeModes.st,
        http=HTTPModes.http1,
        http1_settings=http1_settings(),
        websockets=False,
        backlog=BACKLOG,
        backpressure=MAX_CONNECTIONS,
        log_dictconfig=GRANIAN_LOGGING,
        ssl_cert=Path(listen.tls_cert) if listen.tls_cert else None,
        ssl_key=Path(listen.tls_key) if listen.tls_key else None,
        respawn_failed_workers=True,
        workers_kill_timeout=GRACE_SECONDS,
    )
    stop_metrics = share_metrics(listen.metrics_host, listen.metrics_port)
    os.register_at_fork(after_in_child=_obey_signals)
    try:
        server.serve(target_loader=_load_worker, wrap_loader=False)
    finally:
        stop_metrics()


def http1_settings() -> HTTP1Settings:
    """Return the limits of one connection."""
    return HTTP1Settings(header_read_timeout=HEADER_SECONDS * 1_000, max_buffer_size=MAX_HEADER_BYTES)


def raise_file_limit() -> None:
    """Let this process and its workers hold as many connections as they are allowed to."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = 2 * MAX_CONNECTIONS if hard == resource.RLIM_INFINITY else min(hard, 2 * MAX_CONNECTIONS)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def share_metrics(host: str, port: int | None) -> Callable[[], None]:
    """Serve /metrics, summed over this process and its workers, if a port is given; return what ends it.

    Called before any metrics are made. Raises: OSError if the port is taken.
    """
    if port is None:
        return lambda: None
    from authsvc.observe import scrape  # noqa: PLC0415 - only who asks for metrics carries them

    directory = Path(tempfile.mkdtemp(prefix="authsvc-metrics-"))
    scrape.prepare_multiprocess(directory)
    server = scrape.serve_metrics(host, port, lambda: scrape.render_directory(directory))

    def stop() -> None:
        server.close()
        shutil.rmtree(directory, ignore_errors=True)

    return stop


def _obey_signals() -> None:
    """Runs in the worker, first: until it serves, SIGTERM ends it, and is not taken by the supervisor's own handler."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def _load_worker() -> Callable[..., Any]:
    """Runs in the worker: return the application. A worker whose supervisor was killed ends as if told to."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    from authsvc.app import create_worker  # noqa: PLC0415 - never in the supervisor

    return create_worker()


if __name__ == "__main__":
    supervise(Listen(**json.loads(sys.argv[1])))
