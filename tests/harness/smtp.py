"""A mail server that takes letters and keeps them, or answers as a test tells it."""

import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass(slots=True)
class FakeSmtp:
    """`replies` overrides the reply to a command, such as {"RCPT": "550 no such mailbox"}."""

    port: int = 0
    messages: list[EmailMessage] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    replies: dict[str, str] = field(default_factory=dict)
    context: ssl.SSLContext | None = None

    def wait_for(self, count: int, seconds: float = 60.0) -> list[EmailMessage]:
        """The letters, once there are so many."""
        deadline = time.monotonic() + seconds
        while len(self.messages) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(self.messages) >= count, f"{len(self.messages)} letters came, {count} were awaited"
        return list(self.messages)


@contextmanager
def fake_smtp(context: ssl.SSLContext | None = None) -> Iterator[FakeSmtp]:
    """A server on a free loopback port; with a context it offers STARTTLS."""
    fake = FakeSmtp(context=context)

    class Handler(_Handler):
        server_state = fake

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        fake.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield fake
        finally:
            server.shutdown()
            thread.join()


class _Handler(socketserver.StreamRequestHandler):
    server_state: FakeSmtp

    def handle(self) -> None:
        self._say("220 fake")
        while line := self.rfile.readline():
            command = line.decode("utf-8", "replace").strip()
            self.server_state.commands.append(command)
            verb = command.split(" ")[0].upper()
            if verb == "QUIT":
                self._say(self.server_state.replies.get("QUIT", "221 bye"))
                return
            if verb in self.server_state.replies:
                self._say(self.server_state.replies[verb])
            elif verb == "DATA":
                self._take()
            elif verb == "STARTTLS" and self.server_state.context is not None:
                self._say("220 go on")
                if not self._wrap(self.server_state.context):
                    return
            elif verb == "EHLO":
                offered = ["STARTTLS"] if self.server_state.context else []
                lines = ["fake", *offered, "AUTH PLAIN", "8BITMIME"]
                for name in lines[:-1]:
                    self._say(f"250-{name}")
                self._say(f"250 {lines[-1]}")
            else:
                self._say("235 ok" if verb == "AUTH" else "250 ok")

    def _take(self) -> None:
        self._say("354 go on")
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        if "END" not in self.server_state.replies:
            self.server_state.messages.append(message_from_bytes(b"".join(lines), policy=policy.default))
        self._say(self.server_state.replies.get("END", "250 taken"))

    def _wrap(self, context: ssl.SSLContext) -> bool:
        try:
            self.connection = context.wrap_socket(self.connection, server_side=True)
        except (ssl.SSLError, OSError):
            return False
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)
        return True

    def _say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")
