"""A disk that is full, a database that stands still, in the middle of requests."""

import resource
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from authsvc.settings import Http
from tests.flows.in_process import PASSWORD, AppClient, running_app
from tests.flows.world import running_world


def test_a_full_disk_is_answered_503_and_forgotten_once_there_is_room(tmp_path: Path) -> None:
    with running_app(f"sqlite:///{tmp_path}/authsvc.db", tmp_path) as client:
        username = client.register()
        client.login(username)
        with _full(tmp_path / "authsvc.db-wal"):
            statuses = [_register(client, number) for number in range(20)]
        assert 503 in statuses
        assert set(statuses) <= {201, 503}
        assert _register(client, 1_000) == 201
        client.login(username)


def test_while_every_thread_waits_for_the_database_caches_answer_and_the_queue_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("authsvc.storage.sql.connect.BUSY_SECONDS", 60.0)
    database = tmp_path / "authsvc.db"
    http = Http(machine_threads=1)
    with running_world(f"sqlite:///{database}", tmp_path, http=http) as world, ThreadPoolExecutor(1) as pool:
        at_work, behind = world.refresh_token(), world.refresh_token()
        keys = world.get("/jwks").json()
        assert world.token(scope="es256:read").status_code == 200
        holder = sqlite3.connect(database, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        waiting = pool.submit(world.refresh, at_work)
        time.sleep(1.1)  # Now the caches want to read the change feed.
        assert world.get("/jwks").json() == keys
        assert world.token(scope="es256:read").status_code == 200
        refused = world.refresh(behind)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        holder.execute("ROLLBACK")
        holder.close()
        assert waiting.result(60).status_code == 200
        assert world.refresh(behind).status_code == 200


def test_a_running_server_needs_the_file_of_the_master_keys_no_more(tmp_path: Path) -> None:
    with running_world(f"sqlite:///{tmp_path}/authsvc.db", tmp_path) as world:
        world.settings.master_key_file.unlink()
        assert world.token(scope="es256:read").status_code == 200, "with a signing key that was not there before"
        assert world.refresh(world.refresh_token()).status_code == 200
        assert world.get("/health/ready").status_code == 200


@contextmanager
def _full(log: Path) -> Iterator[None]:
    """No file of this process grows beyond the write-ahead log's present size: its next COMMITs fail."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _register(client: AppClient, number: int) -> int:
    posted = {"username": f"late{number}", "password": PASSWORD, "name": "n" * 200}
    return int(client.http.post("/register", json=posted).status_code)
