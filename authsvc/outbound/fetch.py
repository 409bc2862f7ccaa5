"""The server's only HTTP client: one request, to an address that was judged where the socket is opened.

httpcore, the engine of httpx: it reads no proxy variables and no .netrc, follows nothing and decodes nothing. Whoever
needs a connection gets it from `_Guard`, and every wait on it ends at one deadline.
"""

import re
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlencode

import httpcore

from authsvc import __version__
from authsvc.domain.documents import FetchFailed
from authsvc.domain.web_address import WebAddress
from authsvc.outbound.addresses import judge
from authsvc.outbound.lookups import Lookups

MAX_BODY_BYTES = 65_536
MAX_ANSWER_BYTES = MAX_BODY_BYTES + 65_536
"""Together with status lines, headers and the framing of chunks."""
FRESH_SECONDS_DEFAULT = 300
FRESH_SECONDS_MIN, FRESH_SECONDS_MAX = 60, 3_600
_OK, _NO_CONTENT = 200, 204
_ADDRESSES_TRIED = 4
_JSON = re.compile(r"application/(?:json|[a-z0-9!#$&^_.+-]+\+json)")

Judged = TypeVar("Judged")
SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]


@dataclass(frozen=True, slots=True)
class Answer:
    """A body, and for how long it calls itself fresh (clamped)."""

    body: bytes = field(repr=False)
    fresh_seconds: float


@dataclass(frozen=True, slots=True)
class Way:
    """How to reach the hosts: names, certificates, whether the operator named this one, and until when."""

    lookups: Lookups
    tls: ssl.SSLContext | None
    is_listed: bool
    deadline: float


def read_document(address: WebAddress, way: Way) -> Answer:
    """Return the JSON document at `address`. Raises: FetchFailed, whatever goes wrong."""
    accepted = (b"Accept", b"application/jwk-set+json, application/json")
    return _exchange(address, way, _Asked("GET", (accepted,)), _judged)


def send_form(address: WebAddress, way: Way, fields: Mapping[str, str]) -> None:
    """POST a form to `address`; 200 and 204 mean that it was taken. Raises: FetchFailed, whatever goes wrong."""
    body = urlencode(fields).encode()
    headers = (
        (b"Content-Type", b"application/x-www-form-urlencoded"), (b"Content-Length", str(len(body)).encode()),
    )  # fmt: skip
    _exchange(address, way, _Asked("POST", headers, body), _require_taken)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a request is, besides where it goes."""

    method: str
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes = field(default=b"", repr=False)


def _exchange(
    address: WebAddress, way: Way, asked: _Asked, judge_answer: Callable[[httpcore.Response], Judged]
) -> Judged:
    guard, is_host = _Guard(address, way), True
    origin = httpcore.Origin(address.scheme.encode(), address.host.encode(), address.port)
    url = httpcore.URL(scheme=origin.scheme, host=origin.host, port=origin.port, target=address.target)
    connection = httpcore.HTTPConnection(origin, way.tls, network_backend=guard)
    try:
        headers = [*_headers(address), *asked.headers]
        with connection, connection.stream(asked.method, url, headers=headers, content=asked.body) as response:
            is_host = False
            return judge_answer(response)
    except FetchFailed:
        raise
    except Exception as error:
        # Whatever a stranger's octets provoke in a library: it is the stranger's failure, never a fault of ours.
        raise FetchFailed(f"{type(error).__name__}: {error!s:.100}", is_host=is_host) from error
    finally:
        guard.close()


class _Guard(httpcore.NetworkBackend):
    """Opens the one connection: resolves, judges every address, and connects to exactly one of those judged."""

    def __init__(self, address: WebAddress, way: Way) -> None:
        self._address = address
        self._way = way
        self._wire: _Wire | None = None

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline counts
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[SocketOption] | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        way = self._way
        texts = [host] if self._address.is_literal else way.lookups.addresses(host, port, way.deadline)
        addresses = judge(texts, is_listed=way.is_listed)[:_ADDRESSES_TRIED]
        self._wire = _Wire(_connected(addresses, port, way.deadline), way.deadline)
        return self._wire

    def close(self) -> None:
        if self._wire is not None:
            self._wire.close()


class _Wire(httpcore.NetworkStream):
    """A connection on which no wait is longer than what is left, however slowly the other side drips."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._socket = sock
        self._deadline = deadline
        self._received = 0

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - the deadline counts
        self._socket.settimeout(_left(self._deadline))
        octets = self._socket.recv(max_bytes)
        self._received += len(octets)
        if self._received > MAX_ANSWER_BYTES:
            raise FetchFailed(f"more than {MAX_ANSWER_BYTES} bytes with headers")
        return octets

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - likewise
        self._socket.settimeout(_left(self._deadline))
        self._socket.sendall(buffer)

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - likewise
    ) -> httpcore.NetworkStream:
        self._socket.settimeout(_left(self._deadline))
        self._socket = ssl_context.wrap_socket(self._socket, server_hostname=server_hostname)
        return self

    def close(self) -> None:
        with suppress(OSError):
            self._socket.close()


