"""Whether PostgreSQL answers at all: who asks one that hangs, or is cut off without a word, is not held (ADR 0012).

A statement without an answer has a second connection asked. If that gets none either, the server is silent: whoever
waits is let go, and nobody else begins, until the second connection has its answer.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as StillWaiting
from contextlib import suppress
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.waiting import Ready

Answer = TypeVar("Answer")
DOUBT_SECONDS = 0.3
"""So long without an answer, and the server is asked whether it is there. Looked at ten times a second (psycopg)."""
SILENCE_SECONDS = 0.4
"""So long without an answer to that, and it is not."""


class Silent(psycopg.OperationalError):
    """The server does not answer; whether it did what it was asked last, nobody knows."""


class Pulse:
    """One per process and database, shared by its pools; it keeps one connection of its own."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._reach: Callable[[], psycopg.Connection[Any]] | None = None
        self._line: psycopg.Connection[Any] | None = None
        self._asked: Future[None] | None = None
        self.is_silent = False
        self.silences = 0
        """How many there were: connections from before the last one are of no more use."""

    def connect(self, *arguments: Any, **named: Any) -> "HeardConnection":  # noqa: ANN401 - the driver's
        """Connect as psycopg does. Raises: psycopg.OperationalError, Silent when the server does not answer."""
        if self.is_silent:
            raise Silent
        if self._reach is None:
            self._reach = lambda: psycopg.Connection.connect(*arguments, **{**named, "autocommit": True})
        silences = self.silences
        connecting = in_background(lambda: HeardConnection.connect(*arguments, **named))
        try:
            connection = self._awaited(connecting)
        except Silent:
            connecting.add_done_callback(_hang_up)
            raise
        connection.hear(self, silences)
        if self._line is None:
            self._ask()
        return connection

    def require(self) -> None:
        """Return when the server has answered on the line of its own. Raises: Silent."""
        asked = self._ask()
        if asked is None:
            return
        try:
            asked.result(SILENCE_SECONDS)
        except (StillWaiting, psycopg.Error):
            with self._guard:
                if asked is self._asked and not self.is_silent:
                    self.is_silent = True
                    self.silences += 1
            raise Silent from None

    def close(self) -> None:
        """Close its connection."""
        self._reach = None
        if self._line is not None:
            self._line.close()

    def _awaited(self, connecting: "Future[HeardConnection]") -> "HeardConnection":
        while True:
            try:
                return connecting.result(DOUBT_SECONDS)
            except StillWaiting:
                self.require()

    def _ask(self) -> "Future[None] | None":
        """Have one question under way, for all who doubt; None before the first connection."""
        with self._guard:
            if self._reach is None:
                return None
            if self._asked is None:
                self._asked = in_background(self._hear)
            return self._asked

    def _hear(self) -> None:
        """Wait until the server says something, on the line that is there or a new one. Raises: psycopg.Error."""
        try:
            while True:
                with suppress(psycopg.errors.ConnectionTimeout):
                    return self._exchange()
        finally:
            with self._guard:
                self._asked, self.is_silent = None, False

    def _exchange(self) -> None:
        if self._line is not None:
            with suppress(psycopg.Error):
                self._line.execute("SELECT 1")
                return
            self._line.close()
            self._line = None
        if self._reach is not None:
            self._line = self._reach()


class HeardConnection(psycopg.Connection[Any]):
    """A connection on which nobody waits for a server that is silent."""

    _pulse: Pulse | None = None
    _silences = 0

    def hear(self, pulse: Pulse, silences: int) -> None:
        """From now on wait only while there is a pulse; made when there had been so many silences."""
        self._pulse, self._silences = pulse, silences

    def wait(self, gen: PQGen[Answer], *arguments: Any, **named: Any) -> Answer:  # noqa: ANN401 - psycopg's
        """Wait for the server's answer (psycopg). Raises: Silent, the connection being closed then."""
        pulse = self._pulse
        if pulse is None:
            return super().wait(gen, *arguments, **named)
        if pulse.silences != self._silences:
            self.close()
            raise Silent
        return super().wait(self._doubting(gen, pulse), *arguments, **named)

    def _doubting(self, gen: PQGen[Answer], pulse: Pulse) -> PQGen[Answer]:
        """The same steps; psycopg comes by every tenth of a second though there is nothing to be read."""
        try:
            state = next(gen)
            heard_at = time.monotonic()
            while True:
                ready = yield state
                if ready == Ready.NONE and time.monotonic() - heard_at > DOUBT_SECONDS:
                    self._require(pulse)
                    heard_at = time.monotonic()
                state = gen.send(ready)
        except StopIteration as end:
            answer: Answer = end.value
            return answer

    def _require(self, pulse: Pulse) -> None:
        try:
            pulse.require()
        except Silent:
            self.close()
            raise


def in_background(call: Callable[[], Answer]) -> "Future[Answer]":
    """Call it on a thread of its own, which no end of the process waits for."""
    future: Future[Answer] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
            future.set_exception(error)

    threading.Thread(target=run, name="database-pulse", daemon=True).start()
    return future


def _hang_up(connecting: "Future[HeardConnection]") -> None:
    if connecting.exception() is None:
        connecting.result().close()
