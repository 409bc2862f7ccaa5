"""A file that lies in pieces, read line by line in the memory of one piece."""

from collections.abc import Callable

from authsvc.domain.people.user_imports import CHUNK_BYTES
from authsvc.domain.people.user_rows import Mark


class ChunkedFile:
    """Implements Seekable. `mark` is behind what was read last, between two lines."""

    def __init__(self, read_chunk: Callable[[int], bytes], size: int, mark: Mark) -> None:
        self._read_chunk = read_chunk
        self._size = size
        self._position, self._lines = 0, 0
        self._goal = mark
        self._ordinal, self._chunk = -1, b""

    @property
    def mark(self) -> Mark:
        """Return what lies before the next line."""
        return Mark(self._position, self._lines)

    def seek(self, position: int, /) -> int:
        """Go to the mark with which it was opened, whose lines are known."""
        if position != self._goal.position:
            message = "a file in pieces goes on at its mark only"
            raise ValueError(message)
        self._position, self._lines = self._goal.position, self._goal.lines
        return position

    def readline(self, size: int, /) -> bytes:
        """Return the next line, but at most so many bytes of it; nothing at the end."""
        line = b""
        while len(line) < size and self._position < self._size and not line.endswith(b"\n"):
            line += self._piece(size - len(line))
        self._lines += line.endswith(b"\n")
        return line

    def _piece(self, most: int) -> bytes:
        ordinal, start = divmod(self._position, CHUNK_BYTES)
        if ordinal != self._ordinal:
            self._ordinal, self._chunk = ordinal, self._read_chunk(ordinal)
        end = self._chunk.find(b"\n", start, start + most) + 1 or min(start + most, len(self._chunk))
        self._position += end - start
        return self._chunk[start:end]
