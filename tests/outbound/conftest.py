"""Fetchers with names, certificates and a clock of the test."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from authsvc.outbound.fetcher import FetchLimits, GuardedFetcher
from tests.outbound.strangers import Authority

HOST = "stranger.example"


class Hand:
    """A monotonic clock that only the test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += seconds


def resolving(names: Mapping[str, Sequence[str]]) -> Callable[[str, int], Sequence[str]]:
    def resolve(host: str, port: int) -> Sequence[str]:
        if host not in names:
            raise OSError("no such name")
        return names[host]

    return resolve


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


NewFetcher = Callable[..., GuardedFetcher]


@pytest.fixture
def new_fetcher(hand: Hand) -> Iterator[NewFetcher]:
    """A fetcher that may go to `stranger.example` and localhost; closed at the end."""
    made: list[GuardedFetcher] = []

    def new(
        allowed: Sequence[str] = (HOST, "a.example", "b.example", "127.0.0.1"),
        ca_file: Path | None = None,
        waiting: int = 4,
        deadline_seconds: float = 20.0,
        **options: Any,
    ) -> GuardedFetcher:
        limits = FetchLimits(frozenset(allowed), ca_file, waiting, deadline_seconds)
        known = resolving({name: ["127.0.0.1"] for name in (HOST, "a.example", "b.example")})
        made.append(GuardedFetcher(limits, **{"resolve": known, "monotonic": hand, **options}))
        return made[-1]

    yield new
    for fetcher in made:
        fetcher.close()
