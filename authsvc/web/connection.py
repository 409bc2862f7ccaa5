"""One HTTP/1.1 connection: uvicorn's, with bounds on what may be sent before and around a request's body.

The body itself is bounded by the edge (`web/body.py`). Whoever is slow with a head, or sends more framing than any
client needs (headers, trailers, chunk extensions, chunks of one byte), is cut off.
"""

import asyncio
from typing import Any, cast

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from authsvc.web.gate import Gate, Scope, turned_away

HEAD_SECONDS = 10
"""How long a client may take to send a head, and to begin with one: on a new connection, and after each answer."""
MAX_FRAMING_BYTES = 65_536
"""Of one request, all that is no body."""
_TOO_LARGE = 431
_CLOSING = b"content-length: 0\r\nconnection: close\r\n\r\n"


class Connection(HttpToolsProtocol):
    """Made by uvicorn, one for each connection."""

    _is_between = True
    """Whether the last request has arrived whole, and nothing of the next."""
    _is_head_whole = False
    """Whether the head of the present request has arrived."""
    _framing_bytes = 0
    _answering: RequestResponseCycle | None = None
    """The request that is with the application: not always the last that has come."""
    _waiting_since = 0.0
    """From when on the client is waited for, unless a request is with the application."""
    _look: asyncio.TimerHandle | None = None
    _is_turned_away = False
    """Whether the present request is not for the application: it is read to its end, and answered 503."""

    def __init__(self, *args: Any, gate: Gate | None = None, **others: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(*args, **others)
        self._gate = gate

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin; a client that says nothing is not waited for."""
        super().connection_made(transport)
        self._waiting_since = self.loop.time()
        self._look = self.loop.call_later(HEAD_SECONDS, self._look_at_the_time)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        if self._look is not None:
            self._look.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what has come, and see that it is not too much; or turn it away at a glance."""
        if self._is_between and self._is_idle and self._gate is not None and self._gate.refuses(data):
            self._waiting_since = self.loop.time()
            self.transport.write(turned_away(is_kept=True))
            return
        self._parse(data)
        if self.transport.is_closing():
            return
        self._framing_bytes += len(data)
        if self._framing_bytes > MAX_FRAMING_BYTES:
            self._refuse()

    def on_message_begin(self) -> None:
        """Begin a request; what trickles in after that puts nothing off."""
        super().on_message_begin()
        self._waiting_since = self.loop.time()
        self._is_between = self._is_head_whole = self._is_turned_away = False
        self._framing_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; trailers come after the head and are dropped (RFC 9110 §6.5.1)."""
        if not self._is_head_whole:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Hand the request on, if it is let in; one behind another always is, for answers keep their order.

        One that offers another protocol is judged when its head is read again.
        """
        self._is_head_whole = True
        if (
            self._gate is None
            or not self._is_idle
            or self.parser.should_upgrade()
            or self._gate.lets_in(self.parser.get_method(), self.url)
        ):
            super().on_headers_complete()
            return
        self._is_turned_away = True
        if self.expect_100_continue:
            # It would wait with its body for a word of the application.
            self._turn_away(is_kept=False)

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._framing_bytes -= len(body)
        if not self._is_turned_away:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        self._is_between = True
        if not self._is_turned_away:
            super().on_message_complete()
        elif not self.transport.is_closing():
            is_kept = self.parser.get_http_version() == "1.1" and self.parser.should_keep_alive()
            self._turn_away(is_kept=is_kept)

    def on_response_complete(self) -> None:
        """Go on with the next request, if it has come already. One timer watches over the whole connection."""
        self.server_state.total_requests += 1
        self._waiting_since = self.loop.time()
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, and end the connection."""
        super().send_400_response(msg)
        self._abandon()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answering = cycle
        if self._gate is not None:
            scope = cast("Scope", cycle.scope)
            self._gate.enter(scope)
            if app is not self.app:
                # Too many connections: uvicorn answers in place of the application.
                self._gate.begin(scope)
        super()._start_asgi_task(cycle, app)

    def _parse(self, data: bytes) -> None:
        rest = memoryview(data)
        # A loop over what is left, uncopied: a client may send thousands of offers ahead.
        try:
            while rest and not self.transport.is_closing():
                try:
                    self.parser.feed_data(rest)
                except httptools.HttpParserUpgrade as offer:
                    rest = rest[offer.args[0] :]
                    self._decline()
                else:
                    return
        except httptools.HttpParserError:
            self.send_400_response("This is no HTTP/1.1 that can be read in one way only.")

    def _should_upgrade(self) -> bool:
        """Whether uvicorn is to leave the request to who has made the offer: always, to decline it."""
        return True

    def _decline(self) -> None:
        """Read the head of a request that offers another protocol again, as if it did not (RFC 9110 §7.8).

        The parser has stopped after it, for what follows might be the other protocol: here it is the body. Raises:
        HttpParserError where the head means something else without the offer.
        """
        method = self.parser.get_method()
        if method == b"CONNECT":
            self.send_400_response("CONNECT is for proxies.")
            return
        lines = [b"%s %s HTTP/%s" % (method, self.url, self.parser.get_http_version().encode())]
        lines += [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.feed_data(b"\r\n".join([*lines, b"", b""]))

    @property
    def _is_idle(self) -> bool:
        """Whether the application has nothing to do for this connection."""
        return self.cycle is None or self.cycle.response_complete

    def _look_at_the_time(self) -> None:
        """Give a client up that has said nothing for too long, or is too slow with a head."""
        if self.transport.is_closing():
            return
        is_answering = self._is_head_whole and not self._is_turned_away and not self._is_idle
        left = HEAD_SECONDS - (0.0 if is_answering else self.loop.time() - self._waiting_since)
        if left > 0:
            self._look = self.loop.call_later(left, self._look_at_the_time)
        else:
            self.transport.close()
            self._abandon()

    def _turn_away(self, *, is_kept: bool) -> None:
        """Answer without the application. Whoever goes on sending has as long as for any head."""
        self.transport.write(turned_away(is_kept=is_kept))
        self._waiting_since = self.loop.time()
        if not is_kept:
            self.transport.close()

    def _refuse(self) -> None:
        if self._is_idle:
            self.transport.write(STATUS_LINE[_TOO_LARGE] + _CLOSING)
        self.transport.close()
        self._abandon()

    def _abandon(self) -> None:
        """Let the application's answer go nowhere: to write it to what is closed would be logged as a fault of ours."""
        if self._answering is not None:
            self._answering.disconnected = True
