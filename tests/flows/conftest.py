"""The application as its callers see it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.administrators import Admins
from tests.flows.exchanges import Shop, open_shop
from tests.flows.hasty_cache import hasty_cache
from tests.flows.in_process import AppClient, running_app
from tests.flows.world import World, running_world
from tests.harness.patience import SECONDS, bear_databases


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a server refuses because its machine is busy is no part of what these tests say."""
    bear_databases(monkeypatch)
    for limit in (
        "web.lanes.STALL_SECONDS", "web.edge.STALL_SECONDS", "app.PERMIT_WAIT_SECONDS",
        "storage.sql.pulse.DOUBT_SECONDS",
    ):  # fmt: skip
        monkeypatch.setattr(f"authsvc.{limit}", SECONDS)


@pytest.fixture
def app_client(unhurried: None, migrated_url: str, tmp_path: Path) -> Iterator[AppClient]:
    """The application with default settings, once on each database."""
    with running_app(migrated_url, tmp_path) as client:
        yield client


@pytest.fixture
def world(unhurried: None, migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A populated installation, once on each database; what is changed behind its back is seen at once."""
    monkeypatch.setattr("authsvc.app.Cache", hasty_cache)
    with running_world(migrated_url, tmp_path) as running:
        yield running


@pytest.fixture
def small_world(unhurried: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The same on SQLite only, for what no database decides."""
    monkeypatch.setattr("authsvc.app.Cache", hasty_cache)
    with running_world(f"sqlite:///{tmp_path}/authsvc.db", tmp_path) as running:
        yield running


@pytest.fixture
def shop(small_world: World) -> Shop:
    """The parties of a token exchange in it."""
    return open_shop(small_world)


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
