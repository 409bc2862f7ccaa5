"""Keep-alive connections of one event loop, for load that is offered at its own pace, whatever the answers take."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlencode

from bench.faults.caller import FORM, LOST, TIMEOUT_SECONDS, Answer

IDLE_SECONDS = 5.0
"""The server closes what is idle for ten."""


@dataclass(slots=True)
class _Line:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    used_at: float = 0.0


@dataclass(slots=True)
class Lines:
    """As many connections to one port as are in use at once; the one used last is used next."""

    port: int
    _free: list[_Line] = field(default_factory=list)

    async def ask(self, request: bytes) -> Answer:
        """Send it and return the answer; a connection that breaks or hangs gives one with the status LOST."""
        began, line = time.monotonic(), None
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                line = await self._take()
                line.writer.write(request)
                answer = await _answer(line.reader, began)
        except (OSError, EOFError, TimeoutError, ValueError):
            if line is not None:
                line.writer.close()
            return Answer(LOST, seconds=time.monotonic() - began)
        line.used_at = time.monotonic()
        self._free.append(line)
        return answer

    def close(self) -> None:
        """Close what nobody uses."""
        while self._free:
            with suppress(OSError):
                self._free.pop().writer.close()

    async def _take(self) -> _Line:
        stale = time.monotonic() - IDLE_SECONDS
        while self._free and self._free[0].used_at < stale:
            self._free.pop(0).writer.close()
        return self._free.pop() if self._free else _Line(*await asyncio.open_connection("127.0.0.1", self.port))


async def _answer(reader: asyncio.StreamReader, began: float) -> Answer:
    first, *rest = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Answer(int(first.split(" ")[1]), body, headers, time.monotonic() - began)


def posted(path: str, body: bytes, media_type: str = FORM) -> bytes:
    """The octets of a POST."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {media_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def form(path: str, **fields: str) -> bytes:
    """The octets of a POST of a form."""
    return posted(path, urlencode(fields).encode())
