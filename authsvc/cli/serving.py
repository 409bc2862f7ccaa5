"""The supervisor of `authsvc serve`: a program of its own, `python -m authsvc.cli.serving`.

It checks all that can be checked, loads the application once and forks its workers, which share what it has loaded
and are soon replaced when they die. So nothing here may import the command line.
"""

import ctypes
import gc
import json
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops, RuntimeModes
from granian.http import HTTP1Settings

from authsvc.app import create_worker
from authsvc.cli.listen import Listen
from authsvc.cli.preflight import check_serving
from authsvc.cli.refusal import EXPECTED, tell
from authsvc.observe.logging import GRANIAN_LOGGING, configure
from authsvc.settings import Settings, read_settings
from authsvc.web.edge import Edge

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
_ENDING = (signal.SIGINT, signal.SIGTERM)


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
    observe = settings.observe
    configure(observe.log_level, log_file=observe.log_file)
    raise_file_limit()
    server = Granian(
        "authsvc.app:create_worker",
        address=listen.host,
        port=listen.port,
        interface=Interfaces.ASGI,
        workers=settings.workers,
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
    server.main_loop_interrupt = Interrupt()  # type: ignore[assignment]
    stop_metrics = share_metrics(observe.metrics_host, observe.metrics_port)
    os.register_at_fork(before=_hold_signals, after_in_parent=_release_signals, after_in_child=_obey_signals)
    # What is loaded by now is never garbage: collecting it would only copy its pages into each worker.
    gc.freeze()
    try:
        server.serve(target_loader=_load_worker, wrap_loader=False)
    finally:
        stop_metrics()


class Interrupt:
    """What Granian's supervisor waits for, in place of its threading.Event. One a process, made in its main thread.

    A signal that comes while the main thread takes an Event's lock is lost, or waits for that lock for ever.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        # The bell rings the moment a signal arrives, before any handler in Python can run.
        signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)

    def set(self) -> None:
        """Wake whoever waits; from a signal handler or any thread."""
        self._is_set = True
        with suppress(BlockingIOError):  # full: it rings already
            os.write(self._writing, b"!")

    def wait(self) -> None:
        """Return once `set` was called since the last `clear`."""
        while not self._is_set:
            select.select((self._reading,), (), ())
            os.read(self._reading, 512)

    def clear(self) -> None:
        """Wait anew."""
        self._is_set = False


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


def _hold_signals() -> None:
    """Runs before a fork: a signal that reaches the new worker first must not meet the supervisor's handler there."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)


def _release_signals() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)


def _obey_signals() -> None:
    """Runs in the worker, first: until it serves, SIGTERM ends it, and is not taken by the supervisor's own handler."""
    for number in _ENDING:
        signal.signal(number, signal.SIG_DFL)
    _release_signals()


def _load_worker() -> Edge:
    """Runs in the worker: return the application. A worker whose supervisor was killed ends as if told to."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    return create_worker()


if __name__ == "__main__":
    main(Listen(**json.loads(sys.argv[1])))
