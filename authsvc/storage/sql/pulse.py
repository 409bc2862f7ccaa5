"""Whether PostgreSQL answers at all: who asks one that hangs, or is cut off without a word, is not held (ADR 0012).

A statement without an answer has a second connection asked, the line. If that gets none either, the server is silent:
whoever waits is let go, and nobody else begins, until it has been heard again.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as StillWaiting
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.waiting import Ready

Answer = TypeVar("Answer")
DOUBT_SECONDS = 0.3
"""So long without an answer, and the server is asked whether it is there. Looked at ten times a second (psycopg)."""
SILENCE_SECONDS = 0.4
"""So long without an answer to that, and it is not."""
LINE_SECONDS = 3.0
"""For a new line, and for an answer on one that may lead to a server that is gone."""
_CLOSE_SECONDS = 1.0


class Silent(psycopg.OperationalError):
    """The server does not answer; whether it did what it was asked last, nobody knows."""


class Pulse:
    """One per process and database, shared by its pools. Its thread is as quick as whoever makes it: not a lane's."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._reach: Callable[[], psycopg.Connection[Any]] | None = None
        self._line: psycopg.Connection[Any] | None = None
        self._asked: Future[None] | None = None
        self._questions: SimpleQueue[Future[None] | None] = SimpleQueue()
        self.is_silent = False
        self.silences = 0
        """How many there were: connections from before the last one are of no more use."""
        self._thread = threading.Thread(target=self._serve, name="database-pulse", daemon=True)
        self._thread.start()

    def connect(self, *arguments: Any, **named: Any) -> "HeardConnection":  # noqa: ANN401 - the driver's
        """Connect as psycopg does. Raises: psycopg.OperationalError, Silent when the server does not answer."""
        if self.is_silent:
            raise Silent
        if self._reach is None:
            self._reach = lambda: _line(*arguments, **{**named, "autocommit": True})
        silences = self.silences
        connecting = _in_background(lambda: HeardConnection.connect(*arguments, **named))
        try:
            connection = self._awaited(connecting)
        except Silent:
            connecting.add_done_callback(_hang_up)
            raise
        connection.hear(DOUBT_SECONDS, self.require, lambda: self.silences == silences)
        if self._line is None:
            self._ask()
        return connection

    def require(self) -> None:
        """Return when the server has said something, be it that it makes no line. Raises: Silent."""
        asked = self._ask()
        try:
            self._await(asked)
        except StillWaiting:
            with self._guard:
                if asked is not self._asked:
                    return
                self.silences += not self.is_silent
                self.is_silent = True
            raise Silent from None

    def close(self) -> None:
        """End its thread, which closes the line; if the server is silent, it does so when it gives that up."""
        self._reach = None
        self._questions.put(None)
        self._thread.join(_CLOSE_SECONDS)

    def _awaited(self, connecting: "Future[HeardConnection]") -> "HeardConnection":
        while True:
            try:
                return connecting.result(DOUBT_SECONDS)
            except StillWaiting:
                self.require()

    def _ask(self) -> "Future[None]":
        """Have one question under way, for all who doubt."""
        with self._guard:
            if self._asked is None:
                self._asked = Future()
                self._questions.put(self._asked)
            return self._asked

    def _await(self, asked: "Future[None]") -> None:
        """Raises: StillWaiting."""
        try:
            asked.result(SILENCE_SECONDS)
        except StillWaiting:
            if self._line is not None:
                raise
            # A new one takes longer, perhaps because the server has just closed the last: that is an answer, too.
            asked.result(LINE_SECONDS)

    def _serve(self) -> None:
        while (asked := self._questions.get()) is not None:
            with suppress(Exception):  # To refuse a line is to answer.
                self._hear()
            with self._guard:
                self._asked, self.is_silent = None, False
            asked.set_result(None)
        if self._line is not None:
            self._line.close()

    def _hear(self) -> None:
        """Wait until the server says something, on the line that is there or a new one. Raises: psycopg.Error."""
        if self._line is not None:
            with suppress(psycopg.Error):
                self._line.execute("SELECT 1")
                return
            self._line.close()
            self._line = None
        while self._line is None and (reach := self._reach) is not None:
            with suppress(psycopg.errors.ConnectionTimeout):
                self._line = reach()


class HeardConnection(psycopg.Connection[Any]):
    """A connection on which nobody waits for a server that is silent."""

    _doubt_seconds = float("inf")
    _require: Callable[[], None]
    _is_current: Callable[[], bool] | None = None

    def hear(self, doubt_seconds: float, require: Callable[[], None], is_current: Callable[[], bool]) -> None:
        """After so long without an answer call `require`, which raises Silent; send nothing unless `is_current`."""
        self._doubt_seconds, self._require, self._is_current = doubt_seconds, require, is_current

    def wait(self, gen: PQGen[Answer], *arguments: Any, **named: Any) -> Answer:  # noqa: ANN401 - psycopg's
        """Wait for the server's answer (psycopg). Raises: Silent; the connection is closed then if nothing was sent."""
        if self._is_current is None:
            return super().wait(gen, *arguments, **named)
        if not self._is_current():
            # Closed, it is taken for one that broke before: what was to be done on it is done on another one.
            self.close()
            raise Silent
        return super().wait(self._doubting(gen), *arguments, **named)

    def _doubting(self, gen: PQGen[Answer]) -> PQGen[Answer]:
        """The same steps; psycopg comes by every tenth of a second though there is nothing to be read."""
        try:
            state = next(gen)
            heard_at = time.monotonic()
            while True:
                ready = yield state
                if ready == Ready.NONE and time.monotonic() - heard_at > self._doubt_seconds:
                    self._require()
                    heard_at = time.monotonic()
                state = gen.send(ready)
        except StopIteration as end:
            answer: Answer = end.value
            return answer


def _line(*arguments: Any, **named: Any) -> HeardConnection:  # noqa: ANN401 - the driver's
    def give_up() -> None:
        raise Silent

    line = HeardConnection.connect(*arguments, **named)
    line.hear(LINE_SECONDS, give_up, lambda: True)
    return line


def _in_background(call: Callable[[], Answer]) -> "Future[Answer]":
    """Call it on a thread of its own, which no end of the process waits for."""
    future: Future[Answer] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
            future.set_exception(error)

    threading.Thread(target=run, name="database-connecting", daemon=True).start()
    return future


def _hang_up(connecting: "Future[HeardConnection]") -> None:
    if connecting.exception() is None:
        connecting.result().close()
