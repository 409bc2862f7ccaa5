"""Every metric of authsvc: its name, its labels, and the one place that counts it.

Label values are bounded: endpoints are those that the caller names, everything else comes from constants in
our code and is limited all the same, so that no input can grow the number of series.
"""

import platform
import re
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from authsvc.observe.scrape import multiprocess_directory, render_directory
from authsvc.observe.tally import Sum, Tally

OTHER = "other"
REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds; from a token out of the caches to a login behind a full lane."""
HASH_BUCKETS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Seconds; an Argon2id hash takes about 0.02."""
Cell = TypeVar("Cell", Counter, Gauge)
LiveMode = Literal["livesum", "livemax"]

_MOST_NAMES = 64
_NAME = re.compile(r"[A-Za-z0-9:/._-]{1,80}")


@dataclass(frozen=True, slots=True)
class _Names:
    """The values that one label may take: those named at first, and new ones up to `most`."""

    known: set[str] = field(default_factory=set)
    most: int = _MOST_NAMES

    def admit(self, value: str) -> str:
        if value in self.known:
            return value
        if len(self.known) < self.most and _NAME.fullmatch(value):
            self.known.add(value)
            return value
        return OTHER


@dataclass(frozen=True, slots=True)
class _Cells(Generic[Cell]):
    """The cells of one metric, one per admitted set of label values, found by one dict lookup."""

    family: Cell
    labels: tuple[_Names, ...]
    bound: dict[tuple[str, ...], Cell] = field(default_factory=dict)

    def of(self, *values: str) -> Cell:
        found = self.bound.get(values)
        if found is None:
            admitted = tuple(names.admit(value) for names, value in zip(self.labels, values, strict=True))
            # Only under the admitted values: junk must not grow the dict either.
            found = self.bound.setdefault(admitted, self.family.labels(*admitted) if admitted else self.family)
        return found


@dataclass(frozen=True, slots=True)
class _Buckets:
    """One histogram's sums, to be added to from a Tally."""

    bounds: tuple[float, ...]
    total: Sum
    cells: tuple[Sum, ...]

    @classmethod
    def of(cls, histogram: Histogram, bounds: tuple[float, ...]) -> "_Buckets":
        # The public observe() adds one at a time; sums of a second need the cells (pinned by a test).
        return cls(bounds, histogram._sum, tuple(histogram._buckets))  # noqa: SLF001

    def cell(self, amount: float) -> Sum:
        return self.cells[bisect_left(self.bounds, amount)]


