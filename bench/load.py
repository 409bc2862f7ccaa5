"""Load from the cores that the server does not use: wrk with a small Lua script per kind of request."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.processes import LOAD_CORES, BenchError, confined_to

DONE = """
function done(summary, latency, requests)
  local e = summary.errors
  print(string.format(
    'BENCH {"requests": %d, "seconds": %.6f, "p50_ms": %.3f, "p99_ms": %.3f, "refused": %d, "broken": %d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    e.status, e.connect + e.read + e.write + e.timeout))
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """Which request to send and how.

    `script` is Lua that runs after the fixed request is set; it may replace `request`, `response`, `delay`.
    """

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    script: str = ""
    connections: int = 16
    refusals_expected: bool = False


@dataclass(frozen=True, slots=True)
class Measured:
    """What one stretch of load saw."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    refused: int
    broken: int

    @property
    def per_second(self) -> float:
        """Answers per second."""
        return self.requests / self.seconds


def run(load: Load, seconds: float) -> Measured:
    """Send the load for so long and wait for its figures.

    Raises:
        BenchError: wrk is missing, or an exchange failed (status 400 and above, a break, a timeout).
    """
    with started(load, seconds) as process:
        return finished(load, process)


@contextmanager
def started(load: Load, seconds: float) -> Iterator[subprocess.Popen[str]]:
    """wrk, running; `finished` waits for its figures, leaving the block ends it."""
    wrk = shutil.which("wrk")
    if wrk is None:
        message = "the load comes from wrk, which is not installed: apt-get install wrk"
        raise BenchError(message)
    with tempfile.TemporaryDirectory(prefix="authsvc-bench-") as directory:
        script = Path(directory, "load.lua")
        script.write_text(_lua(load))
        command = [
            wrk,
            "--threads=1",
            f"--connections={load.connections}",
            f"--duration={max(1, round(seconds))}s",
            "--timeout=10s",
        ]
        command += [f"--script={script}", load.url]
        with confined_to(LOAD_CORES):
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # noqa: S603
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                process.communicate()


def finished(load: Load, process: subprocess.Popen[str]) -> Measured:
    """The figures of a wrk that was started, once it ends by itself."""
    output, _ = process.communicate()
    found = [line for line in output.splitlines() if line.startswith("BENCH ")]
    if not found:
        message = f"wrk gave no figures for {load.url}:\n{output[-2000:]}"
        raise BenchError(message)
    measured = Measured(**json.loads(found[-1].removeprefix("BENCH ")))
    if measured.requests == 0 or measured.broken or (measured.refused and not load.refusals_expected):
        message = (
            f"{load.url}: {measured.refused} refusals and {measured.broken} broken exchanges"
            f" among {measured.requests} answers; no figure"
        )
        raise BenchError(message)
    return measured


def lua_text(text: str) -> str:
    """`text` as a Lua string literal."""
    return (
        '"'
        + "".join(
            character if character.isalnum() else "".join(f"\\{byte:03d}" for byte in character.encode())
            for character in text
        )
        + '"'
    )


def _lua(load: Load) -> str:
    lines = [f"wrk.method = {lua_text(load.method)}"]
    lines += [f"wrk.headers[{lua_text(name)}] = {lua_text(value)}" for name, value in load.headers.items()]
    if load.body:
        lines.append(f"wrk.body = {lua_text(load.body)}")
    return "\n".join([*lines, load.script, DONE])
