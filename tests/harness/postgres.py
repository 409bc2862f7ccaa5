"""A throwaway PostgreSQL from the binaries of the machine.

`Cluster` is one server with its data directory. `shared_cluster` gives the one that all workers of a test
run use: it is held by a keeper process (this file, run as a script) that ends when the run does, even when
the run is killed.
"""

import fcntl
import functools
import itertools
import json
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

SUPERUSER = "authsvc"
START_SECONDS = 60.0
STOP_SECONDS = 30.0
# The environment names the directory of the run (shared by all of its workers) and the process that owns it.
RUN_DIRECTORY = "AUTHSVC_TEST_RUN_DIRECTORY"
RUN_OWNER = "AUTHSVC_TEST_RUN_OWNER"
_PORTS = itertools.count(secrets.randbelow(5_000))


class PostgresFailed(Exception):
    """PostgreSQL could not be started; the text is the end of its log."""


@functools.cache
def find_binaries() -> Path | None:
    """The directory with initdb and postgres: of PATH, else the newest below /usr/lib/postgresql."""
    found = shutil.which("initdb")
    candidates = [Path(found).resolve().parent] if found else []
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    candidates += sorted(versions, key=lambda path: [int(n) for n in re.findall(r"\d+", str(path))], reverse=True)
    for candidate in candidates:
        if (candidate / "initdb").exists() and (candidate / "postgres").exists():
            return candidate
    return None