def _connected(addresses: Iterable[str], port: int, deadline: float) -> socket.socket:
    waiting = list(addresses)
    while True:
        text = waiting.pop(0)
        sock = socket.socket(socket.AF_INET6 if ":" in text else socket.AF_INET, socket.SOCK_STREAM)
        try:
            # Whoever is tried after leaves some time for the next.
            sock.settimeout(_left(deadline) / (len(waiting) + 1))
            sock.connect((text, port))
        except OSError:
            sock.close()
            if not waiting:
                raise
        else:
            return sock


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("no time left")
    return left


def _headers(address: WebAddress) -> list[tuple[bytes, bytes]]:
    return [
        (b"Host", address.host_header.encode()),
        (b"User-Agent", f"authsvc/{__version__}".encode()),
        # A compressed body could be counted only after it has been blown up.
        (b"Accept-Encoding", b"identity"),
        (b"Connection", b"close"),
    ]


def _require_taken(response: httpcore.Response) -> None:
    """Its body says nothing to us."""
    if response.status not in {_OK, _NO_CONTENT}:
        raise FetchFailed(f"answered {response.status}")


def _judged(response: httpcore.Response) -> Answer:
    if response.status != _OK:
        # A redirect too: where it points was judged by nobody.
        raise FetchFailed(f"answered {response.status}")
    media_type = _only(response, b"content-type").partition(";")[0].strip()
    if not _JSON.fullmatch(media_type):
        raise FetchFailed(f"answered {media_type[:64]!r}, not JSON")
    if _only(response, b"content-encoding") not in {"", "identity"}:
        raise FetchFailed("answered in an encoding that was not asked for")
    body = bytearray()
    for octets in response.iter_stream():
        body += octets
        if len(body) > MAX_BODY_BYTES:
            raise FetchFailed(f"answered more than {MAX_BODY_BYTES} bytes")
    return Answer(bytes(body), _fresh_seconds(_all(response, b"cache-control")))


def _all(response: httpcore.Response, name: bytes) -> list[str]:
    return [value.decode("latin-1").lower() for given, value in response.headers if given.lower() == name]


def _only(response: httpcore.Response, name: bytes) -> str:
    values = _all(response, name)
    if len(values) > 1:
        raise FetchFailed(f"answered several {name.decode()} headers")
    return values[0].strip() if values else ""


def _fresh_seconds(cache_control: Iterable[str]) -> float:
    fresh_seconds = FRESH_SECONDS_DEFAULT
    for directive in ",".join(cache_control).split(","):
        name, _, value = directive.strip().partition("=")
        if name in {"no-store", "no-cache"}:
            return FRESH_SECONDS_MIN
        if name == "max-age" and value.isascii() and value.isdigit():
            # Ten digits are three centuries: enough to be clamped, and never too many for int().
            fresh_seconds = int(value[:10])
    return min(max(fresh_seconds, FRESH_SECONDS_MIN), FRESH_SECONDS_MAX)
