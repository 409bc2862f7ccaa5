"""Serves the service over HTTP from a thread of a test run, without touching its signals or its logging."""

import asyncio
import socket
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import Any

from authsvc.web.server import serve

HOST = "127.0.0.1"
START_SECONDS = 30
_Answering = Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]


@dataclass(frozen=True, slots=True)
class Served:
    """An application, its lifespan, and the socket on which it is to answer."""

    app: Callable[..., Coroutine[Any, Any, None]]
    running: AbstractAsyncContextManager[object]
    listening: socket.socket


@contextmanager
def serving(served: Served) -> Iterator[None]:
    """Serve on an event loop in a thread of its own. Raises: whatever the startup raises."""
    answering: _Answering = Future()
    thread = Thread(target=_run, args=(served, answering), name="authsvc-issuer", daemon=True)
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


def _run(served: Served, answering: _Answering) -> None:
    try:
        asyncio.run(_serve(served, answering))
    except BaseException as error:  # noqa: BLE001 - it belongs to the thread that waits
        if not answering.done():
            answering.set_exception(error)


async def _serve(served: Served, answering: _Answering) -> None:
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    async with served.running:
        await serve(served.app, [served.listening], stopped, lambda: answering.set_result((loop, stopped)))
