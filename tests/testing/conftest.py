from collections.abc import Iterator

import pytest

from authsvc.testing.issuer import Issuer, running_issuer


@pytest.fixture(scope="session")
def issuer() -> Iterator[Issuer]:
    """The plugin's own fixture, also where the package is not installed with its entry points."""
    with running_issuer() as running:
        yield running
