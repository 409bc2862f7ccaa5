from collections.abc import Callable, Iterator

import pytest

from authsvc.verify import TokenVerifier
from tests.verify.issuer_server import AUDIENCE, Hands, IssuerServer

MakeVerifier = Callable[..., TokenVerifier]


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def server(hands: Hands) -> Iterator[IssuerServer]:
    server = IssuerServer(hands)
    yield server
    server.go_away()


@pytest.fixture
def make_verifier(server: IssuerServer, hands: Hands) -> MakeVerifier:
    """A verifier of the server, by the test's clocks; any argument can be another."""

    def make(issuer: str | None = None, audience: object = AUDIENCE, **options: object) -> TokenVerifier:
        clocks = {"clock": lambda: hands.wall, "monotonic": lambda: hands.monotonic}
        return TokenVerifier(issuer or server.issuer, audience, **{**clocks, **options})  # type: ignore[arg-type]

    return make


@pytest.fixture
def verifier(make_verifier: MakeVerifier) -> TokenVerifier:
    return make_verifier()
