"""Longer limits, for tests of what is done in the end; how soon somebody is told to come back is tested elsewhere."""

import pytest

from authsvc.storage.sql import connect

SECONDS = 60
_USUAL = ("statement_timeout=5s", "lock_timeout=800ms", "idle_in_transaction_session_timeout=10s")


def bear_databases(patched: pytest.MonkeyPatch) -> None:
    """Let pools that are opened from now on wait for a connection, a lock and an answer for a minute."""
    options = connect._POSTGRESQL_OPTIONS
    for usual in _USUAL:
        assert usual in options
        options = options.replace(usual, f"{usual.partition('=')[0]}={SECONDS}s")
    patched.setattr(connect, "_POSTGRESQL_OPTIONS", options)
    for name in ("CONNECT_SECONDS", "BUSY_SECONDS", "POOL_TIMEOUT_SECONDS"):
        patched.setattr(connect, name, SECONDS)
