import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from authsvc.observe.scrape import MetricsServer, render_directory, serve_metrics

# The supervisor, with workers as it makes them: forked, or started anew with its environment.
_SUPERVISOR = """
import multiprocessing, os, pathlib, sys, time
from authsvc.observe.scrape import prepare_multiprocess, render_directory
from authsvc.observe.metrics import create_metrics

def work(name, ready, go):
    metrics = create_metrics("1.0", ["token"])
    for n in range(1000):
        metrics.request("token", 200, 0.002)
    metrics.lane_queue_depth("machine", 5)
    if name == "dies":
        metrics.tally.flush()
    else:
        metrics.close()
    ready.release()
    go.acquire()

def main():
    directory = pathlib.Path(sys.argv[2])
    prepare_multiprocess(directory)
    context = multiprocessing.get_context(sys.argv[1])
    ready, go = context.Semaphore(0), context.Semaphore(0)
    workers = [context.Process(target=work, args=(name, ready, go)) for name in ("dies", "lives")]
    for worker in workers:
        worker.start()
    for worker in workers:
        ready.acquire()
    print(render_directory(directory).decode(), flush=True)
    print("====", flush=True)
    workers[0].kill()
    workers[0].join()
    print(render_directory(directory).decode(), flush=True)
    go.release()
    workers[1].join()

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_the_sum_is_over_all_workers_and_a_dead_ones_counts_stay_while_its_gauges_go(method, tmp_path) -> None:
    (tmp_path / "supervisor.py").write_text(_SUPERVISOR)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "supervisor.py"), method, str(tmp_path / "metrics")],
        capture_output=True, text=True, timeout=100, check=False, env=os.environ | {"PYTHONPATH": str(Path.cwd())},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    alive, after_death = done.stdout.split("====")
    for text in (alive, after_death):
        assert 'authsvc_requests_total{endpoint="token",status="200"} 2000.0' in text
        assert 'authsvc_request_seconds_bucket{endpoint="token",le="0.0025"} 2000.0' in text
        assert 'authsvc_request_seconds_count{endpoint="token"} 2000.0' in text
        assert 'authsvc_build_info{python="' in text
    assert 'authsvc_lane_queue_depth{lane="machine"} 10.0' in alive
    assert 'authsvc_lane_queue_depth{lane="machine"} 5.0' in after_death


def test_a_new_run_starts_from_nothing_and_leaves_other_files_alone(tmp_path) -> None:
    for name in ("counter_12.db", "gauge_livesum_12.db", "histogram_12.db", "authsvc.db", "counter_x.db"):
        (tmp_path / name).write_bytes(b"")
    script = (
        "import pathlib, sys; from authsvc.observe.scrape import prepare_multiprocess;"
        "prepare_multiprocess(pathlib.Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, timeout=100)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["authsvc.db", "counter_x.db"]


def test_a_switch_that_came_too_late_to_be_obeyed_is_refused() -> None:
    script = (
        "import os; from authsvc.observe.metrics import create_metrics;"
        "os.environ['PROMETHEUS_MULTIPROC_DIR'] = '.'; create_metrics('1', [])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=100, check=False)
    assert "PROMETHEUS_MULTIPROC_DIR was changed after" in done.stderr


def test_an_empty_directory_renders_nothing(tmp_path) -> None:
    assert render_directory(tmp_path) == b""


@pytest.fixture
def server() -> Iterator[MetricsServer]:
    running = serve_metrics("127.0.0.1", 0, lambda: b"authsvc_x 1\n")
    yield running
    running.close()


def _status(url: str, method: str = "GET") -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_it_answers_a_scrape(server) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics?a=1", timeout=60) as answer:
        assert answer.read() == b"authsvc_x 1\n"
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        assert answer.headers["Server"] == "authsvc"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("GET", "/metrics/", 404), ("GET", "/login", 404), ("POST", "/metrics", 501)],
)
def test_it_answers_nothing_else(server, method, path, status) -> None:
    assert _status(f"http://127.0.0.1:{server.port}{path}", method) == status


def test_it_closes_cleanly_and_frees_its_port_even_beside_a_forked_worker() -> None:
    server = serve_metrics("127.0.0.1", 0, lambda: b"")
    port = server.port
    heard, told = os.pipe()
    if (pid := os.fork()) == 0:
        os.write(told, b"x")  # What it does not need is closed by then.
        signal.pause()
    os.close(told)
    os.read(heard, 1)
    os.close(heard)
    server.close()
    try:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=60)
        serve_metrics("127.0.0.1", port, lambda: b"").close()
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_a_failure_to_render_is_logged_and_ends_that_answer_only(server, caplog) -> None:
    def fail() -> bytes:
        raise ValueError("broken file")

    broken = serve_metrics("127.0.0.1", 0, fail)
    try:
        with pytest.raises((urllib.error.URLError, ConnectionError)):
            urllib.request.urlopen(f"http://127.0.0.1:{broken.port}/metrics", timeout=60)
    finally:
        broken.close()
    assert _status(f"http://127.0.0.1:{server.port}/metrics") == 200


def test_it_listens_on_ipv6_too(tmp_path: Path) -> None:
    server = serve_metrics("::1", 0, lambda: b"x")
    try:
        assert _status(f"http://[::1]:{server.port}/metrics") == 200
    finally:
        server.close()
