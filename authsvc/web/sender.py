"""The way out of an answer, and the way back of a body that was read before somebody else asks for it."""

from starlette.types import Message, Receive, Send

from authsvc.web.responses import Headers, Response
from authsvc.web.security_headers import SECURITY_HEADERS

_WITHOUT_LENGTH = frozenset({204, 304})


class Sender:
    """ASGI send that adds the headers of every answer and remembers its status, and that it has begun."""

    def __init__(self, send: Send, request_id: str, *, without_body: bool) -> None:
        self._send = send
        self._without_body = without_body
        self.request_id = request_id
        self.status = 500
        self.has_begun = False
        self.headers: Headers = (*SECURITY_HEADERS, (b"x-request-id", request_id.encode()))

    async def __call__(self, message: Message) -> None:
        """Pass on a message of the FastAPI application."""
        if message["type"] == "http.response.start":
            self.has_begun = True
            self.status = message["status"]
            kept = [header for header in message["headers"] if not self._is_idle_length(header)]
            own = {name for name, _ in kept}
            added = [header for header in self.headers if header[0] not in own]
            message = {**message, "headers": [*kept, *added]}
        elif self._without_body:
            message = {**message, "body": b""}
        await self._send(message)

    def _is_idle_length(self, header: tuple[bytes, bytes]) -> bool:
        return header[0] == b"content-length" and self.status in _WITHOUT_LENGTH

    async def respond(self, response: Response) -> None:
        """Send a whole answer; its own headers displace the common ones. 204 and 304 have no length (RFC 9110 §8.6)."""
        self.status, self.has_begun = response.status, True
        own = {name for name, _ in response.headers}
        headers = [*response.headers, *(header for header in self.headers if header[0] not in own)]
        if response.status not in _WITHOUT_LENGTH:
            headers.append((b"content-length", str(len(response.body)).encode()))
        await self._send({"type": "http.response.start", "status": response.status, "headers": headers})
        body = b"" if self._without_body else response.body
        await self._send({"type": "http.response.body", "body": body})


def replay(body: bytes) -> Receive:
    """Return what gives the body again, once, as ASGI asks for it."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive
