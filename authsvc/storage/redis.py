"""Counters that all processes share by way of a Redis, which nobody waits for.

Each process counts for itself. A thread of its own tells Redis a few times a second what came, and hears of the
others; a Redis that is slow, away or full costs no request anything, and leaves each process with its own counts.
What is told is the process's whole count of the window, so telling it twice changes nothing, and what a Redis has
lost it is told again. The only importer of `redis`, which is an extra (docs/decisions/0009).
"""

import hashlib
import logging
import secrets
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from threading import Event, Thread
from typing import Any, Protocol

from authsvc.observe import logging as observe
from authsvc.storage.counters import MOST_KEYS, Counters

EXCHANGE_SECONDS = 0.25
"""How much later a process may hear what another one has counted."""
PAUSE_SECONDS = 2.0
"""After a failure Redis is left alone for so long."""
TIMEOUT_SECONDS = 0.5
_KEEP_SECONDS = 180
_MOST = 256
"""Keys of one exchange, for it takes processor time from requests; the busiest go first."""


class _Redis(Protocol):
    """What is used of redis.Redis."""

    def pipeline(self, transaction: bool) -> Any: ...  # noqa: ANN401, FBT001 - as it is declared there

    def close(self) -> None: ...


def connect(url: str) -> _Redis:
    """Return a client that has not connected yet. Raises: RuntimeError in a sentence that says what to do."""
    if find_spec("redis") is None:
        message = "AUTHSVC_REDIS_URL is set, but the package redis is not installed: pip install 'authsvc[redis]'"
        raise RuntimeError(message)
    import redis  # noqa: PLC0415 - an extra
    from redis.backoff import NoBackoff  # noqa: PLC0415
    from redis.retry import Retry  # noqa: PLC0415

    try:
        client: _Redis = redis.Redis.from_url(
            url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS, retry=Retry(NoBackoff(), 0),
            max_connections=1, protocol=2, driver_info=None,
        )  # fmt: skip
    except ValueError:
        # Its words may hold a part of the password.
        message = "AUTHSVC_REDIS_URL: redis://USER:PASSWORD@HOST:PORT/NUMBER, rediss:// with TLS, or unix://PATH"
        raise RuntimeError(message) from None
    return client


def answers(url: str) -> bool:
    """Whether it does, now. Raises: RuntimeError as `connect`."""
    client = connect(url)
    from redis import RedisError  # noqa: PLC0415

    try:
        client.pipeline(transaction=False).ping().execute()
    except (RedisError, OSError):
        return False
    finally:
        client.close()
    return True


class SharedCounters(Counters):
    """Counters of all processes that have the same Redis and `name` the same installation.

    `failed` is called for each exchange that failed.
    """

    def __init__(self, url: str, name: str, failed: Callable[[], None], most_keys: int = MOST_KEYS) -> None:
        super().__init__(most_keys)
        self._redis = connect(url)
        self._name = name
        self._failed = failed
        self._process = secrets.token_hex(8)
        self._ended = Event()
        self._is_away = False
        self._thread = Thread(target=self._serve, name="counters", daemon=True)

    def start(self) -> None:
        """From now on exchange what is counted."""
        self._thread.start()

    def close(self) -> None:
        """End that; an exchange that is under way may go on for a moment."""
        self._ended.set()
        self.came.set()
        if self._thread.is_alive():
            self._thread.join(TIMEOUT_SECONDS)

    def exchange(self) -> bool:
        """Tell Redis what has come, and hear what came elsewhere; False if it did not answer in time."""
        from redis import RedisError  # noqa: PLC0415 - it is here, or there were no client

        window, counts = self.take_changed(_MOST)
        try:
            for (key, _), elsewhere in zip(counts, self._exchanged(window, counts), strict=True):
                self.hear(key, window, elsewhere)
        except (RedisError, OSError, ValueError) as error:
            self._failed()
            self._tell(is_away=True, error=error)
            return False
        self._tell(is_away=False)
        return True

    def _exchanged(self, window: int, counts: Sequence[tuple[str, int]]) -> list[int]:
        """Return what the others counted. Raises: RedisError, OSError; ValueError for what is no number."""
        pipeline = self._redis.pipeline(transaction=False)
        for key, own in counts:
            name = self._key(key, window)
            pipeline.hset(name, self._process, own)
            pipeline.expire(name, _KEEP_SECONDS)
            pipeline.hgetall(name)
        own_field = self._process.encode()
        return [
            sum(int(value) for field, value in fields.items() if field != own_field)
            for fields in pipeline.execute()[2::3]
        ]

    def _key(self, key: str, window: int) -> str:
        # Addresses are not stored in clear.
        digest = hashlib.sha256(f"{self._name}\x1f{key}".encode()).hexdigest()
        return f"authsvc:count:{digest[:32]}:{window}"

    def _serve(self) -> None:
        pause = EXCHANGE_SECONDS
        while True:
            # When nothing comes, nothing is asked.
            self.came.wait()
            if self._ended.wait(pause):
                break
            self.came.clear()
            pause = EXCHANGE_SECONDS if self.exchange() else PAUSE_SECONDS
        self._redis.close()

    def _tell(self, *, is_away: bool, error: Exception | None = None) -> None:
        if is_away != self._is_away:
            self._is_away = is_away
            kind = type(error).__name__ if error is not None else None
            if is_away:
                message = "Redis does not answer: each process counts for itself"
                observe.log(logging.WARNING, "redis_away", message, error=kind)
            else:
                observe.log(logging.INFO, "redis_back", "Redis answers again")
