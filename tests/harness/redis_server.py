"""A throwaway Redis that keeps nothing on disk, from the binary of the machine."""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.harness.postgres import free_port

START_SECONDS, STOP_SECONDS = 60.0, 30.0
PASSWORD = "an-old-song"


@dataclass(slots=True)
class RedisServer:
    """On a free loopback port; starts, stops and stands still as a test likes."""

    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """As the setting wants it."""
        return f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start an empty server and wait until it answers."""
        binary = shutil.which("redis-server")
        assert binary is not None
        command = [binary, "--port", str(self.port), "--bind", "127.0.0.1", "--requirepass", PASSWORD]
        command += ["--save", "", "--appendonly", "no", "--loglevel", "warning"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while True:
            with suppress(OSError):
                self.ask("PING")
                return
            assert self._process.poll() is None, "redis-server has ended"
            assert time.monotonic() < deadline, "redis-server does not answer"
            time.sleep(0.02)

    def stop(self) -> None:
        """End at once: everything in it is lost."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(STOP_SECONDS)

    @contextmanager
    def standing(self) -> Iterator[None]:
        """The process stands still, its connections stay open."""
        assert self._process is not None, "the server was not started"
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def ask(self, *words: str) -> str:
        """What it answers to a command: the first 64 KiB, as they come."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=STOP_SECONDS) as connection:
            for command in (("AUTH", PASSWORD), words):
                connection.sendall(b"".join([b"*%d\r\n" % len(command), *map(_bulk, command)]))
                answer = connection.recv(65_536).decode()
        return answer


def _bulk(word: str) -> bytes:
    return b"$%d\r\n%s\r\n" % (len(word), word.encode())


@contextmanager
def running_redis() -> Iterator[RedisServer]:
    """A server that is gone afterwards."""
    server = RedisServer()
    try:
        server.start()
        yield server
    finally:
        server.stop()
