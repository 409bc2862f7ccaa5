"""`authsvc.verify.TokenVerifier` against raw verification, in this process on one core.

Once with tokens never seen before, once with tokens seen a moment ago.
"""

import base64
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jose import jwk, jws
from jose.backends.base import Key

from bench import rounds
from bench.processes import SERVER_CORES, BenchError, confined_to
from tests.harness.postgres import free_port

NAME = "verifier"
AUDIENCE = "https://orders.example"
SEEN_REPEATS = 200


def segment_bytes(text: str) -> bytes:
    """Base64url without padding, decoded."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass(frozen=True, slots=True)
class Issuer:
    """An issuer with one key; its documents are served, its tokens are made here."""

    url: str
    private_key: Key
    public_jwk: Mapping[str, Any]

    def token(self) -> str:
        """A valid access token unlike any other."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "sub": "bench",
            "client_id": "bench",
            "aud": AUDIENCE,
            "scope": "orders:read",
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "exp": now + 900,
        }
        return jws.sign(claims, self.private_key, headers={"typ": "at+jwt", "kid": "bench"}, algorithm="ES256")


def raw_verification(key: Key, token: str) -> Mapping[str, Any]:
    """The least that a verification can be: the signature and the JSON."""
    signed, _, signature = token.rpartition(".")
    if not key.verify(signed.encode(), segment_bytes(signature)):
        message = "the raw verification refuses its own token"
        raise BenchError(message)
    header, _, payload = signed.partition(".")
    json.loads(segment_bytes(header))
    claims: Mapping[str, Any] = json.loads(segment_bytes(payload))
    return claims


def rate(tokens: list[str], verify: Callable[[str], object], repeats: int = 1) -> rounds.Sample:
    """Verifications per second over the tokens, each `repeats` times in succession."""
    began = time.perf_counter()
    for token in tokens:
        for _ in range(repeats):
            verify(token)
    return rounds.Sample(len(tokens) * repeats / (time.perf_counter() - began))


@contextmanager
def issuer() -> Iterator[Issuer]:
    """An issuer whose metadata and keys a thread serves on loopback."""
    url = f"http://127.0.0.1:{free_port()}"
    private_key = ec.generate_private_key(ec.SECP256R1())
    pem = private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = {**jwk.construct(pem, "ES256").public_key().to_dict(), "kid": "bench", "use": "sig"}
    metadata = {
        "issuer": url,
        "jwks_uri": f"{url}/jwks",
        "token_endpoint": f"{url}/token",
        "response_types_supported": [],
    }

    class Documents(BaseHTTPRequestHandler):
        served: ClassVar[dict[str, bytes]] = {
            "/jwks": json.dumps({"keys": [public]}).encode(),
            "/.well-known/openid-configuration": json.dumps(metadata).encode(),
            "/.well-known/oauth-authorization-server": json.dumps(metadata).encode(),
        }

        def do_GET(self) -> None:
            body = self.served.get(self.path, b"")
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server calls
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", int(url.rpartition(":")[2])), Documents)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Issuer(url, jwk.construct(pem, "ES256"), public)
    finally:
        server.shutdown()
        server.server_close()


def compare(plan: rounds.Plan, _directory: Path) -> list[rounds.Figure]:
    """Rates of unseen and of seen tokens over the rate of raw verification of as many tokens."""
    from authsvc.verify import TokenVerifier  # noqa: PLC0415 - the other comparisons run without it

    with issuer() as source, confined_to(SERVER_CORES):
        verifier = TokenVerifier(source.url, AUDIENCE)
        raw_key = jwk.construct(dict(source.public_jwk), "ES256")
        count = max(200, round(plan.seconds * 1000))

        def raw() -> rounds.Sample:
            return rate([source.token() for _ in range(count)], lambda token: raw_verification(raw_key, token))

        def unseen() -> rounds.Sample:
            return rate([source.token() for _ in range(count)], verifier.verify)

        def seen() -> rounds.Sample:
            tokens = [source.token() for _ in range(count // 50)]
            rate(tokens, verifier.verify)
            return rate(tokens, verifier.verify, SEEN_REPEATS)

        raw(), unseen(), seen()
        figures = []
        for what, side, aim in (("an unseen token", unseen, 0.75), ("a token seen before", seen, 40.0)):
            mine, peers = rounds.alternate(plan, side, raw)
            judged = rounds.Judged(
                f"TokenVerifier.verify of {what} against raw verification (python-jose key and JSON)",
                "tokens/s",
                aim=aim,
            )
            figures.append(rounds.ratio(judged, mine, peers))
    return figures
