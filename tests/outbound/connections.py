"""Every connection that this process opens, whatever library opens it: counted where Python's sockets tell of it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_RECORDERS: list[list[object]] = []
_INSTALLED: list[bool] = []


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if _RECORDERS and event in {"socket.connect", "socket.sendto"}:
        for recorder in _RECORDERS:
            recorder.append(arguments[1])


@contextmanager
def recorded_connections() -> Iterator[list[object]]:
    """The addresses that are connected to meanwhile. An audit hook cannot be taken away, only made deaf."""
    if not _INSTALLED:
        sys.addaudithook(_hook)
        _INSTALLED.append(True)
    recorder: list[object] = []
    _RECORDERS.append(recorder)
    try:
        yield recorder
    finally:
        _RECORDERS[:] = [kept for kept in _RECORDERS if kept is not recorder]
