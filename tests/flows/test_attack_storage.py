"""A disk that is full, in the middle of requests."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.flows.in_process import PASSWORD, AppClient, running_app


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
