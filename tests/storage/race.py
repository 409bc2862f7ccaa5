"""Do one thing many times at once."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Answer = TypeVar("Answer")


def race(act: Callable[[int], Answer], *, times: int, threads: int = 20) -> list[Answer]:
    """Return the answers of act(0) to act(times - 1), run by threads that start together."""
    start = threading.Barrier(threads)

    def run(first: int) -> list[tuple[int, Answer]]:
        start.wait()
        return [(number, act(number)) for number in range(first, times, threads)]

    with ThreadPoolExecutor(threads) as pool:
        answers = [pair for part in pool.map(run, range(threads)) for pair in part]
    return [answer for _, answer in sorted(answers, key=lambda pair: pair[0])]
