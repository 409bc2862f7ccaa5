"""Strangers that documents are fetched from: scripted servers on loopback that count who comes."""

import datetime as dt
import ipaddress
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

Serve = Callable[[socket.socket], None]
"""What a stranger does with one connection, after the request's headers have come (if it reads them)."""

JSON = "application/json"
KEY_SET = b'{"keys":[]}'


def eventually(true: Callable[[], object]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.005)


def an_answer(
    body: bytes = KEY_SET,
    content_type: str | None = JSON,
    status: str = "200 OK",
    headers: Mapping[str, str] | None = None,
) -> bytes:
    named = {"Content-Length": str(len(body)), **(headers or {})}
    if content_type is not None:
        named["Content-Type"] = content_type
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode("latin-1") + body


def answering(*answers: bytes) -> Serve:
    """Give each connection the next answer, the last one for ever."""
    waiting = list(answers)

    def serve(connection: socket.socket) -> None:
        connection.sendall(waiting.pop(0) if len(waiting) > 1 else waiting[0])

    return serve


@dataclass(slots=True)
class Dripping:
    """Sends octet by octet, for as long as anybody listens: 20 seconds in all."""

    start: bytes
    drip: bytes
    drips: int = 0
    most: int = 400

    def __call__(self, connection: socket.socket) -> None:
        with suppress(OSError):
            connection.sendall(self.start)
            while self.drips < self.most:
                time.sleep(0.05)
                connection.sendall(self.drip)
                self.drips += 1


@dataclass(slots=True)
class Held:
    """Answers once the test lets it; says how many wait, and how many ever waited at once."""

    answer: bytes = field(default_factory=an_answer)
    free: threading.Event = field(default_factory=threading.Event)
    waiting: int = 0
    most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, connection: socket.socket) -> None:
        with self.lock:
            self.waiting += 1
            self.most = max(self.most, self.waiting)
        self.free.wait(60)
        with self.lock:
            self.waiting -= 1
        connection.sendall(self.answer)


class Stranger:
    """A server on loopback. `connections` counts all that came, `requests` holds what was read of each."""

    def __init__(
        self,
        serve: Serve,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        reads: bool = True,
    ) -> None:
        self._serve = serve
        self._reads = reads
        self._tls = tls
        self.connections = 0
        self.requests: list[bytes] = []
        self.names: list[str | None] = []
        self._socket = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.port: int = self._socket.getsockname()[1]
        self._threads = [threading.Thread(target=self._listen, daemon=True)]
        self._threads[0].start()
        if tls is not None:
            tls.sni_callback = lambda _socket, name, _context: self.names.append(name)

    def close(self) -> None:
        # Wakes the thread that waits in accept().
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(20)

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.connections += 1
                thread = threading.Thread(target=self._speak, args=(connection,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _speak(self, connection: socket.socket) -> None:
        # What the other side does not wait for is nobody's fault here.
        with suppress(OSError):
            connection.settimeout(20)
            try:
                if self._tls is not None:
                    connection = self._tls.wrap_socket(connection, server_side=True)
                head = b""
                while self._reads and b"\r\n\r\n" not in head and (octets := connection.recv(65_536)):
                    head += octets
                while len(head.partition(b"\r\n\r\n")[2]) < _body_length(head) and (octets := connection.recv(65_536)):
                    head += octets
                self.requests.append(head)
                self._serve(connection)
            finally:
                connection.close()


def _body_length(request: bytes) -> int:
    found = re.search(rb"\r\nContent-Length: (\d+)\r\n", request)
    return int(found[1]) if found else 0


@contextmanager
def stranger(serve: Serve | bytes, **options: Any) -> Iterator[Stranger]:
    with closing(Stranger(answering(serve) if isinstance(serve, bytes) else serve, **options)) as running:
        yield running


class Authority:
    """A certificate authority of one test."""

    def __init__(self, directory: Path, name: str = "test authority") -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        certificate = self._builder(self._name, self._key, 1).add_extension(constraints, critical=True)
        self.ca_file = directory / f"{name}.pem"
        self.ca_file.write_bytes(certificate.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))

    def server_context(self, *names: str, days: int = 1) -> ssl.SSLContext:
        """TLS as a server of these names or addresses has it; `days` below zero: expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        alternatives = x509.SubjectAlternativeName(list(map(_general_name, names)))
        certificate = self._builder(subject, key, days).add_extension(alternatives, critical=False)
        file = self._directory / f"server-{x509.random_serial_number()}.pem"
        file.write_bytes(
            certificate.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)
            + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, days: int) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=9))
            .not_valid_after(now + dt.timedelta(days=days))
        )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
