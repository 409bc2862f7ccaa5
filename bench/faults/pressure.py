"""A cheap generator of load in a process of its own: `python -m bench.faults.pressure` reads a Task as JSON.

In an open loop a request leaves at its moment, whatever has become of the ones before it: on a connection that is free,
or on a new one. It is written for speed, not for all of HTTP: an answer must have a length.
"""

import json
import random
import resource
import select
import socket
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass, field

READ_BYTES = 65_536
STEP_SECONDS = 0.002
LATE_SECONDS = 0.1
"""What could not leave within this time was not offered: the generator itself is at its end, and says so."""
GIVE_UP_SECONDS = 10.0
OPENED_AT_ONCE = 20
OK = 200
_HELD = b'"refresh_token":"'


@dataclass(frozen=True, slots=True)
class Phase:
    """So many seconds at a multiple of the capacity.

    That is what the phase before with the multiple 0 found, a closed loop: the next as soon as one is answered.
    """

    name: str
    multiple: float
    seconds: float
    connections: int


@dataclass(frozen=True, slots=True)
class Task:
    """What to send where. A refresh token in an answer takes the place of the one in its request."""

    port: int
    requests: list[str]
    phases: list[Phase]
    seed: int


@dataclass(slots=True)
class Told:
    """Of one phase: what was due, what left, and each answer as (moment, status, seconds)."""

    name: str
    offered: int = 0
    held_back: int = 0
    began: float = 0.0
    seconds: float = 0.0
    answers: list[tuple[float, int, float]] = field(default_factory=list)


@dataclass(slots=True)
class _Connection:
    socket: socket.socket
    request: int = -1
    sent_at: float = 0.0
    received: bytes = b""
    told: Told | None = None


class Pressure:
    """One thread, one epoll."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._requests = [request.encode() for request in task.requests]
        self._idle = deque(range(len(self._requests)))
        self._free: deque[_Connection] = deque()
        self._open: dict[int, _Connection] = {}
        self._epoll = select.epoll()
        self._capacity = 0.0
        self._chance = random.Random(task.seed)  # noqa: S311 - no secret

    def run(self) -> list[Told]:
        """Every phase in turn, without a pause; then wait for the last answers."""
        told = [self._phase(phase) for phase in self._task.phases]
        until = time.perf_counter() + GIVE_UP_SECONDS
        while len(self._free) < len(self._open) and time.perf_counter() < until:
            self._poll(STEP_SECONDS)
        return told

    def _phase(self, phase: Phase) -> Told:
        told = Told(phase.name)
        per_second = phase.multiple * self._capacity
        if per_second and phase.multiple < 1:
            # Many connections at once are another trouble than many requests.
            self._open_all(phase.connections)
        began = due = time.perf_counter()
        until = began + phase.seconds
        while (now := time.perf_counter()) < until:
            if not per_second:
                self._fill(phase, told)
            while per_second and due <= now:
                self._offer(phase, told, now - due)
                due += self._chance.expovariate(per_second)
            self._poll(min(STEP_SECONDS, max(0.0, due - now)) if per_second else STEP_SECONDS)
        told.began, told.seconds = began, time.perf_counter() - began
        if not per_second:
            self._capacity = sum(status == OK for _, status, _ in told.answers) / told.seconds
        return told

    def _open_all(self, connections: int) -> None:
        while len(self._open) < connections:
            self._free.append(self._connect())
            if len(self._open) % OPENED_AT_ONCE == 0:
                self._poll(STEP_SECONDS)
                time.sleep(STEP_SECONDS)

    def _fill(self, phase: Phase, told: Told) -> None:
        while self._idle and (self._free or len(self._open) < phase.connections):
            self._send(told)

    def _offer(self, phase: Phase, told: Told, late: float) -> None:
        if late > LATE_SECONDS or not self._idle or not (self._free or len(self._open) < phase.connections):
            told.held_back += 1
        else:
            self._send(told)

    def _send(self, told: Told) -> None:
        # The one that was idle for longest: the server closes what is idle for ten seconds.
        connection = self._free.popleft() if self._free else self._connect()
        connection.request, connection.told, connection.sent_at = self._idle.popleft(), told, time.perf_counter()
        told.offered += 1
        try:
            connection.socket.sendall(self._requests[connection.request])
        except OSError:
            self._end(connection, 0)

    def _connect(self) -> _Connection:
        connection = _Connection(socket.create_connection(("127.0.0.1", self._task.port)))
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number = connection.socket.fileno()
        self._open[number] = connection
        self._epoll.register(number, select.EPOLLIN)
        return connection

    def _poll(self, seconds: float) -> None:
        for number, _ in self._epoll.poll(seconds):
            connection = self._open[number]
            try:
                piece = connection.socket.recv(READ_BYTES)
            except OSError:
                piece = b""
            if not piece:
                self._end(connection, 0)
                continue
            data = connection.received = connection.received + piece
            head = data.find(b"\r\n\r\n")
            if head < 0:
                continue
            length = data.find(b"content-length: ", 0, head)
            if length > 0 and len(data) < head + 4 + int(data[length + 16 : data.find(b"\r", length)]):
                continue
            self._end(connection, int(data[9:12]))

    def _end(self, connection: _Connection, status: int) -> None:
        """Note the answer (0: none); the connection is free again unless it was closed."""
        now, told = time.perf_counter(), connection.told
        if told is not None:
            told.answers.append((now, status, now - connection.sent_at))
            if status == OK and _HELD in connection.received:
                self._succeed(connection.request, connection.received)
            self._idle.append(connection.request)
        is_over = not status or b"connection: close" in connection.received
        connection.received, connection.told = b"", None
        if is_over:
            del self._open[connection.socket.fileno()]
            if connection in self._free:
                self._free.remove(connection)
            connection.socket.close()
        else:
            self._free.append(connection)

    def _succeed(self, number: int, answer: bytes) -> None:
        begin = answer.index(_HELD) + len(_HELD)
        token = answer[begin : answer.index(b'"', begin)]
        request = self._requests[number]
        head, _, body = request.partition(b"\r\n\r\n")
        field_at = body.find(b"&refresh_token=")
        if field_at > 0:
            body = body[:field_at] + b"&refresh_token=" + token
            head = head[: head.rindex(b" ") + 1] + str(len(body)).encode()  # The length is the last header.
            self._requests[number] = head + b"\r\n\r\n" + body


def main() -> None:
    """Read the task, do it, print what came of it."""
    given = json.load(sys.stdin)
    task = Task(given["port"], given["requests"], [Phase(**each) for each in given["phases"]], given["seed"])
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(json.dumps([asdict(told) for told in Pressure(task).run()]))


if __name__ == "__main__":
    main()
