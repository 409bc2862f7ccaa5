"""A connection of ours on a loopback port, and an application behind it that remembers what it was asked."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from authsvc.web.gate import Gate
from authsvc.web.server import run, serve

HEAD = b"POST /x HTTP/1.1\r\nHost: localhost\r\n"
SECONDS = 20


@dataclass(slots=True)
class Seen:
    """What the application was asked, in order."""

    port: int
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)
    """A request for /slow was answered, or could not be; or one was given up."""
    gate: Gate | None = None
    slow_seconds: float = 0.2

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.is_over.set()
                return
            body, more = body + message["body"], message["more_body"]
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.requests.append((scope["method"], scope["path"], headers, body))
        if scope["path"] == "/slow":
            await asyncio.sleep(self.slow_seconds)
            asyncio.get_running_loop().call_soon(self.is_over.set)
        answer = f"{scope['path']} {len(body)}".encode()
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(answer))]}
        )
        await send({"type": "http.response.body", "body": answer})

    @contextmanager
    def connected(self) -> Iterator[socket.socket]:
        with socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS) as connected:
            yield connected

    def answer(self, sent: bytes) -> bytes:
        """Everything that comes back until the other side closes."""
        with self.connected() as connected:
            connected.sendall(sent)
            return received(connected)


def received(connected: socket.socket) -> bytes:
    """All that comes until the connection is closed or reset."""
    told = b""
    try:
        while piece := connected.recv(65_536):
            told += piece
    except ConnectionResetError:
        pass
    return told


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


def serving(gate: Gate | None) -> Iterator[Seen]:
    listening = socket.create_server(("127.0.0.1", 0))
    seen, began = Seen(listening.getsockname()[1], gate=gate), threading.Event()
    told: list[Any] = []

    async def main() -> None:
        stopped = asyncio.Event()
        told.append((asyncio.get_running_loop(), stopped))
        await serve(seen, [listening], stopped, began.set)

    thread = threading.Thread(target=lambda: run(main()), daemon=True)
    thread.start()
    assert began.wait(SECONDS)
    yield seen
    loop, stopped = told[0]
    loop.call_soon_threadsafe(stopped.set)
    thread.join(SECONDS)
    assert not thread.is_alive()