@dataclass(slots=True)
class Cluster:
    """One server on a free loopback port; made with `new_cluster`, started and stopped as a test likes."""

    directory: Path
    port: int
    password: str
    durable: bool
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def url(self, database: str = "postgres") -> str:
        """The address as SQLAlchemy wants it."""
        return f"postgresql+psycopg://{SUPERUSER}:{self.password}@127.0.0.1:{self.port}/{database}"

    @property
    def pid(self) -> int:
        """Of the server's first process."""
        assert self._process is not None, "the server was not started"
        return self._process.pid

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            PostgresFailed: it ended, or did not answer within START_SECONDS.
        """
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": 300,
        }
        if not self.durable:
            options |= {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
        command = [str(_binaries() / "postgres"), "-D", str(self.directory / "data")]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with (self.directory / "log").open("ab") as log:
            self._process = _start(command, self.directory, log.fileno())
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop(immediate=True)
                raise PostgresFailed((self.directory / "log").read_text(errors="replace")[-2000:])
            time.sleep(0.05)

    def stop(self, *, immediate: bool = False) -> None:
        """Stop the server: orderly, with connections closed; or at once, as a crash would."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGQUIT if immediate else signal.SIGINT)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Every process of the server is stopped, none of its connections is closed."""
        _signal_family(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            _signal_family(self.pid, signal.SIGCONT)

    def _answers(self) -> bool:
        try:
            with psycopg.connect(_plain(self.url()), connect_timeout=5):
                return True
        except psycopg.OperationalError:
            return False


def _signal_family(pid: int, number: signal.Signals) -> None:
    """To the process, so that it makes no more children, and to those that it has."""
    with suppress(ProcessLookupError, FileNotFoundError):  # It has just ended.
        os.kill(pid, number)
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            _signal_family(int(child), number)


def new_cluster(*, durable: bool) -> Cluster:
    """Make a server's data directory; `durable` keeps fsync on, for tests that kill it."""
    directory = Path(tempfile.mkdtemp(prefix="authsvc-pg-"))
    user = _unprivileged()
    if user is not None:
        os.chown(directory, user.pw_uid, user.pw_gid)
    cluster = Cluster(directory, free_port(), secrets.token_urlsafe(24), durable)
    (directory / "password").write_text(cluster.password)
    command = [str(_binaries() / "initdb"), "-D", str(directory / "data"), "-U", SUPERUSER, "--encoding=UTF8"]
    command += ["--locale=C", "--auth=scram-sha-256", f"--pwfile={directory / 'password'}", "--no-sync"]
    with (directory / "log").open("ab") as log:
        if _start(command, directory, log.fileno()).wait() != 0:
            raise PostgresFailed((directory / "log").read_text(errors="replace")[-2000:])
    return cluster


@contextmanager
def running_cluster(*, durable: bool = True) -> Iterator[Cluster]:
    """A server of one test's own, to be stopped, crashed and started at will; gone afterwards."""
    cluster = new_cluster(durable=durable)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop(immediate=True)
        shutil.rmtree(cluster.directory, ignore_errors=True)


def shared_cluster() -> str:
    """The URL of the run's server, which the first worker to ask starts."""
    run = Path(os.environ[RUN_DIRECTORY])
    facts = run / "postgres.json"
    with (run / "postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not facts.exists():
            _start_keeper(run, facts)
    return str(json.loads(facts.read_text())["url"])


@contextmanager
def fresh_database(url: str, template: str = "template1") -> Iterator[str]:
    """A new database in the server at `url`, empty or as the template; dropped afterwards, whoever is connected."""
    name = f"test_{secrets.token_hex(8)}"
    with psycopg.connect(_plain(url), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())
        yield f"{url.rpartition('/')[0]}/{name}"
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())


def free_port() -> int:
    """A TCP port of the loopback interface that nobody uses at this moment, and this process not soon again.

    Below those that the system gives to whoever connects (Linux: 32768 and on); the first workers have a quarter each.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw3")[2:]) % 4
    for _ in range(5_000):
        port = 12_000 + 5_000 * worker + next(_PORTS) % 5_000
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("no port of the loopback interface is free")


def open_run(owner: int) -> Path:
    """Make the directory that a run's workers share, unless an outer run (a mutant's) has one."""
    inherited = os.environ.get(RUN_DIRECTORY)
    if inherited and Path(inherited).is_dir():
        return Path(inherited)
    run = Path(tempfile.mkdtemp(prefix="authsvc-run-"))
    os.environ[RUN_DIRECTORY], os.environ[RUN_OWNER] = str(run), str(owner)
    return run


def close_run(owner: int) -> None:
    """End what the run started, if this process owns the run."""
    if os.environ.get(RUN_OWNER) != str(owner):
        return
    run = Path(os.environ[RUN_DIRECTORY])
    with suppress(FileNotFoundError):
        keeper = int(json.loads((run / "postgres.json").read_text())["keeper"])
        with suppress(ProcessLookupError):
            os.kill(keeper, signal.SIGTERM)
        _await_end(keeper)
    shutil.rmtree(run, ignore_errors=True)
    del os.environ[RUN_DIRECTORY], os.environ[RUN_OWNER]


def _start_keeper(run: Path, facts: Path) -> None:
    command = [sys.executable, "-m", "tests.harness.postgres", str(facts), os.environ[RUN_OWNER]]
    with (run / "keeper.log").open("ab") as log:
        keeper = subprocess.Popen(
            command,
            cwd=Path(__file__).parents[2],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    while not facts.exists():
        if keeper.poll() is not None:
            raise PostgresFailed((run / "keeper.log").read_text(errors="replace")[-2000:])
        time.sleep(0.05)


def _keep(facts: Path, owner: int) -> None:
    """Hold a server until the owner of the run has gone or asks for the end."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with running_cluster(durable=False) as cluster:
        draft = facts.with_suffix(".draft")
        draft.write_text(json.dumps({"url": cluster.url(), "keeper": os.getpid()}))
        draft.rename(facts)
        while _lives(owner):
            time.sleep(0.5)


def _await_end(pid: int) -> None:
    deadline = time.monotonic() + STOP_SECONDS
    while _lives(pid) and time.monotonic() < deadline:
        # The keeper may be this process's own child: then it must be reaped, or it would seem to live on.
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        time.sleep(0.05)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _binaries() -> Path:
    found = find_binaries()
    if found is None:
        raise PostgresFailed("no PostgreSQL binaries found")
    return found


def _plain(url: str) -> str:
    return url.replace("+psycopg", "", 1)


def _unprivileged() -> pwd.struct_passwd | None:
    """Who runs the server: initdb refuses root, so root hands over to postgres, or to nobody."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _start(command: list[str], directory: Path, log: int) -> subprocess.Popen[bytes]:
    user = _unprivileged()
    uid, gid = (user.pw_uid, user.pw_gid) if user else (None, None)
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(directory)}
    return subprocess.Popen(
        command,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        user=uid,
        group=gid,
        extra_groups=[] if user else None,
        start_new_session=True,
    )


if __name__ == "__main__":
    _keep(Path(sys.argv[1]), int(sys.argv[2]))
