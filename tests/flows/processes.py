"""The application in processes of its own, as `authsvc serve` runs it: one worker each, over loopback HTTP."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import httpx

from authsvc.settings import Settings

START_SECONDS = 100.0
ROOT = Path(__file__).parents[2]
Answer = TypeVar("Answer")


@contextmanager
def serving_processes(settings: Settings, ports: Sequence[int], log: Path) -> Iterator[tuple[str, ...]]:
    """One process for each port, all on the same database; gives their addresses."""
    environment = os.environ | {
        "AUTHSVC_CONFIG": str(log.with_name("none.toml")),
        "AUTHSVC_DATABASE_URL": settings.database_url,
        "AUTHSVC_MASTER_KEY_FILE": str(settings.master_key_file),
        "AUTHSVC_PASSWORDS": settings.passwords.model_dump_json(),
        # A thousand threads of one test are slow to send.
        "AUTHSVC_HTTP__BODY_DEADLINE_SECONDS": "60",
    }
    processes = []
    addresses = tuple(f"http://127.0.0.1:{port}" for port in ports)
    with log.open("ab") as output:
        try:
            for port in ports:
                command = [
                    sys.executable,
                    "-m",
                    "uvicorn",
                    "--factory",
                    "authsvc.app:create_worker",
                    "--port",
                    str(port),
                ]
                command += ["--no-access-log", "--no-proxy-headers", "--ws", "none"]
                processes.append(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output))
            for address in addresses:
                _await_answer(address, log)
            yield addresses
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def at_once(calls: Sequence[Callable[[], Answer]]) -> list[Answer]:
    """The answers of calls that all threads make at the same moment."""
    gate, answers = threading.Barrier(len(calls)), [None] * len(calls)
    failures: list[BaseException] = []

    def run(index: int) -> None:
        gate.wait()
        try:
            answers[index] = calls[index]()  # type: ignore[call-overload]
        except BaseException as error:  # noqa: BLE001 - told by the caller's thread
            failures.append(error)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return answers  # type: ignore[return-value]


def _await_answer(address: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            if httpx.get(f"{address}/health/ready", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        if time.monotonic() > deadline:
            raise TimeoutError(log.read_text()[-3000:])
        time.sleep(0.1)
