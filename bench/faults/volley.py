"""The same request on many open connections at the same moment, and all the answers."""

import json
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

from bench.faults.caller import FORM, LOST, Answer

SECONDS = 30.0
IDLE_SECONDS = 5.0
"""The server closes what is idle for ten."""


class Volley:
    """Connections spread over the ports; a context manager that closes them."""

    def __init__(self, ports: Sequence[int], connections: int) -> None:
        self._ports = [ports[number % len(ports)] for number in range(connections)]
        self._sockets: list[socket.socket] = []
        self._used_at = time.monotonic()
        self._is_whole = True
        self._connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _connect(self) -> None:
        self._sockets = [socket.create_connection(("127.0.0.1", port), SECONDS) for port in self._ports]

    def _close(self) -> None:
        for each in self._sockets:
            with suppress(OSError):
                each.close()

    def connect_anew(self) -> None:
        """Close all the connections and open others."""
        self._close()
        self._connect()

    def form(self, path: str, **fields: str) -> list[Answer]:
        """POST the form on all of them: written in one go, so that the servers have them all before the first ends."""
        if not self._is_whole or time.monotonic() > self._used_at + IDLE_SECONDS:
            self.connect_anew()
        body = urlencode(fields).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM}\r\nContent-Length: {len(body)}\r\n\r\n"
        sent = head.encode() + body
        for each in self._sockets:
            # What is closed is told below, by an answer that is lost.
            with suppress(OSError):
                each.sendall(sent)
        self._used_at = time.monotonic()
        answers = [_answer(each) for each in self._sockets]
        self._is_whole = all(answer.status != LOST for answer in answers)
        return answers


def _answer(connection: socket.socket) -> Answer:
    """One answer. A lost one is told as such."""
    try:
        return _received(connection)
    except OSError:
        return Answer(LOST)


def _received(connection: socket.socket) -> Answer:
    """One answer, which has a length."""
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(65_536)
        if not piece:
            return Answer(LOST)
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length", "0"))
    while len(body) < length:
        piece = connection.recv(65_536)
        if not piece:
            return Answer(LOST)
        body += piece
    return Answer(int(first.split(" ")[1]), body, headers)


def errors_of(answers: Sequence[Answer]) -> set[str]:
    """The error codes of the refusals."""
    return {str(json.loads(answer.body).get("error")) for answer in answers if answer.status in {400, 401}}
