"""Log lines: one JSON object each, with the request they belong to and without secrets."""

import json
import logging
import os
import sys
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar, Token
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from traceback import walk_tb
from typing import BinaryIO, TextIO

from authsvc.observe.redact import clean, redact

Bound = tuple[str | None, str | None]
"""Request id and tenant."""

_BOUND: ContextVar[Bound] = ContextVar("authsvc_log_context", default=(None, None))
_LOGGER = logging.getLogger("authsvc")
# What every record carries; whatever else is on it came through `extra`.
_RECORD_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {
    "asctime", "event", "fields", "message", "taskName",
}  # fmt: skip
# At INFO they would write every statement and every URL; uvicorn, at WARNING, a line for whoever speaks no HTTP.
_QUIET = {
    "sqlalchemy": logging.WARNING,
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "uvicorn": logging.ERROR,
}
_CHAIN = 4
_FRAMES = 16
# ASCII only: no value can hold a line separator of any alphabet (U+2028, U+0085) or a lone surrogate.
_ENCODE = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


def configure(level: str, stream: TextIO | None = None, log_file: Path | None = None) -> None:
    """Send every logger of the process, libraries' too, as JSON lines to `stream` (stdout) and to `log_file`.

    Replaces what was configured before. The file is appended to (mode 0600 when new) and may be shared by
    workers. A line that cannot be written is lost: logging never fails a request.
    Raises: OSError if `log_file` cannot be opened. ValueError if `level` is not a level's name.
    """
    handler = _Lines(stream or sys.stdout, log_file)
    handler.setFormatter(JsonLine())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in list(root.manager.loggerDict):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(max(root.level, least))
    logging.captureWarnings(capture=True)
    # No line shows them, so records need not collect them.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def bind(request_id: str, tenant: str | None) -> Token[Bound]:
    """Name the request that this context's log lines belong to. A thread sees it in a copy of the context."""
    return _BOUND.set((request_id, tenant))


def reset(token: Token[Bound]) -> None:
    """Undo `bind`, in the same context."""
    _BOUND.reset(token)


@contextmanager
def request_context(*, request_id: str, tenant: str | None = None) -> Iterator[None]:
    """`bind` for the length of a block."""
    token = bind(request_id, tenant)
    try:
        yield
    finally:
        reset(token)


def log(level: int, event: str, message: str, *, exc: BaseException | None = None, **fields: object) -> None:
    """Write one line. `event` is a short constant name to search by; fields of secret names are removed."""
    _write(level, event, message, fields, exc)


def log_refusal(rule: str, *, endpoint: str, error: str, detail: str, **fields: object) -> None:
    """Write the line that `authsvc why <request-id>` explains a refusal by."""
    named = {"rule": rule, "endpoint": endpoint, "error": error, "detail": detail}
    _write(logging.INFO, "refused", "refused", named | fields, None)


def _write(level: int, event: str, message: str, fields: Mapping[str, object], exc: BaseException | None) -> None:
    if not _LOGGER.isEnabledFor(level):
        return
    # Not through Logger.log, which looks for the calling line: 5 us that no line shows.
    caught = (type(exc), exc, exc.__traceback__) if exc is not None else None
    record = logging.LogRecord(_LOGGER.name, level, "", 0, message, None, caught)
    record.event, record.fields = event, fields
    _LOGGER.handle(record)


def find_request(path: Path, request_id: str) -> Iterator[Mapping[str, object]]:
    """The lines of a log file that name this request, in order. Streams the file; skips broken lines.

    Raises: OSError if the file cannot be read.
    """
    needle = _ENCODE(request_id).encode()
    with path.open("rb") as lines:
        for line in lines:
            if needle not in line:
                continue
            with suppress(ValueError, RecursionError):
                entry = json.loads(line)
                if isinstance(entry, dict) and entry.get("request_id") == request_id:
                    yield entry


