"""The supervisor of `authsvc serve`: a program of its own, `python -m authsvc.cli.serving`.

It checks all that can be checked, loads the application once and forks its workers, which share what it has loaded
and are soon replaced when they die. So nothing here may import the command line.
"""

import asyncio
import gc
import json
import logging
import os
import resource
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from authsvc.app import build
from authsvc.cli.listen import Listen
from authsvc.cli.preflight import check_serving
from authsvc.cli.refusal import EXPECTED, tell
from authsvc.cli.workers import hold_signals
from authsvc.cli.workers import supervise as supervise_workers
from authsvc.observe import logging as observe
from authsvc.settings import Settings, read_settings
from authsvc.web.server import GRACE_SECONDS, MAX_CONNECTIONS, Tls, run, serve

_MORE_SECONDS = 5
"""What a worker that has finished its requests may need to end."""


def main(listen: Listen) -> None:
    """Check, then serve; a refusal is a sentence on stderr and exit code 1."""
    if listen.workers is not None:
        os.environ["AUTHSVC_WORKERS"] = str(listen.workers)
    try:
        settings = read_settings()
        check_serving(settings, listen)
    except EXPECTED as error:
        tell(error)
        sys.exit(1)
    supervise(settings, listen)


def supervise(settings: Settings, listen: Listen) -> None:
    """Serve until SIGTERM or SIGINT, then let requests in flight finish; a worker that dies is replaced."""
    told = settings.observe
    hold_signals()
    observe.configure(told.log_level, log_file=told.log_file)
    raise_file_limit()
    sockets = [listening(listen.host, listen.port) for _ in range(settings.workers)]
    stop_metrics = share_metrics(told.metrics_host, told.metrics_port)
    tls = Tls(listen.tls_cert, listen.tls_key) if listen.tls_cert and listen.tls_key else None
    # What is loaded by now is never garbage: collecting it would only copy its pages into each worker.
    gc.freeze()
    try:
        supervise_workers(
            settings.workers, lambda number: run(_work(settings, sockets[number], tls)), GRACE_SECONDS + _MORE_SECONDS
        )
    finally:
        stop_metrics()


async def _work(settings: Settings, listening_on: socket.socket, tls: Tls | None) -> None:
    """Be one worker, until told to end."""
    service, stopped = build(settings), stopped_by_signals()
    async with service.running():
        await serve(service.edge, [listening_on], stopped, _say_ready, tls)


def _say_ready() -> None:
    observe.log(logging.INFO, "worker_ready", "a worker takes requests", pid=os.getpid())


def stopped_by_signals() -> asyncio.Event:
    """Return what SIGTERM and SIGINT set; a second one ends the process at once."""
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()

    def stop() -> None:
        stopped.set()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    return stopped


def listening(host: str, port: int) -> socket.socket:
    """Return a socket of this address, one for each worker: the kernel spreads new connections over them.

    The supervisor holds them all, so that none is lost while a worker is replaced.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind((host, port))
    return sock


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


if __name__ == "__main__":
    main(Listen(**json.loads(sys.argv[1])))
