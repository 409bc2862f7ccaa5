"""Connecting: a database that refuses is left in peace, and found again once it is back."""

import socket
import threading
from contextlib import suppress

import pytest

from authsvc.errors import StorageUnavailable
from authsvc.storage.sql import connect
from authsvc.storage.sql.engine import open_storage
from authsvc.storage.sql.migrate import migrate
from tests.harness import postgres


def test_a_database_that_refused_is_not_knocked_at_by_everybody(monkeypatch: pytest.MonkeyPatch):
    knocks = 0
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def refuse() -> None:
            nonlocal knocks
            with suppress(OSError):
                while True:
                    refused, _ = listening.accept()
                    knocks += 1  # before the caller can learn of it
                    refused.close()

        threading.Thread(target=refuse, daemon=True).start()
        storage = open_storage(f"postgresql://x:y@127.0.0.1:{listening.getsockname()[1]}/z", pool_size=1, cache=None)
        monkeypatch.setattr(connect, "REFUSED_SECONDS", 3600.0)
        for _ in range(5):
            with pytest.raises(StorageUnavailable):
                storage.ping()
        assert knocks == 1
        storage.close()


def test_a_database_that_refused_is_connected_with_once_it_is_back(
    own_postgres: postgres.Cluster, monkeypatch: pytest.MonkeyPatch
):
    migrate(own_postgres.url())
    monkeypatch.setattr(connect, "REFUSED_SECONDS", 0.0)
    storage = open_storage(own_postgres.url(), pool_size=1, cache=None)
    own_postgres.stop(immediate=True)
    for _ in range(2):
        with pytest.raises(StorageUnavailable):
            storage.ping()
    own_postgres.start()
    storage.ping()
    storage.close()