@dataclass(frozen=True, slots=True)
class Metrics:
    """What a process counts. Made by `create_metrics`; every method is cheap and safe from any thread."""

    registry: CollectorRegistry
    tally: Tally
    endpoints: _Names
    request_seconds: Histogram
    requests: dict[tuple[str, int], tuple[Counter, _Buckets]]
    hashes: _Buckets
    counters: dict[str, _Cells[Counter]]
    queue_depth: _Cells[Gauge]

    def request(self, endpoint: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        count, buckets = self.requests.get((endpoint, status)) or self._bind(endpoint, status)
        self.tally.observe(buckets.total, buckets.cell(seconds), seconds, count)

    def token_issued(self, grant: str) -> None:
        """Count one token answer of a grant type."""
        self.tally.add(self.counters["tokens_issued"].of(grant))

    def refusal(self, endpoint: str, error: str) -> None:
        """Count one refusal by its public error code."""
        self.tally.add(self.counters["refusals"].of(endpoint, error))

    def login(self, outcome: str) -> None:
        """Count one attempt to log in."""
        self.tally.add(self.counters["logins"].of(outcome))

    def lane_queue_depth(self, lane: str, depth: int) -> None:
        """Say how many requests wait in a lane now."""
        self.tally.put(self.queue_depth.of(lane), depth)

    def lane_rejected(self, lane: str) -> None:
        """Count one request that found its lane full."""
        self.tally.add(self.counters["lane_rejected"].of(lane))

    def hashed(self, seconds: float) -> None:
        """Observe one password hash."""
        self.tally.observe(self.hashes.total, self.hashes.cell(seconds), seconds)

    def storage_error(self) -> None:
        """Count one request that found the database unavailable."""
        self.tally.add(self.counters["storage_errors"].of())

    def cache_hit(self, store: str) -> None:
        """Count one answer out of a store's cache."""
        self.tally.add(self.counters["cache_hits"].of(store))

    def cache_miss(self, store: str) -> None:
        """Count one answer that had to be read."""
        self.tally.add(self.counters["cache_misses"].of(store))

    def rate_limit_failure(self) -> None:
        """Count one request let through because its rate limit could not be counted."""
        self.tally.add(self.counters["rate_limit_failures"].of())

    def redis_failure(self) -> None:
        """Count one exchange of counters that Redis did not answer in time."""
        self.tally.add(self.counters["redis_failures"].of())

    def mail_sent(self, outcome: str) -> None:
        """Count one letter handed over, or not."""
        self.tally.add(self.counters["mail_sent"].of(outcome))

    def logout_told(self, outcome: str) -> None:
        """Count one attempt to tell a client that a session has ended."""
        self.tally.add(self.counters["logouts_told"].of(outcome))

    def render(self) -> bytes:
        """The text that Prometheus scrapes: of this process, or of all workers in multi-process mode.

        There the numbers of other workers are at most a second old.
        """
        self.tally.flush()
        directory = multiprocess_directory()
        return generate_latest(self.registry) if directory is None else render_directory(directory)

    def close(self) -> None:
        """Hand over the last second's numbers: at the end of a worker, else they are lost."""
        self.tally.close()

    def _bind(self, endpoint: str, status: int) -> tuple[Counter, _Buckets]:
        name = self.endpoints.admit(endpoint)
        known = 100 <= status <= 599  # noqa: PLR2004 - what HTTP knows
        cells = (
            self.counters["requests"].of(name, str(status) if known else OTHER),
            _Buckets.of(self.request_seconds.labels(name), REQUEST_BUCKETS),
        )
        if name == endpoint and known:
            self.requests[endpoint, status] = cells
        return cells


def create_metrics(version: str, endpoints: Iterable[str]) -> Metrics:
    """Make this process's metrics: once, in the worker. Requests to an endpoint not named here count as `other`.

    Raises: RuntimeError if PROMETHEUS_MULTIPROC_DIR is set but prometheus_client was told so too late.
    """
    multiprocess_directory()
    # Else twice the series, for nothing that a query here needs.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    known = {*endpoints, OTHER}
    names = _Names(known, most=len(known))
    build = _gauge(registry, "build_info", "The version that runs.", ("version", "python"), "livemax")
    build.labels(version, platform.python_version()).set(1)
    seconds = Histogram(
        "authsvc_request_seconds",
        "Time from the request to its answer.",
        ("endpoint",),
        registry=registry,
        buckets=REQUEST_BUCKETS,
    )
    hashes = Histogram("authsvc_hash_seconds", "Password hashes.", registry=registry, buckets=HASH_BUCKETS)
    depth = _gauge(registry, "lane_queue_depth", "Requests that wait in a lane.", ("lane",), "livesum")
    return Metrics(
        registry=registry,
        tally=Tally(),
        endpoints=names,
        request_seconds=seconds,
        requests={},
        hashes=_Buckets.of(hashes, HASH_BUCKETS),
        counters=_counters(registry, names),
        queue_depth=_Cells(depth, (_Names(),)),
    )


def _counters(registry: CollectorRegistry, endpoints: _Names) -> dict[str, _Cells[Counter]]:
    def cells(name: str, text: str, **labels: _Names) -> _Cells[Counter]:
        family = Counter(f"authsvc_{name}_total", text, tuple(labels), registry=registry)
        return _Cells(family, tuple(labels.values()))

    return {
        "requests": cells("requests", "Requests answered.", endpoint=endpoints, status=_Names(most=501)),
        "tokens_issued": cells("tokens_issued", "Token answers.", grant=_Names()),
        "refusals": cells("refusals", "Refusals.", endpoint=endpoints, error=_Names()),
        "logins": cells("logins", "Attempts to log in.", outcome=_Names()),
        "lane_rejected": cells("lane_rejected", "Requests that found a lane full.", lane=_Names()),
        "storage_errors": cells("storage_errors", "Requests that found no database."),
        "cache_hits": cells("cache_hits", "Answers out of a cache.", store=_Names()),
        "cache_misses": cells("cache_misses", "Answers that had to be read.", store=_Names()),
        "rate_limit_failures": cells(
            "rate_limit_failures", "Requests let through because their rate limit could not be counted."
        ),
        "redis_failures": cells("redis_failures", "Exchanges of counters that Redis did not answer in time."),
        "logouts_told": cells("logouts_told", "Clients told of the end of a session, or not.", outcome=_Names()),
        "mail_sent": cells("mail_sent", "Letters handed over, or not.", outcome=_Names()),
    }


def _gauge(registry: CollectorRegistry, name: str, text: str, labels: tuple[str, ...], mode: LiveMode) -> Gauge:
    return Gauge(f"authsvc_{name}", text, labels, registry=registry, multiprocess_mode=mode)
