"""When an issuer's keys are fetched, who waits for that, and how long old ones are good."""

import logging
from collections.abc import Callable, Collection
from concurrent.futures import Future
from dataclasses import dataclass, replace
from threading import Lock, Thread

from authsvc.verify.access_token import AccessToken
from authsvc.verify.errors import KeysUnavailable
from authsvc.verify.key_set import FetchedKeys, KeySet, read_keys
from authsvc.verify.memory import Instant, Memory

REFETCH_SECONDS = 10.0
"""An unknown `kid` is free to make up: a flood of them must not become a flood of fetches."""
_FIRST_RETRY_SECONDS = 1.0
_REFRESH_EARLY = 0.75

_logger = logging.getLogger("authsvc.verify")


@dataclass(frozen=True, slots=True)
class _Flight:
    """The one fetch under way. `done` never fails: it only says that `KeySource` knows more than before."""

    started_at: Instant
    done: Future[None]


class KeySource:
    """The current keys of one issuer; thread-safe. Fetches run one at a time in a thread of their own.

    Keys past three quarters of their freshness are fetched again behind the requests. Keys no longer fresh
    are waited for, unless the last fetch failed: then the last good ones go on, and a fetch is tried every
    10 s.
    """

    def __init__(
        self,
        load: Callable[[], FetchedKeys],
        algorithms: Collection[str],
        now: Callable[[], Instant],
        *,
        flight_seconds: float,
        seen_size: int,
    ) -> None:
        self._load = load
        self._algorithms = algorithms
        self._now = now
        self._flight_seconds = flight_seconds
        self._seen_size = seen_size
        self._lock = Lock()
        self._flight: _Flight | None = None
        self._failure: KeysUnavailable | None = None
        self._failed_at: Instant | None = None
        self._asked_at: Instant | None = None
        self.current: KeySet | None = None

    def due(self, now: Instant) -> Future[None] | None:
        """Start a fetch if one is due. Returns what must be waited for before `usable`, if anything."""
        keys = self.current
        if keys is not None and now.since(keys.fetched_at) < _REFRESH_EARLY * keys.fresh_seconds:
            return None
        with self._lock:
            keys = self.current
            usable = keys is not None and not keys.is_too_old(now)
            if self._failed_at is not None and now.since(self._failed_at) < _pause_seconds(usable=usable):
                return None
            failing = self._failure is not None
            done = self._join_or_start(now)
            fresh = keys is not None and now.since(keys.fetched_at) < keys.fresh_seconds
            return None if fresh or (usable and failing) else done

    def ask_again(self, keys: KeySet, *, waited: bool) -> Future[None] | None:
        """Fetch because `keys` lack a `kid`, at most every 10 s. Returns what to wait for, if anything.

        `waited` says that these keys were fetched while the same request waited: that was its question.
        """
        with self._lock:
            if self.current is not keys:
                return None
            now = self._now()
            if waited:
                self._asked_at = now
                return None
            if self._asked_at is not None and now.since(self._asked_at) < REFETCH_SECONDS:
                return None if self._flight is None else self._flight.done
            self._asked_at = now
            return self._join_or_start(now)

    def usable(self, now: Instant) -> KeySet:
        """Return the current keys.

        Raises:
            KeysUnavailable: there are none, or they were fetched more than 24 h ago.
        """
        keys = self.current
        if keys is None or keys.is_too_old(now):
            raise self.failure(usable=False) or KeysUnavailable("the issuer has not answered in time")
        return keys

    def failure(self, *, usable: bool = True) -> KeysUnavailable | None:
        """Return why the last fetch failed; None when it did not."""
        failure = self._failure
        if failure is None:
            return None
        # A new one for each caller: a shared exception would gather the tracebacks of all of them.
        return type(failure)(failure.detail, retry_after_seconds=_pause_seconds(usable=usable))

    def _join_or_start(self, now: Instant) -> Future[None]:
        flight = self._flight
        # A flight that is overdue (its thread starved, or lost in a fork) is given up.
        if flight is not None and now.since(flight.started_at) < self._flight_seconds:
            return flight.done
        done: Future[None] = Future()
        # A running future cannot be cancelled: one waiter that gives up must not take the others with it.
        done.set_running_or_notify_cancel()
        flight = _Flight(now, done)
        Thread(target=self._run, args=(flight,), name="authsvc-verify-keys", daemon=True).start()
        self._flight = flight
        return done

    def _run(self, flight: _Flight) -> None:
        try:
            fetched = self._load()
            by_kid = read_keys(fetched.members, self._algorithms)
        except KeysUnavailable as error:
            self._land(flight, error)
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must learn of it
            self._land(flight, KeysUnavailable(f"fetching failed: {type(error).__name__}"))
        else:
            seen: Memory[AccessToken] = Memory(self._seen_size)
            keys = KeySet(by_kid, fetched.members, seen, flight.started_at, fetched.fresh_seconds)
            self._land(flight, keys)

    def _land(self, flight: _Flight, outcome: KeySet | KeysUnavailable) -> None:
        with self._lock:
            if self._flight is flight:
                self._flight = None
                self._settle(outcome)
        flight.done.set_result(None)

    def _settle(self, outcome: KeySet | KeysUnavailable) -> None:
        if isinstance(outcome, KeysUnavailable):
            self._failure, self._failed_at = outcome, self._now()
            _logger.warning("keys not fetched: %s", outcome.detail)
            return
        self._failure = self._failed_at = None
        known = self.current
        # New keys bring an empty memory: a token of a withdrawn key is judged again, and refused.
        if known is not None and known.members == outcome.members:
            outcome = replace(outcome, by_kid=known.by_kid, seen=known.seen)
        self.current = outcome


def _pause_seconds(*, usable: bool) -> float:
    return REFETCH_SECONDS if usable else _FIRST_RETRY_SECONDS
