"""A tiny issuer on loopback that counts what is fetched and can misbehave on demand."""

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

Answer = tuple[int, dict[str, str], bytes]
AUDIENCE = "https://orders.example"
CLIENT_ID = "app-1"
SECRET = "s3cret: with+all %of it"


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
        self.known: dict[str, dict[str, object]] = {}
        self.heads: list[dict[str, str]] = []
        self.asked: list[tuple[dict[str, str], dict[str, str]]] = []
        self.keeps_connections = False
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
        self.answers["/introspect"] = self.introspect
        self.rotate("key-1")

    def metadata(self) -> dict[str, Any]:
        origin = f"http://127.0.0.1:{self.port}"
        return {
            "issuer": self.issuer,
            "jwks_uri": f"{origin}/jwks",
            "introspection_endpoint": f"{origin}/introspect",
        }

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

    def introspect(self) -> Answer:
        """Say what is known of the token that the last question was about."""
        known = self.known.get(self.asked[-1][1].get("token", ""))
        return json_answer({"active": False} if known is None else {"active": True, **known})

    def opaque(self, token: str = "opaque-1", **changes: object) -> str:
        """A token that only this issuer understands."""
        self.known[token] = self.claims(**changes)
        return token

    def start(self) -> None:
        """Answer (again), on the same port."""
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 60

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                server.asked.append((dict(self.headers), dict(parse_qsl(body))))
                self.do_GET()

            def do_GET(self) -> None:
                server.fetches[self.path] += 1
                server.heads.append({name.lower(): value for name, value in self.headers.items()})
                answer = server.answers.get(self.path, (404, {}, b""))
                status, headers, body = answer() if callable(answer) else answer
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                if not server.keeps_connections:
                    self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
                pass

        class Crowd(ThreadingHTTPServer):
            daemon_threads = True
            # The base's 5 lets the system drop what a crowd of callers opens at once.
            request_queue_size = 512

        self._httpd = Crowd(("127.0.0.1", self.port), Handler)
        self.port = self._httpd.server_port
        threading.Thread(target=self._httpd.serve_forever, args=(0.01,), daemon=True).start()

    def go_away(self) -> None:
        """Refuse connections until `start`."""
        if self._httpd is not None:
            self._httpd.shutdown()
            self._httpd.server_close()
            self._httpd = None


@contextmanager
def dripping_server(drip: bytes) -> Iterator[tuple[str, threading.Event]]:
    """Its address, and an event for when somebody who had connected has gone; it says `drip` for ever."""
    gone, over = threading.Event(), threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            connection, _ = listening.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                while not over.wait(0.01):
                    try:
                        connection.sendall(drip)
                    except OSError:
                        gone.set()
                        return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", gone
    finally:
        over.set()
        listening.close()
        thread.join(5)
