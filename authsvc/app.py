"""The composition root: the only file that sees every room. Builds the process's state and hands it down."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from authsvc import __version__
from authsvc.clock import Clock, utc_now
from authsvc.crypto.envelope import MasterKeys, parse_master_keys
from authsvc.domain.keyring import KeyPolicy, Keyring
from authsvc.domain.lockout import LockoutPolicy, Schedule
from authsvc.observe import logging as observe
from authsvc.observe.metrics import Metrics, create_metrics
from authsvc.protocol.grant import Issuing, Lifetimes
from authsvc.settings import Settings, Throttle, read_settings
from authsvc.storage.cache import Cache
from authsvc.storage.sql.engine import open_storage
from authsvc.web.address import parse_networks
from authsvc.web.edge import Edge, Limits
from authsvc.web.lanes import Lane, Permits
from authsvc.web.routes import ENDPOINT_NAMES, endpoints

PERMIT_WAIT_SECONDS = 5.0


def create_app(settings: Settings, clock: Clock = utc_now) -> FastAPI:
    """Return the ASGI application of one process. Raises: OSError, CryptoError for a master key that cannot be read."""
    http, cache = settings.http, Cache()
    metrics = create_metrics(__version__, ENDPOINT_NAMES)
    lanes = {
        "machine": _lane("machine", settings, http.machine_threads, cache, metrics),
        "people": _lane("people", settings, http.people_threads, cache, metrics),
    }
    issuing = Issuing(
        keyring=Keyring(read_master_keys(settings), key_policy(settings)),
        lifetimes=_lifetimes(settings),
        lockout=LockoutPolicy(_schedule(settings.passwords.per_address), _schedule(settings.passwords.per_account)),
        metrics=metrics,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        for lane in lanes.values():
            lane.close()
        metrics.close()

    app = FastAPI(title="authsvc", version=__version__, lifespan=lifespan, openapi_url=None)
    app.add_middleware(
        Edge,
        endpoints=endpoints(issuing, settings.lifetimes.jwks_max_age, lanes["machine"].storage.ping),
        lanes=lanes,
        permits=Permits(_hash_permits(settings.workers), http.queue_length, PERMIT_WAIT_SECONDS),
        limits=Limits(
            max_body_bytes=http.max_body_bytes,
            body_deadline_seconds=http.body_deadline_seconds,
            failure_seconds=settings.passwords.failure_seconds,
            trusted_proxies=parse_networks(http.trusted_proxies),
        ),
        metrics=metrics,
        clock=clock,
    )
    return app


def create_worker() -> FastAPI:
    """Return the application of a worker process, from the environment that its supervisor set."""
    settings = read_settings()
    observe.configure(settings.observe.log_level, log_file=settings.observe.log_file)
    return create_app(settings)


def read_master_keys(settings: Settings) -> MasterKeys:
    """Return the keys under which secrets lie encrypted. Raises: OSError, CryptoError."""
    return parse_master_keys(settings.master_key_file.read_text())


def key_policy(settings: Settings) -> KeyPolicy:
    """Return how signing keys follow one another."""
    return KeyPolicy(settings.lifetimes.jwks_max_age, settings.lifetimes.skew)


def _lane(name: str, settings: Settings, threads: int, cache: Cache, metrics: Metrics) -> Lane:
    storage = open_storage(settings.database_url, pool_size=threads, cache=cache)
    return Lane(name, storage, metrics, threads=threads, queue_length=settings.http.queue_length)


def _hash_permits(workers: int) -> int:
    return max(1, len(os.sched_getaffinity(0)) // workers)


def _schedule(throttle: Throttle) -> Schedule:
    return Schedule(**throttle.model_dump())


def _lifetimes(settings: Settings) -> Lifetimes:
    lifetimes = settings.lifetimes
    return Lifetimes(
        access_token=lifetimes.access_token,
        machine_access_token=lifetimes.machine_access_token,
        id_token=lifetimes.id_token,
        refresh_idle=lifetimes.refresh_idle,
        refresh=lifetimes.refresh,
        refresh_retry=lifetimes.refresh_retry,
        session=lifetimes.session,
    )
