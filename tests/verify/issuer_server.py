"""A tiny issuer on loopback that counts what is fetched and can misbehave on demand."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

Answer = tuple[int, dict[str, str], bytes]
AUDIENCE = "https://orders.example"
CLIENT_ID = "app-1"


@dataclass
class Hands:
    """The two clocks of a verifier, moved by the test."""

    wall: float = field(default_factory=time.time)
    monotonic: float = 1000.0

    def move(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds


def new_private_key(algorithm: str) -> Any:
    if algorithm == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, 2048)


def public_jwk(private_key: Any, kid: str, algorithm: str) -> dict[str, Any]:
    named = jwt.get_algorithm_by_name(algorithm)
    members: dict[str, Any] = named.to_jwk(private_key.public_key(), as_dict=True)
    return {**members, "kid": kid, "alg": algorithm, "use": "sig"}


def json_answer(document: object, **headers: str) -> Answer:
    return 200, {"Content-Type": "application/json", **headers}, json.dumps(document).encode()


class IssuerServer:
    """Tokens are signed by PyJWT, a library that this project does not use to verify."""

    def __init__(self, hands: Hands, path: str = "") -> None:
        self.hands = hands
        self.path = path
        self.fetches: Counter[str] = Counter()
        self.answers: dict[str, Answer | Callable[[], Answer]] = {}
        self.private_keys: dict[str, tuple[Any, str]] = {}
        self.max_age = "max-age=300"
        self._httpd: ThreadingHTTPServer | None = None
        self.port = 0
        self.start()
        self.issuer = f"http://127.0.0.1:{self.port}{path}"
        self.metadata_path = f"/.well-known/oauth-authorization-server{path.rstrip('/')}"
        self.answers[self.metadata_path] = lambda: json_answer(self.metadata())
        self.answers["/jwks"] = lambda: json_answer(
            {"keys": self.jwks()}, **({"Cache-Control": self.max_age} if self.max_age else {})
        )
        self.rotate("key-1")

    def metadata(self) -> dict[str, Any]:
        return {"issuer": self.issuer, "jwks_uri": f"http://127.0.0.1:{self.port}/jwks"}

    def jwks(self) -> list[dict[str, Any]]:
        return [public_jwk(key, kid, algorithm) for kid, (key, algorithm) in self.private_keys.items()]

    def rotate(self, kid: str, algorithm: str = "ES256") -> None:
        """Replace all keys by one new one."""
        self.private_keys = {kid: (new_private_key(algorithm), algorithm)}

    def claims(self, **changes: object) -> dict[str, object]:
        """Return the claims of a good token; a change to None leaves the claim out."""
        claims = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": "user-1",
            "client_id": CLIENT_ID,
            "scope": "orders:read orders:write",
            "iat": int(self.hands.wall),
            "exp": int(self.hands.wall) + 300,
            "jti": "token-1",
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, *, typ: str = "at+jwt", kid: str | None = None, private_key: Any = None, **changes: object) -> str:
        known, (key, algorithm) = next(iter(self.private_keys.items()))
        headers = {"typ": typ, "kid": kid or known}
        return jwt.encode(self.claims(**changes), private_key or key, algorithm, headers)

    def start(self) -> None:
        """Answer (again), on the same port."""
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 5

            def do_GET(self) -> None:
                server.fetches[self.path] += 1
                answer = server.answers.get(self.path, (404, {}, b""))
                status, headers, body = answer() if callable(answer) else answer
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
                pass

        self._httpd = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._httpd.daemon_threads = True
        self.port = self._httpd.server_port
        threading.Thread(target=self._httpd.serve_forever, args=(0.01,), daemon=True).start()

    def go_away(self) -> None:
        """Refuse connections until `start`."""
        if self._httpd is not None:
            self._httpd.shutdown()
            self._httpd.server_close()
            self._httpd = None
