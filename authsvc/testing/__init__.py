"""A pytest plugin for other people's tests: the fixture `issuer`, a real authsvc over HTTP on a loopback port.

Owns that server and what a test asks of it (`authsvc.testing.issuer`). Every pytest run loads this module, of suites
too that never use it: it may import nothing but pytest.
"""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def issuer() -> Iterator[object]:
    """A running authorization server with a database of its own; see `authsvc.testing.issuer.Issuer`."""
    from authsvc.testing.issuer import running_issuer  # noqa: PLC0415 - it brings the whole server

    with running_issuer() as running:
        yield running
