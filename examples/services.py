"""What the stories share: programs that are started, waited for and ended, and the server's own command line."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent
PATIENCE_SECONDS = 30.0


@contextmanager
def service(name: str, command: list[Any], directory: Path, *, port: int, **settings: str) -> Iterator[None]:
    """Run a service until the block ends; its log is shown if it does not come up."""
    log = directory / f"{name}.log"
    environment = {**os.environ, **settings, "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as out:
        words = [str(word) for word in command]
        process = subprocess.Popen(words, cwd=directory, env=environment, stdout=out, stderr=out)
    try:
        wait_for(port, process, log)
        say(f"{name} answers on port {port}")
        yield
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Return when the port answers; end the story with the log if it never does."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    sys.exit(f"{log.stem} did not come up:\n{log.read_text(errors='replace')}")


def authsvc(settings: Mapping[str, str], *words: str, stdin: str = "") -> str:
    """Run a command of the server's own, as an administrator would."""
    environment = {**os.environ, **settings}
    done = subprocess.run(
        [BIN / "authsvc", *words], env=environment, input=stdin, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"authsvc {' '.join(words[:2])}: {done.stderr.strip()}")
    return done.stdout


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def say(line: str) -> None:
    """One line of progress."""
    print(line, file=sys.stderr, flush=True)
