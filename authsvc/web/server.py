"""The HTTP server: uvicorn on the event loop of its caller, who also decides when it ends."""

import asyncio
import ssl
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from socket import socket

import uvicorn
from starlette.types import ASGIApp

from authsvc.web.connection import Connection

BACKLOG = 4_096
"""Connections that the kernel keeps until a worker takes them."""
MAX_CONNECTIONS = 16_384
"""Of one worker; the next is answered 503. Idle ones cost little, and slow ones must not keep the others out."""
GRACE_SECONDS = 30
"""How long requests in flight may take to finish."""
_DATE_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificate chain and private key, as files in PEM."""

    cert: str
    key: str


async def serve(
    app: ASGIApp,
    sockets: Sequence[socket],
    stopped: asyncio.Event,
    ready: Callable[[], None] = lambda: None,
    tls: Tls | None = None,
) -> None:
    """Serve on the sockets until `stopped` is set, then let requests in flight finish.

    `ready` is called when all of them are listened on. The application's lifespan is its owner's to run.
    """
    config = uvicorn.Config(
        app,
        http=partial(Connection, gate=getattr(app, "gate", None)),  # type: ignore[arg-type]
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        # The edge judges whose forwarded headers count.
        proxy_headers=False,
        backlog=BACKLOG,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ssl_certfile=tls.cert if tls else None,
        ssl_keyfile=tls.key if tls else None,
    )
    config.load()
    if config.ssl is not None:
        config.ssl.minimum_version = ssl.TLSVersion.TLSv1_3
    await _Server(config, stopped, ready).serve(sockets=list(sockets))


def run(main: Coroutine[None, None, None]) -> None:
    """Run on the fastest event loop that there is."""
    if find_spec("uvloop"):
        import uvloop  # noqa: PLC0415 - not on every platform

        uvloop.run(main)
    else:
        asyncio.run(main)


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers, and without its look at the clock ten times a second."""

    def __init__(self, config: uvicorn.Config, stopped: asyncio.Event, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._stopped = stopped
        self._ready = ready

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def main_loop(self) -> None:
        while not self._stopped.is_set():
            # Renews the Date header.
            await self.on_tick(0)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), _DATE_SECONDS)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
