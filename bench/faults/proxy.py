"""A proxy that knows nothing of HTTP: each connection goes to the next node."""

import asyncio
import itertools
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress


@contextmanager
def round_robin(ports: Sequence[int]) -> Iterator[int]:
    """The port of a proxy in front of these; it ends with the block."""
    loop, ready = asyncio.new_event_loop(), threading.Event()
    opened: list[asyncio.Server] = []
    turns = itertools.cycle(ports)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", next(turns))
            await asyncio.gather(_pump(reader, there_writer), _pump(there_reader, writer))

    async def listen() -> None:
        opened.append(await asyncio.start_server(serve, "127.0.0.1", 0))
        ready.set()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:  # which cancels what is left
            runner.run(listen())
            loop.run_forever()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait()
    try:
        yield opened[0].sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()
    writer.close()
