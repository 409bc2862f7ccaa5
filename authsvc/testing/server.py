"""Serves an application over HTTP from a thread of a test run, without touching its signals or its logging."""

import asyncio
import socket
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from threading import Thread
from typing import Any

from granian.asgi import LifespanProtocol
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

App = Callable[..., Coroutine[Any, Any, None]]
"""Any ASGI application."""
HOST = "127.0.0.1"
START_SECONDS = 30
_POLL_SECONDS = 0.005
# Else Granian would close the handlers that the test run has made.
_LOGGING = {"incremental": True, "handlers": {}, "loggers": {}}


@contextmanager
def free_port() -> Iterator[int]:
    """Give a port that nobody else gets meanwhile: held, but not listened on, so that Granian may share it."""
    with socket.socket() as holding:
        holding.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holding.bind((HOST, 0))
        yield holding.getsockname()[1]


@contextmanager
def serving(app: App, port: int) -> Iterator[None]:
    """Serve the application, with its lifespan, on an event loop in a thread of its own.

    Raises: whatever its startup raises.
    """
    answering: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
    thread = Thread(target=_run, args=(app, port, answering), name="authsvc-issuer", daemon=True)
    thread.start()
    try:
        loop, stopped = answering.result(START_SECONDS)
    except BaseException:
        thread.join(START_SECONDS)
        raise
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join(START_SECONDS)


def _run(app: App, port: int, answering: "Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]") -> None:
    try:
        asyncio.run(_serve(app, port, answering))
    except BaseException as error:  # noqa: BLE001 - it belongs to the thread that waits
        if not answering.done():
            answering.set_exception(error)


async def _serve(app: App, port: int, answering: "Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]") -> None:
    lifespan = LifespanProtocol(app)  # type: ignore[no-untyped-call]
    await lifespan.startup()  # type: ignore[no-untyped-call]
    if lifespan.interrupt:
        raise lifespan.exc or RuntimeError("the application did not start")
    server = Server(
        app,
        address=HOST,
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        websockets=False,
        log_dictconfig=_LOGGING,
        log_level=LogLevels.error,  # below that it says that this way of serving is experimental
    )
    running, stopped = asyncio.ensure_future(server.serve()), asyncio.Event()
    try:
        await _until_it_answers(port, running)
        answering.set_result((asyncio.get_running_loop(), stopped))
        await stopped.wait()
    finally:
        server.stop()  # type: ignore[no-untyped-call]
        await running
        await lifespan.shutdown()  # type: ignore[no-untyped-call]


async def _until_it_answers(port: int, running: "asyncio.Future[None]") -> None:
    while not running.done():
        with suppress(OSError):
            _, writer = await asyncio.open_connection(HOST, port)
            writer.close()
            return
        await asyncio.sleep(_POLL_SECONDS)
    raise RuntimeError("the server ended while it started")
