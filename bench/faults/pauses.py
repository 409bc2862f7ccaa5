"""Whether this process was stopped for a while (SIGSTOP): what was going on then is judged by nobody."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def counted() -> Iterator[Callable[[], int]]:
    """What tells how often it has gone on again since the block began. For the main thread."""
    seen = 0

    def note(*_: object) -> None:
        nonlocal seen
        seen += 1

    before = signal.signal(signal.SIGCONT, note)
    try:
        yield lambda: seen
    finally:
        signal.signal(signal.SIGCONT, before)
