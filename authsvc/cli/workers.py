"""Worker processes: forked from one that has everything loaded, and replaced when they die.

The supervisor handles no signal while it works: they are blocked, and taken one after another when it waits.
"""

import ctypes
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from authsvc.observe import logging as observe

_ENDING = frozenset({signal.SIGINT, signal.SIGTERM})
_AWAITED = _ENDING | {signal.SIGCHLD}
_PR_SET_PDEATHSIG = 1
_SHORT_LIFE_SECONDS = 1.0
"""A worker that lived no longer is replaced only after so long: else one that cannot start would take a core."""


@dataclass(frozen=True, slots=True)
class _Worker:
    number: int
    born_at: float


def hold_signals() -> None:
    """Block what `supervise` waits for. To be called before anything starts a thread, which would else take them."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _AWAITED)


def supervise(count: int, work: Callable[[int], None], grace_seconds: float) -> None:
    """Fork `count` processes that each run `work(number)` and replace those that die, until SIGTERM or SIGINT.

    Then they are told by SIGTERM, and killed after `grace_seconds`. Needs `hold_signals`.
    """
    workers = {_fork(number, work): _Worker(number, time.monotonic()) for number in range(count)}
    while signal.sigwaitinfo(_AWAITED).si_signo not in _ENDING:
        for dead in _reaped(workers):
            pause = max(0.0, dead.born_at + _SHORT_LIFE_SECONDS - time.monotonic())
            if signal.sigtimedwait(_ENDING, pause) is not None:
                return _end(workers, grace_seconds)
            workers[_fork(dead.number, work)] = _Worker(dead.number, time.monotonic())
    return _end(workers, grace_seconds)


def _fork(number: int, work: Callable[[int], None]) -> int:
    supervisor = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        observe.log(logging.INFO, "worker_started", "a worker was started", worker=number, pid=pid)
        return pid
    code = 1
    try:
        _become_worker(supervisor)
        work(number)
        code = 0
    except BaseException as error:  # noqa: BLE001 - a forked process must never go on as its parent
        observe.log(logging.ERROR, "worker_failed", "a worker could not go on", exc=error, worker=number)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _become_worker(supervisor: int) -> None:
    """Until it handles them itself, signals end it; a worker whose supervisor was killed ends as if told to."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _AWAITED)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != supervisor:
            sys.exit(1)


def _reaped(workers: dict[int, _Worker]) -> list[_Worker]:
    """Forget the workers that have died; one signal may stand for several of them."""
    dead = []
    for pid in list(workers):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            dead.append(workers.pop(pid))
            code = os.waitstatus_to_exitcode(status)
            worker = dead[-1].number
            observe.log(logging.WARNING, "worker_ended", "a worker ended", worker=worker, pid=pid, exit_code=code)
    return dead


def _end(workers: dict[int, _Worker], grace_seconds: float) -> None:
    for pid in workers:
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds
    while workers and (left := deadline - time.monotonic()) > 0:
        signal.sigtimedwait({signal.SIGCHLD}, left)
        _reaped(workers)
    for pid in workers:
        observe.log(logging.WARNING, "worker_killed", "a worker did not end in time", pid=pid)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
