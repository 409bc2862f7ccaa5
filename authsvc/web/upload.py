"""A body that no memory could hold: taken piece by piece, each in bounded time and in a transaction of its own.

Whoever sends it is asked who they are before the first piece is read, and again with each.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from time import monotonic
from typing import Final, Protocol

from authsvc.web.body import CLOSE, Disconnected, Head, Receive, check_length, too_large
from authsvc.web.errors import HttpError
from authsvc.web.request import Call
from authsvc.web.responses import Response, empty

Step = Callable[[Callable[[Call], Response]], Awaitable[Response]]
"""Runs a handler on its lane, and commits; a refusal is answered, not raised."""
GO_ON: Final = empty(204)
"""The answer of a step that is not the last. Nobody sees it."""
PIECE_BYTES: Final = 262_144
PATIENCE_SECONDS: Final = 20.0
_PAUSE_SECONDS: Final = 0.2
_REFUSED: Final = 400
_NO_ROOM: Final = 503


class Upload(Protocol):
    """What is done with one body; each verb runs on a lane's thread, in a transaction of its own."""

    max_bytes: int

    def admit(self, call: Call) -> Response:
        """Refuse who may not send it, before any of it is read."""

    def take(self, call: Call, piece: bytes) -> Response:
        """Take a piece."""

    def finish(self, call: Call) -> Response:
        """Answer the request, all of whose body was taken."""

    def discard(self, call: Call) -> Response:
        """Undo what was taken: the rest will not come, or was refused."""

    @property
    def has_begun(self) -> bool:
        """Whether something was stored."""

    @property
    def is_handed_over(self) -> bool:
        """Whether the answer, unless it is a refusal, is of what was stored here: not of an earlier request."""


class Pieces:
    """The body as it arrives, however long that takes: only each piece has its deadline."""

    def __init__(self, head: Head, receive: Receive, max_bytes: int, piece_seconds: float) -> None:
        check_length(head, max_bytes)
        self._receive = receive
        self._max_bytes = max_bytes
        self._seconds = piece_seconds
        self._size = 0
        self.has_more = True

    async def read(self) -> bytes:
        """Return the next piece; nothing at the end. Raises: HttpError 408, 413; Disconnected."""
        piece = bytearray()
        try:
            async with asyncio.timeout(self._seconds):
                while self.has_more and len(piece) < PIECE_BYTES:
                    piece += await self._message()
        except TimeoutError:
            raise HttpError(408, "The request took too long to arrive.", CLOSE) from None
        return bytes(piece)

    async def _message(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        content: bytes = message.get("body", b"")
        self.has_more = message.get("more_body", False)
        self._size += len(content)
        if self._size > self._max_bytes:
            raise too_large(self._max_bytes)
        return content


async def take_in(upload: Upload, pieces: Pieces, step: Step) -> Response:
    """Take a whole body and return the answer. Raises: as `Pieces.read`; then nothing of it is left."""
    is_good = False
    try:
        answer = await _taken(upload, pieces, step)
        is_good = answer.status < _REFUSED and upload.is_handed_over
    finally:
        if upload.has_begun and not is_good:
            await _patiently(upload.discard, step)
    # A refusal reads no further: what still comes on this connection would be taken for a request.
    is_cut = answer.status >= _REFUSED and pieces.has_more
    return Response(answer.status, answer.headers + CLOSE, answer.body) if is_cut else answer


async def _taken(upload: Upload, pieces: Pieces, step: Step) -> Response:
    answer = await step(upload.admit)
    while answer.status < _REFUSED and (piece := await pieces.read()):
        answer = await _patiently(partial(upload.take, piece=piece), step)
    return answer if answer.status >= _REFUSED else await _patiently(upload.finish, step)


async def _patiently(handle: Callable[[Call], Response], step: Step) -> Response:
    """Take a step, again while there is no room for it: who has sent so much is not sent away by a moment's rush."""
    until, has_run = monotonic() + PATIENCE_SECONDS, False

    def noted(call: Call) -> Response:
        nonlocal has_run
        has_run = True
        return handle(call)

    while True:
        answer = await step(noted)
        if answer.status != _NO_ROOM or has_run or monotonic() > until:
            return answer
        await asyncio.sleep(_PAUSE_SECONDS)
