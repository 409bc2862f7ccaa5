"""The application as its callers see it."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from authsvc.storage.cache import Cache
from tests.flows.administrators import Admins
from tests.flows.in_process import AppClient, running_app
from tests.flows.world import World, running_world


@pytest.fixture
def app_client(database_url: str, tmp_path: Path) -> Iterator[AppClient]:
    """The application with default settings, once on each database."""
    with running_app(database_url, tmp_path) as client:
        yield client


def _hasty_cache() -> Cache:
    """A cache whose second is a millisecond: tests need not wait for it to forget."""
    return Cache(monotonic=lambda: time.monotonic() * 1_000)


@pytest.fixture
def world(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A populated installation, once on each database; what is changed behind its back is seen at once."""
    monkeypatch.setattr("authsvc.app.Cache", _hasty_cache)
    with running_world(database_url, tmp_path) as running:
        yield running


@pytest.fixture
def small_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The same on SQLite only, for what no database decides."""
    monkeypatch.setattr("authsvc.app.Cache", _hasty_cache)
    with running_world(f"sqlite:///{tmp_path}/authsvc.db", tmp_path) as running:
        yield running


@pytest.fixture
def admins(world: World) -> Admins:
    """Administrators of that installation."""
    return Admins(world)


@pytest.fixture
def small(small_world: World) -> Admins:
    """The same on SQLite only."""
    return Admins(small_world)


@pytest.fixture(scope="session")
def shared_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppClient]:
    """One application on SQLite for tests that leave nothing behind which another could meet: tables of refusals."""
    directory = tmp_path_factory.mktemp("shared-app")
    with running_app(f"sqlite:///{directory}/authsvc.db", directory) as client:
        yield client
