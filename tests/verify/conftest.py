from collections.abc import Callable, Iterator

import pytest

from authsvc.verify import IntrospectionVerifier, TokenVerifier
from tests.verify.issuer_server import AUDIENCE, SECRET, Hands, IssuerServer

PATIENT_SECONDS = 60.0
"""For a fetch: its clock is the real one, however busy the machine is."""
MakeVerifier = Callable[..., TokenVerifier]
MakeAsking = Callable[..., IntrospectionVerifier]


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
        given: dict[str, object] = {"clock": lambda: hands.wall, "monotonic": lambda: hands.monotonic}
        given |= {"timeout_seconds": PATIENT_SECONDS}
        return TokenVerifier(issuer or server.issuer, audience, **{**given, **options})  # type: ignore[arg-type]

    return make


@pytest.fixture
def verifier(make_verifier: MakeVerifier) -> TokenVerifier:
    return make_verifier()


@pytest.fixture
def make_asking(server: IssuerServer, hands: Hands) -> Iterator[MakeAsking]:
    """A verifier that asks the server, by the test's clocks; any argument can be another."""
    made = []

    def make(issuer: str | None = None, audience: object = AUDIENCE, **options: object) -> IntrospectionVerifier:
        given = {"clock": lambda: hands.wall, "monotonic": lambda: hands.monotonic, "client_id": "orders"}
        given |= {"client_secret": SECRET, "timeout_seconds": PATIENT_SECONDS, **options}
        made.append(IntrospectionVerifier(issuer or server.issuer, audience, **given))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for verifier in made:
        verifier.close()


@pytest.fixture
def asking(make_asking: MakeAsking) -> IntrospectionVerifier:
    return make_asking()
