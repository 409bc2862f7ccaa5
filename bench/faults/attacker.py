"""A process of its own with thousands of bad connections: `python -m bench.faults.attacker KIND PORT COUNT SECONDS`.

At its end it prints what became of them.
"""

import asyncio
import json
import resource
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import uuid4

HEAD = b"POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
LOGIN = b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
AT_ONCE = 200
PAUSE_SECONDS = 1.0
COMES_AGAIN_SECONDS = {"passwords": 10.0, "logins": 10.0}
"""Who was answered comes again, these no sooner: what they cost shall be their passwords."""
PASSWORD_BYTES, PIECE = 1_000_000, b"a" * 65_536


@dataclass(slots=True)
class Seen:
    """How connections ended: the status that they got (0: none), and the longest that one was borne."""

    opened: int = 0
    ends: Counter[int] = field(default_factory=Counter)
    longest: float = 0.0


async def idle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """Nothing at all."""
    del writer
    return await reader.read(64)


async def heads(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """A head that never ends, a byte at a time (slow-loris)."""
    return await _trickle(reader, writer, b"GET /jwks HTTP/1.1\r\nX: ")


async def bodies(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """A body that never ends, a byte at a time."""
    return await _trickle(reader, writer, HEAD + b"Content-Length: 5000\r\n\r\na")


async def headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """A head of 300,000 bytes."""
    writer.write(b"GET /jwks HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 300_000)
    return await reader.read(64)


async def passwords(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """A login with a password of a million bytes."""
    first = b'{"username":"ada1","client_id":"app","password":"'
    writer.write(LOGIN + b"Content-Length: %d\r\n\r\n" % (len(first) + PASSWORD_BYTES + 2) + first)
    answered, sent = asyncio.ensure_future(reader.read(64)), 0
    with suppress(OSError):  # Whoever was refused is hung up on; the answer is there all the same, or lost.
        while sent < PASSWORD_BYTES and not answered.done():
            writer.write(PIECE[: PASSWORD_BYTES - sent])
            sent += len(PIECE)
            await writer.drain()
        writer.write(b'"}')
    return await answered


async def logins(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """A login of a name that nobody has, with a password as long as any may be."""
    body = json.dumps({"username": f"x{uuid4().hex}", "client_id": "app", "password": "a" * 1_024}).encode()
    writer.write(LOGIN + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    return await reader.read(64)


async def _trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: bytes) -> bytes:
    writer.write(first)
    answered = asyncio.ensure_future(reader.read(64))
    while not answered.done():
        await asyncio.wait({answered}, timeout=PAUSE_SECONDS)
        writer.write(b"a")
    return await answered


KINDS = {
    "idle": idle, "heads": heads, "bodies": bodies, "headers": headers, "passwords": passwords, "logins": logins,
}  # fmt: skip


async def attack(kind: str, port: int, count: int, seconds: float) -> Seen:
    """Keep so many open for so long; what is closed is opened again."""
    seen, until, opening = Seen(), time.monotonic() + seconds, asyncio.Semaphore(AT_ONCE)

    async def one() -> None:
        while time.monotonic() < until:
            began, told = time.monotonic(), b""
            try:
                async with opening:
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                seen.opened += 1
                told = await KINDS[kind](reader, writer)
                writer.close()
            except OSError:
                pass
            seen.longest = max(seen.longest, time.monotonic() - began)
            seen.ends[int(told.split(b" ")[1]) if told.startswith(b"HTTP/") else 0] += 1
            await asyncio.sleep(COMES_AGAIN_SECONDS.get(kind, PAUSE_SECONDS))

    tasks = [asyncio.ensure_future(one()) for _ in range(count)]
    await asyncio.wait(tasks, timeout=seconds)
    for task in tasks:
        task.cancel()
    return seen


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    found = asyncio.run(attack(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
    print(json.dumps({"opened": found.opened, "ends": found.ends, "longest": found.longest}))
