"""A client's own server, as far as it is told of logouts: it keeps what is posted, and answers as it is told to."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from tests.outbound.strangers import eventually


@dataclass(slots=True)
class Receiver:
    """`statuses` are answered in turn, the last one for ever; `posts` are (path, content type, fields)."""

    statuses: list[int] = field(default_factory=lambda: [200])
    posts: list[tuple[str, str, dict[str, list[str]]]] = field(default_factory=list)
    port: int = 0

    def url(self, path: str = "/back") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def tokens(self, count: int) -> list[str]:
        """The logout tokens, once so many have come."""
        eventually(lambda: len(self.posts) >= count)
        return [fields["logout_token"][0] for _, _, fields in self.posts]


@contextmanager
def receiving(*statuses: int) -> Iterator[Receiver]:
    receiver = Receiver(list(statuses) or [200])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            content_type = self.headers["Content-Type"]
            receiver.posts.append((self.path, content_type, parse_qs(body, strict_parsing=True)))
            waiting = receiver.statuses
            self.send_response(waiting.pop(0) if len(waiting) > 1 else waiting[0])
            self.send_header("Location", receiver.url("/elsewhere"))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join(20)
