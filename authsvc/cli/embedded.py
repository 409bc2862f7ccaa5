"""The server of `authsvc dev`: one process, one application, listening on both loopback addresses."""

import asyncio
import signal
import socket
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from importlib.util import find_spec
from typing import Any

from granian.asgi import LifespanProtocol
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

from authsvc.app import create_app
from authsvc.cli.refusal import Refused
from authsvc.cli.serving import BACKLOG, MAX_CONNECTIONS, http1_settings
from authsvc.observe.logging import GRANIAN_LOGGING
from authsvc.settings import Settings

_POLL_SECONDS = 0.01


def serve_embedded(settings: Settings, hosts: Sequence[str], port: int, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT, then let requests in flight finish; a second signal ends at once.

    `ready` is called when every address answers.
    """
    _run(_serve(settings, hosts, port, ready))


async def _serve(settings: Settings, hosts: Sequence[str], port: int, ready: Callable[[], None]) -> None:
    app = create_app(settings)
    servers = [_server(app, host, port) for host in hosts]
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()

    def stop() -> None:
        stopped.set()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    # One application behind two servers: its lifespan is run once, here.
    lifespan = LifespanProtocol(app)  # type: ignore[no-untyped-call]
    await lifespan.startup()  # type: ignore[no-untyped-call]
    if lifespan.interrupt:
        raise lifespan.exc or RuntimeError("the application did not start")
    serving = [asyncio.ensure_future(server.serve()) for server in servers]
    announcing = asyncio.ensure_future(_announce(hosts, port, ready))
    told = asyncio.ensure_future(stopped.wait())
    await asyncio.wait((told, *serving), return_when=asyncio.FIRST_COMPLETED)
    announcing.cancel()
    with suppress(asyncio.CancelledError):
        await announcing
    for server in servers:
        server.stop()  # type: ignore[no-untyped-call]
    await asyncio.gather(*serving)
    await lifespan.shutdown()  # type: ignore[no-untyped-call]
    if not told.done():
        told.cancel()
        raise Refused("The server could not go on listening: its log says why.")


def _server(app: Any, host: str, port: int) -> Server:  # noqa: ANN401 - any ASGI application
    return Server(
        app,
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        http1_settings=http1_settings(),
        websockets=False,
        backlog=BACKLOG,
        backpressure=MAX_CONNECTIONS,
        log_dictconfig=GRANIAN_LOGGING,
        log_level=LogLevels.error,  # below that it says that this way of serving is experimental
    )


async def _announce(hosts: Sequence[str], port: int, ready: Callable[[], None]) -> None:
    for host in hosts:
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection(host, port)
                writer.close()
                break
            await asyncio.sleep(_POLL_SECONDS)
    ready()


def _run(main: Coroutine[None, None, None]) -> None:
    if find_spec("uvloop"):
        import uvloop  # noqa: PLC0415 - not on every platform

        uvloop.run(main)
    else:
        asyncio.run(main)


def loopback_hosts() -> tuple[str, ...]:
    """Return the loopback addresses that this machine has."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return ("127.0.0.1",)
    return ("127.0.0.1", "::1")
