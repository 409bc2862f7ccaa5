"""How far a long command is: one line that is written anew on a terminal, else a plain line every ten seconds."""

import sys
import time
from typing import Final

_TERMINAL_SECONDS: Final = 0.2
_PLAIN_SECONDS: Final = 10.0
_BAR: Final = 24
_BLANK: Final = "\r\x1b[K"


class Progress:
    """Shown on stderr; `what` names the rows."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._is_terminal = sys.stderr.isatty()
        self._began = self._shown = time.monotonic()

    def show(self, rows: int, share: float) -> None:
        """Say how many rows are done and what share of all that is, unless something was said a moment ago."""
        now = time.monotonic()
        if now - self._shown < (_TERMINAL_SECONDS if self._is_terminal else _PLAIN_SECONDS):
            return
        self._shown = now
        line = progress_line(self._what, min(share, 1.0), rows, now - self._began)
        print(f"{_BLANK}{line}" if self._is_terminal else line, end="" if self._is_terminal else "\n", file=sys.stderr)
        sys.stderr.flush()

    def end(self) -> None:
        """Take the line away again."""
        if self._is_terminal:
            print(_BLANK, end="", file=sys.stderr, flush=True)


def progress_line(what: str, share: float, rows: int, seconds: float) -> str:
    """Return the line: how much of the whole is done, the rows, their rate, and the time that is left."""
    done = round(share * _BAR)
    rate = rows / seconds if seconds else 0.0
    left = f", {_duration(seconds * (1 - share) / share)} left" if share else ""
    return f"[{'#' * done}{'.' * (_BAR - done)}] {share:4.0%}  {rows:,} {what}, {rate:,.0f}/s{left}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
