"""Files of users, read row by row: CSV and JSON Lines, however large, in memory that does not grow with them."""

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Protocol

from authsvc.crypto.strict_json import parse_object
from authsvc.domain.people.profile import DETAILS
from authsvc.errors import DomainError

CSV: Final = "csv"
JSON_LINES: Final = "jsonl"
FORMATS: Final = (CSV, JSON_LINES)
FIELDS: Final = frozenset({"username", "email", "email_verified", "name", "password_hash", "disabled"}) | DETAILS
MAX_LINE_BYTES: Final = 65_536
MAX_RECORD_LINES: Final = 100
"""Of one CSV record, whose quoted fields may hold line breaks: a quote that is never closed must not eat the file."""
_BOM: Final = b"\xef\xbb\xbf"
_TOO_LONG: Final = f"the line is longer than {MAX_LINE_BYTES:,} bytes"
_NOT_UTF8: Final = "the line is not UTF-8"


class FileUnreadable(DomainError):
    """The file can be read no further; the detail says where and why, never what it holds."""

    rule = "file_unreadable"


class Octets(Protocol):
    """What is read: a file, or a request as it comes in."""

    def readline(self, size: int, /) -> bytes:
        """Return the next line, but at most so many bytes of it; nothing at the end."""


class Seekable(Octets, Protocol):
    """What can be read from another place on: not a pipe."""

    def seek(self, position: int, /) -> int:
        """Go to where so many bytes lie before."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place between two rows: the bytes and the lines that lie before it."""

    position: int = 0
    lines: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it stands in the file, from `line` on; `problem` says why it cannot be read."""

    line: int
    values: Mapping[str, Any]
    problem: str = ""


def read_rows(octets: Octets, form: str) -> Iterator[Row]:
    """Yield the rows of a file of one of FORMATS. Raises: FileUnreadable, after the rows before it."""
    lines = _lines(octets)
    return _csv_rows(lines) if form == CSV else _json_rows(lines)


def read_rows_after(octets: Seekable, form: str, mark: Mark) -> Iterator[Row]:
    """Yield the rows after a mark as `read_rows` does, which names the columns from the first line."""
    if not mark.position:
        return read_rows(octets, form)
    if form == CSV:
        return _csv_rows(_lines(octets), lambda: _go_to(octets, mark))
    return _json_rows(_lines(octets, is_first=False), _go_to(octets, mark))


def check_columns(octets: Octets, form: str) -> None:
    """Read the first line of a CSV file alone. Raises: FileUnreadable if it names no columns that can be taken."""
    if form == CSV:
        next(_csv_rows(iter(list(islice(_lines(octets), 1)))), None)


def _go_to(octets: Seekable, mark: Mark) -> int:
    octets.seek(mark.position)
    return mark.lines


def _lines(octets: Octets, *, is_first: bool = True) -> Iterator[bytes | None]:
    """Yield each line with its end, or None for one that is too long."""
    while line := octets.readline(MAX_LINE_BYTES + 1):
        if is_first:
            line, is_first = line.removeprefix(_BOM), False
        if len(line) <= MAX_LINE_BYTES:
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = octets.readline(MAX_LINE_BYTES)
        yield None


def _json_rows(lines: Iterator[bytes | None], before: int = 0) -> Iterator[Row]:
    for number, line in enumerate(lines, before + 1):
        if line is None:
            yield Row(number, {}, _TOO_LONG)
        elif line.strip():
            yield _json_row(number, line)


def _json_row(number: int, line: bytes) -> Row:
    try:
        return Row(number, parse_object(line))
    except UnicodeDecodeError:
        return Row(number, {}, _NOT_UTF8)
    except ValueError:
        # Not the parser's own words: they may quote the line.
        return Row(number, {}, "the line is no JSON object that can be taken")


def _csv_rows(lines: Iterator[bytes | None], go_on: Callable[[], int] | None = None) -> Iterator[Row]:
    """Yield the rows after the line that names the columns, or where `go_on` leads, which tells the lines before."""
    texts = _CsvLines(lines)
    reader = csv.reader(texts, strict=True)
    try:
        columns = _columns(next(reader, []))
        if go_on is not None:
            texts.skip_to(go_on())
        while True:
            first = texts.begin_record()
            cells = next(reader, None)
            if cells is None:
                return
            if cells:
                yield _csv_row(first, columns, cells, is_text=texts.is_text)
    except csv.Error:
        raise FileUnreadable(
            f"the record that begins in line {texts.first} is no CSV: see its quotes, which are doubled within quotes"
        ) from None


def _columns(names: list[str]) -> list[str]:
    if "username" not in names:
        raise FileUnreadable("the first line must name the columns, username among them")
    for name in names:
        if name not in FIELDS:
            # The text itself is not told: a file without a first line of names would show a person's row.
            raise FileUnreadable(f"column {names.index(name) + 1} is none of {', '.join(sorted(FIELDS))}")
    if len(set(names)) != len(names):
        raise FileUnreadable("the first line names a column twice")
    return names


def _csv_row(line: int, columns: list[str], cells: list[str], *, is_text: bool) -> Row:
    if not is_text:
        return Row(line, {}, _NOT_UTF8)
    if len(cells) != len(columns):
        return Row(line, {}, f"the row has {len(cells)} fields, not {len(columns)}")
    return Row(line, {name: cell for name, cell in zip(columns, cells, strict=True) if cell})


class _CsvLines:
    """The lines as the reader asks for them, which knows by itself where a record ends; but it may not ask for ever."""

    def __init__(self, lines: Iterator[bytes | None]) -> None:
        self._lines = lines
        self._read = 0
        self.first = 1
        self.is_text = True

    def skip_to(self, lines: int) -> None:
        """Go on after so many lines."""
        self._read = lines

    def begin_record(self) -> int:
        """Return the number of the line with which the next record begins."""
        self.first, self.is_text = self._read + 1, True
        return self.first

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self._read += 1
        if line is None:
            raise FileUnreadable(f"in line {self._read} {_TOO_LONG}")
        if self._read - self.first >= MAX_RECORD_LINES:
            raise FileUnreadable(f"a quote that is opened in line {self.first} is not closed")
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError:
            self.is_text = False
            return line.decode("utf-8", "replace")
