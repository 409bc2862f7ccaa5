"""One workplace for all the mutants of a worker."""

from collections.abc import Iterator

import pytest

from tests.mutants.workplace import Workplace, workplace


@pytest.fixture(scope="session")
def place() -> Iterator[Workplace]:
    with workplace() as opened:
        yield opened
