"""Commands as they are typed: forked (the packages are loaded already), or as processes of their own for servers."""

import io
import json
import os
import signal
import subprocess
import sys
import time
import traceback
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from alembic import command, config

from authsvc.cli import commands

PRELOADED = (command, config, commands.build(commands.VERBS + commands.NOUNS))
"""What commands load when they need it: once here, so that no forked command has to."""
SCRIPT = Path(sys.executable).with_name("authsvc")
LIMIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended; `out` and `err` are all that it said."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


def type_command(*arguments: str) -> None:
    """Run the console script's own function."""
    sys.argv = ["authsvc", *arguments]
    commands.run()


def run_forked(run: Callable[[], None], environment: Mapping[str, str], directory: Path, stdin: str = "") -> Done:
    """Run in a child of this process, so that it may exit; killed if it does not end."""
    files = {name: directory / f".{name}" for name in ("in", "out", "err")}
    files["in"].write_text(stdin)
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            code = _child(run, environment, directory, files)
        finally:
            os._exit(code)
    deadline = time.monotonic() + LIMIT_SECONDS
    ended, status = 0, 0
    while not ended:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.005)
    return Done(os.waitstatus_to_exitcode(status), files["out"].read_text(), files["err"].read_text())


def _child(run: Callable[[], None], environment: Mapping[str, str], directory: Path, files: Mapping[str, Path]) -> int:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(directory)
    os.dup2(os.open(files["in"], os.O_RDONLY), 0)
    os.dup2(os.open(files["out"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
    os.dup2(os.open(files["err"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    sys.stdin, sys.stdout, sys.stderr = (
        io.TextIOWrapper(os.fdopen(n, mode)) for n, mode in ((0, "rb"), (1, "wb"), (2, "wb"))
    )
    try:
        run()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - shown to the test
        traceback.print_exc()
        code = 70
    sys.stdout.flush()
    sys.stderr.flush()
    return code


@dataclass(slots=True)
class Running:
    """A server that answers."""

    process: subprocess.Popen[bytes]
    url: str
    out_file: Path
    err_file: Path

    @property
    def out(self) -> str:
        return self.out_file.read_text()

    @property
    def err(self) -> str:
        return self.err_file.read_text()

    @property
    def workers(self) -> set[int]:
        return children_of(self.process.pid)

    def stop(self) -> int:
        """Send SIGTERM and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(LIMIT_SECONDS)


@contextmanager
def serving(arguments: tuple[str, ...], environment: Mapping[str, str], directory: Path, url: str) -> Iterator[Running]:
    """Start a server as a process and wait for its first answer; it is killed in the end."""
    out_file, err_file = directory / "server.out", directory / "server.err"
    with out_file.open("wb") as out, err_file.open("wb") as err:
        process = subprocess.Popen(
            [SCRIPT, *arguments], cwd=directory, env=dict(environment), stdin=subprocess.DEVNULL, stdout=out, stderr=err
        )
    server = Running(process, url, out_file, err_file)
    try:
        wait_until(lambda: answers(f"{url}/health/live") or process.poll() is not None, server)
        assert process.poll() is None, server.out + server.err
        yield server
    finally:
        for pid in server.workers | {process.pid}:
            if process.poll() is None or pid != process.pid:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        process.wait()


def wait_until(is_so, server: Running | None = None) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, server.out + server.err if server else "waited in vain"
        time.sleep(0.02)


def answers(url: str) -> bool:
    try:
        return bool(get(url))
    except OSError:
        return False


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=LIMIT_SECONDS) as answer:
        return bytes(answer.read())


def post(url: str, form: str) -> tuple[int, dict[str, object]]:
    """The status and the JSON of the answer to a posted form."""
    try:
        with urllib.request.urlopen(url, form.encode(), timeout=LIMIT_SECONDS) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        return refusal.code, json.load(refusal)


def children_of(pid: int) -> set[int]:
    try:
        return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}
    except (FileNotFoundError, ProcessLookupError):  # It may go between opening and reading.
        return set()
