import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from authsvc.web import upload
from authsvc.web.body import Disconnected
from authsvc.web.errors import HttpError
from authsvc.web.request import Call
from authsvc.web.responses import Response
from authsvc.web.upload import GO_ON, PIECE_BYTES, Pieces, take_in


class Heap:
    """Takes anything."""

    max_bytes = 10 * PIECE_BYTES
    is_handed_over = False

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.is_discarded = False

    @property
    def has_begun(self) -> bool:
        return bool(self.pieces)

    def admit(self, _: Call) -> Response:
        return GO_ON

    def take(self, _: Call, piece: bytes) -> Response:
        self.pieces.append(piece)
        return GO_ON

    def finish(self, _: Call) -> Response:
        self.is_handed_over = True
        return Response(202, ())

    def discard(self, _: Call) -> Response:
        self.is_discarded = True
        return GO_ON


def pieces(*messages: Any, seconds: float = 5, limit: int = Heap.max_bytes) -> Pieces:
    waiting = list(messages)

    async def receive() -> Any:
        if not waiting:
            await asyncio.sleep(60)
        return waiting.pop(0)

    return Pieces({}, receive, limit, seconds)


def body(size: int, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": b"x" * size, "more_body": more}


async def straight(handle: Callable[[Any], Response]) -> Response:
    return handle(None)


def test_a_body_comes_in_pieces_of_bounded_size():
    heap = Heap()
    sent = pieces(*[body(PIECE_BYTES // 2 + 1)] * 5, body(0, more=False))
    assert asyncio.run(take_in(heap, sent, straight)).status == 202
    assert [len(piece) for piece in heap.pieces] == [PIECE_BYTES + 2, PIECE_BYTES + 2, PIECE_BYTES // 2 + 1]
    assert not heap.is_discarded


@pytest.mark.parametrize(
    ("last", "error"),
    [
        pytest.param({"type": "http.disconnect"}, Disconnected, id="gone"),
        pytest.param(body(Heap.max_bytes), HttpError, id="too-large"),
        pytest.param(None, HttpError, id="too-slow"),
    ],
)
def test_what_does_not_come_to_its_end_is_discarded(last: Any, error: type[Exception]):
    heap = Heap()
    sent = pieces(body(PIECE_BYTES), *([last] if last else []), seconds=0.05)
    with pytest.raises(error):
        asyncio.run(take_in(heap, sent, straight))
    assert heap.is_discarded


def test_the_deadline_is_for_each_piece_and_not_for_all():
    heap, sent = Heap(), pieces(*[body(PIECE_BYTES)] * 3, body(0, more=False), seconds=0.5)

    async def slow(handle: Callable[[Any], Response]) -> Response:
        await asyncio.sleep(0.2)
        return handle(None)

    assert asyncio.run(take_in(heap, sent, slow)).status == 202


@pytest.mark.parametrize("patience", [60.0, 0.0])
def test_a_rush_is_waited_out_but_not_for_ever(monkeypatch: pytest.MonkeyPatch, patience: float):
    monkeypatch.setattr(upload, "PATIENCE_SECONDS", patience)
    monkeypatch.setattr(upload, "_PAUSE_SECONDS", 0.001)
    refusals, heap = [3 if patience else 1], Heap()

    async def crowded(handle: Callable[[Any], Response]) -> Response:
        if heap.pieces and refusals[0]:
            refusals[0] -= 1
            return Response(503, ())
        return handle(None)

    answer = asyncio.run(take_in(heap, pieces(body(5), body(5), body(0, more=False)), crowded))
    assert (answer.status, heap.is_discarded) == ((202, False) if patience else (503, True))
    assert b"".join(heap.pieces) == b"x" * 10, "each piece was taken once"


def test_what_is_to_be_discarded_is_although_there_is_a_rush(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(upload, "_PAUSE_SECONDS", 0.001)
    heap, steps = Heap(), []

    async def crowded(handle: Callable[[Any], Response]) -> Response:
        steps.append(handle)
        return Response(503, ()) if 3 <= len(steps) < 6 else handle(None)

    with pytest.raises(Disconnected):
        asyncio.run(take_in(heap, pieces(body(2 * PIECE_BYTES), {"type": "http.disconnect"}), crowded))
    assert heap.is_discarded


def test_a_step_that_ran_and_failed_is_not_done_again():
    heap = Heap()
    calls = []

    async def failing(handle: Callable[[Any], Response]) -> Response:
        handle(None)
        calls.append(handle)
        return Response(503, ()) if len(heap.pieces) == 1 and not heap.is_discarded else GO_ON

    assert asyncio.run(take_in(heap, pieces(body(5), body(0, more=False)), failing)).status == 503
    assert len(heap.pieces) == 1
    assert heap.is_discarded


def test_a_refusal_that_reads_no_further_ends_the_connection():
    async def refused(_: Callable[[Any], Response]) -> Response:
        return Response(403, ())

    sent = pieces(body(5), body(5))
    assert asyncio.run(take_in(Heap(), sent, refused)).headers == ((b"connection", b"close"),)
