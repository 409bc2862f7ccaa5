"""The way to the issuer's introspection endpoint: connections that are kept, on an event loop of their own."""

import asyncio
import os
import weakref
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock, Thread
from urllib.parse import quote

from authsvc.verify.errors import BadAnswer, KeysUnavailable, Unreachable
from authsvc.verify.fetch import fetch_object, find_in_metadata, new_client
from authsvc.verify.questions import Answer, Land


class IntrospectionEndpoint:
    """Asks one issuer about tokens, as one client; thread-safe. Its address is found in the issuer's metadata.

    The address is remembered until a question fails, so that an issuer may move its endpoint.
    """

    def __init__(self, issuer: str, client_id: str, client_secret: str, timeout_seconds: float) -> None:
        self._issuer = issuer
        self._headers = {"authorization": _basic(client_id, client_secret)}
        self._timeout_seconds = timeout_seconds
        self._lock = Lock()
        self._line: _Line | None = None
        self._end: Callable[[], object] = lambda: None

    def ask(self, token: str, land: Land) -> None:
        """Ask about a token. `land` is called once, from any thread, with the answer or why there is none."""
        try:
            line = self._current_line()
        except OSError as error:
            # No thread, or no certificates, to be had.
            land(KeysUnavailable(f"asking failed: {type(error).__name__}"))
            return
        asyncio.run_coroutine_threadsafe(self._ask(line, token, land), line.loop)

    def close(self) -> None:
        """Break off what is under way and end the thread; a later question starts anew."""
        with self._lock:
            self._line = None
            self._end()

    def _current_line(self) -> "_Line":
        with self._lock:
            # A fork copies neither the thread nor the right to use its connections.
            if self._line is None or self._line.pid != os.getpid():
                self._line = line = _Line(self._timeout_seconds)
                self._end = end = weakref.finalize(self, line.close)
                end.atexit = False
            return self._line

    async def _ask(self, line: "_Line", token: str, land: Land) -> None:
        outcome: Answer | KeysUnavailable
        try:
            async with asyncio.timeout(self._timeout_seconds):
                outcome = await self._answer(line, token)
        except KeysUnavailable as error:
            outcome = error
        except TimeoutError:
            outcome = Unreachable(f"{self._issuer} answers too slowly")
        except asyncio.CancelledError:
            land(KeysUnavailable("the verifier was closed"))
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must learn of it
            outcome = KeysUnavailable(f"asking failed: {type(error).__name__}")
        if isinstance(outcome, KeysUnavailable):
            line.address = None
        land(outcome)

    async def _answer(self, line: "_Line", token: str) -> Answer:
        async with line.finding:
            if line.address is None:
                line.address = await find_in_metadata(line.client, self._issuer, "introspection_endpoint")
            address = line.address
        form = {"token": token, "token_type_hint": "access_token"}
        try:
            answer, _ = await fetch_object(line.client, address, form, self._headers)
        except Unreachable:
            # Perhaps the issuer has just closed a connection that was idle; asking twice changes nothing.
            answer, _ = await fetch_object(line.client, address, form, self._headers)
        if not isinstance(answer.get("active"), bool):
            raise BadAnswer(f"{address} does not say whether the token is active")
        return answer


class _Line:
    """One process's connections, with the thread whose event loop they live on."""

    def __init__(self, timeout_seconds: float) -> None:
        self.pid = os.getpid()
        self.address: str | None = None
        self.client = new_client(timeout_seconds)
        ready: Future[asyncio.AbstractEventLoop] = Future()
        # A daemon: it must not keep a program from ending.
        Thread(target=lambda: asyncio.run(self._serve(ready)), name="authsvc-verify-ask", daemon=True).start()
        self.loop = ready.result()

    def close(self) -> None:
        """End the thread soon; what is under way is cancelled."""
        if self.pid == os.getpid():
            self.loop.call_soon_threadsafe(self._closed.set)

    async def _serve(self, ready: "Future[asyncio.AbstractEventLoop]") -> None:
        self.finding, self._closed = asyncio.Lock(), asyncio.Event()
        ready.set_result(asyncio.get_running_loop())
        async with self.client:
            await self._closed.wait()


def _basic(client_id: str, client_secret: str) -> str:
    """Return the Authorization header of a client. Source: RFC 6749 §2.3.1: both are form-encoded first."""
    pair = f"{quote(client_id, safe='')}:{quote(client_secret, safe='')}"
    return f"Basic {b64encode(pair.encode()).decode()}"