class Cap:
    """At most `per_minute` log lines for one key (an address), however often it is refused.

    Counts in windows of a minute from a key's first line, for at most `keys` keys; the oldest window makes
    room. When a window closes that left lines out, one line says how many.
    """

    def __init__(self, per_minute: int = 60, *, keys: int = 10_000) -> None:
        self._per_minute = per_minute
        self._keys = keys
        self._windows: OrderedDict[str, list[float]] = OrderedDict()  # key -> [opened, seen], oldest first
        self._lock = Lock()

    def allow(self, key: str, now: float) -> bool:
        """Whether a line for this key may be written at `now` (seconds, monotonic)."""
        with self._lock:
            left_out = self._close(now)
            window = self._windows.get(key)
            if window is None:
                window = self._windows[key] = [now, 0]
                if len(self._windows) > self._keys:
                    left_out += self._left_out(*self._windows.popitem(last=False))
            window[1] += 1
            allowed = window[1] <= self._per_minute
        for closed, count in left_out:
            log(
                logging.WARNING,
                "lines_left_out",
                "refusals were left out of the log",
                key=closed,
                count=count,
            )
        return allowed

    def _close(self, now: float) -> list[tuple[str, int]]:
        left_out: list[tuple[str, int]] = []
        while self._windows and now - next(iter(self._windows.values()))[0] >= 60:  # noqa: PLR2004 - a minute
            left_out += self._left_out(*self._windows.popitem(last=False))
        return left_out

    def _left_out(self, key: str, window: list[float]) -> list[tuple[str, int]]:
        count = int(window[1]) - self._per_minute
        return [(key, count)] if count > 0 else []


class JsonLine(logging.Formatter):
    """The one shape of our lines; also usable on a host application's own handlers."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of ASCII JSON. Never raises: a record that cannot be shown says so."""
        try:
            return _ENCODE(_entry(record)).replace("\x7f", "\\u007f")
        except Exception as error:  # noqa: BLE001 - a field's __str__ may raise anything
            return _ENCODE(
                _base(record) | {"event": "log_failed", "message": f"a line was lost: {type(error).__name__}"}
            )


def _base(record: logging.LogRecord) -> dict[str, object]:
    request_id, tenant = _BOUND.get()
    at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    return {
        "at": at.replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "event": record.name,
        "message": "",
        "request_id": clean(request_id),
        "tenant": clean(tenant),
    }


def _entry(record: logging.LogRecord) -> dict[str, object]:
    attributes = vars(record)
    entry = _base(record)
    entry["event"] = clean(attributes.get("event", record.name))
    entry["message"] = _message(record)
    fields = attributes.get("fields")
    if fields is None:
        fields = {name: value for name, value in attributes.items() if name not in _RECORD_ATTRIBUTES}
    cleaned = clean(fields)
    if record.exc_info and record.exc_info[1] is not None:
        entry["exception"] = _exceptions(record.exc_info[1])
    if isinstance(cleaned, dict):
        for name, value in cleaned.items():
            # A field never replaces what the line itself says.
            entry[name if entry.get(name) is None else f"{name}_"] = value
    return entry


def _message(record: logging.LogRecord) -> str:
    template, args = (
        str(clean(record.msg)) if isinstance(record.msg, Mapping) else str(record.msg),
        record.args,
    )
    if not args:
        return redact(template)
    try:
        # Arguments first, while a mapping still knows the names of its values.
        shown = clean(args) if isinstance(args, Mapping) else tuple(map(_argument, args))
        return redact(template % shown)
    except (TypeError, ValueError, KeyError):
        return redact(template) + " (its arguments do not fit)"


def _argument(value: object) -> object:
    return clean(value) if isinstance(value, Mapping | list | tuple | set | str | bytes) else value


def _exceptions(error: BaseException) -> list[dict[str, object]]:
    """The error and what caused it: types, texts and places, no source and no local variables."""
    shown: list[dict[str, object]] = []
    current: BaseException | None = error
    while current is not None and len(shown) < _CHAIN:
        frames = [
            f"{frame.f_globals.get('__name__')}:{line} {frame.f_code.co_qualname}"
            for frame, line in walk_tb(current.__traceback__)
        ]
        shown.append({
            "type": type(current).__qualname__, "message": redact(str(current)), "frames": frames[-_FRAMES:],
        })  # fmt: skip
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return shown


class _Lines(logging.Handler):
    """Writes each line whole: to the stream, and in one append to the file."""

    def __init__(self, stream: TextIO, log_file: Path | None) -> None:
        super().__init__()
        self._stream = stream
        self._path = log_file
        self._file: BinaryIO | None = None
        self._open()

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record) + "\n"
        # A full disk or a closed pipe costs the line, not the request; and the library's own report of such
        # a failure would print the arguments unredacted.
        with suppress(OSError, ValueError):
            self._stream.write(line)
            self._stream.flush()
        with suppress(OSError, ValueError):
            if (file := self._file or self._open()) is not None:
                file.write(line.encode("ascii"))

    def close(self) -> None:
        # logging.config closes all handlers, and ours must live on: the next line opens the file again.
        if self._file is not None:
            self._file.close()
            self._file = None
        super().close()

    def _open(self) -> BinaryIO | None:
        if self._path is not None:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._file = os.fdopen(descriptor, "ab", buffering=0)
        return self._file
