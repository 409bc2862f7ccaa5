"""One client's connection, which is opened anew when it breaks; every answer is counted in a tally that all share."""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
TIMEOUT_SECONDS = 20.0
PATIENCE_SECONDS, PAUSE_SECONDS = 60.0, 0.05
HASHING = frozenset({"POST /login", "POST /register"})
"""They wait for their turn and for a permit to hash, too: at most five seconds each."""
LOST = 0
"""The status of what was sent and never answered: whether it was done is not known."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and how long it took."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def json(self) -> dict[str, Any]:
        """Its members; none of what is no JSON object."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def is_unsure(self) -> bool:
        """Whether the request must be made again to know what became of it."""
        return self.status in {LOST, 503}


class Tally:
    """How often each status came, and what no client should see."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.unexpected: list[str] = []
        self.slowest_503, self.slowest_hashing_503 = 0.0, 0.0
        self.bare_503 = 0
        self.kept: list[bytes] | None = None
        """Every body and redirect that came back, for whoever wants to know the secrets in them."""
        self._lock = threading.Lock()

    def note(self, asked: str, answer: Answer) -> None:
        """Count one answer."""
        with self._lock:
            self.statuses[answer.status] += 1
            if self.kept is not None:
                self.kept += [answer.body, answer.headers.get("location", "").encode()]
            if answer.status == 503:  # noqa: PLR2004
                if asked in HASHING:
                    self.slowest_hashing_503 = max(self.slowest_hashing_503, answer.seconds)
                else:
                    self.slowest_503 = max(self.slowest_503, answer.seconds)
                self.bare_503 += "retry-after" not in answer.headers
            elif answer.status >= 500:  # noqa: PLR2004
                self.unexpected.append(f"{asked}: {answer.status} {answer.body[:200]!r}")

    def wrong(self, sentence: str) -> None:
        """Count an answer that breaks a promise."""
        with self._lock:
            self.unexpected.append(sentence)

    @property
    def told(self) -> str:
        """All statuses in one line."""
        named = {LOST: "lost"}
        return ", ".join(f"{named.get(status, status)}: {count:,}" for status, count in sorted(self.statuses.items()))


class Caller:
    """For one thread."""

    def __init__(self, port: int, tally: Tally) -> None:
        self.port = port
        self._tally = tally
        self._connection: http.client.HTTPConnection | None = None

    def form(self, path: str, cookies: str = "", **fields: str) -> Answer:
        """POST a form."""
        headers = {"Content-Type": FORM} | ({"Cookie": cookies} if cookies else {})
        return self._ask("POST", path, urlencode(fields), headers)

    def json(self, path: str, **fields: str) -> Answer:
        """POST JSON."""
        return self._ask("POST", path, json.dumps(fields), {"Content-Type": JSON})

    def get(self, path: str, **headers: str) -> Answer:
        """GET."""
        return self._ask("GET", path, None, headers)

    def send(self, path: str, body: str, content_type: str, **headers: str) -> Answer:
        """POST anything."""
        return self._ask("POST", path, body, {"Content-Type": content_type, **headers})

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self, method: str, path: str, body: str | None, headers: Mapping[str, str]) -> Answer:
        began = time.monotonic()
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)
            self._connection.request(method, path, body, dict(headers))
            response = self._connection.getresponse()
            told = {name.lower(): value for name, value in response.getheaders()}
            answer = Answer(response.status, response.read(), told, time.monotonic() - began)
        except (OSError, http.client.HTTPException):
            self.close()
            answer = Answer(LOST, seconds=time.monotonic() - began)
        self._tally.note(f"{method} {path.partition('?')[0]}", answer)
        return answer


def sure(ask: Callable[[], Answer]) -> Answer:
    """The first answer that is one, within a minute: a server that is well may be busy all the same."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (answer := ask()).is_unsure and time.monotonic() < deadline:
        time.sleep(PAUSE_SECONDS)
    return answer
