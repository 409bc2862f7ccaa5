"""The composition root: the only file that sees every room. Builds the process's state and hands it down."""

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette

from authsvc import __version__
from authsvc.clock import Clock, utc_now
from authsvc.crypto.envelope import MasterKeys, parse_master_keys
from authsvc.domain.keyring import KeyPolicy, Keyring
from authsvc.domain.mail.ports import Mailer
from authsvc.domain.mail.postbox import Postbox
from authsvc.domain.parties.registration_quota import RegistrationQuota
from authsvc.domain.people.accounts import Accounts
from authsvc.domain.people.common_passwords import common_passwords
from authsvc.domain.people.lockout import LockoutPolicy, Schedule
from authsvc.domain.people.passwords import PasswordPolicy
from authsvc.domain.tenants import LOOPBACK_HOSTS, check_issuer, issuer_parts
from authsvc.jobs import import_users, notify_logout, purge, rotate_keys, send_mail
from authsvc.jobs.runner import Job, Runner
from authsvc.jobs.send_mail import MailRoom
from authsvc.observe import logging as observe
from authsvc.observe.metrics import Metrics, create_metrics
from authsvc.outbound.fetcher import FetchLimits, GuardedFetcher
from authsvc.outbound.kept_mail import KeptMail
from authsvc.outbound.mail import SmtpMailer, SmtpServer
from authsvc.protocol.grant import Issuing, Lifetimes
from authsvc.protocol.register import Registering
from authsvc.settings import Http, Settings, Throttle, read_settings
from authsvc.storage.cache import Cache
from authsvc.storage.counters import Counters
from authsvc.storage.redis import SharedCounters
from authsvc.storage.sql.engine import Storage, open_storage, open_storages
from authsvc.storage.sql.migrate import pending
from authsvc.web.address import parse_networks
from authsvc.web.api.account import AccountApi
from authsvc.web.api.admin.clients import clients_router
from authsvc.web.api.admin.resources import resources_router
from authsvc.web.api.admin.tenants import tenants_router
from authsvc.web.api.admin.user_imports import user_imports_router
from authsvc.web.api.admin.user_upload import PATH as USER_IMPORT
from authsvc.web.api.admin.user_upload import ImportLimits, user_import_endpoint
from authsvc.web.api.admin.users import users_router
from authsvc.web.api.api_keys import ApiKeysApi, api_keys_router
from authsvc.web.api.declared import declare, endpoint_names
from authsvc.web.api.me import me_router
from authsvc.web.api.password import password_router
from authsvc.web.api.recovery import recovery_router
from authsvc.web.api.register import register_router
from authsvc.web.edge import Edge, Limits
from authsvc.web.endpoint import Endpoint
from authsvc.web.idempotency import Idempotency
from authsvc.web.lanes import Lane, MemoryLane
from authsvc.web.languages import wording
from authsvc.web.mounted import Mounted
from authsvc.web.page_routes import outbox_endpoints, page_endpoints
from authsvc.web.permits import Permits, Turns
from authsvc.web.rate_limit import RateLimit
from authsvc.web.routes import ENDPOINT_NAMES, Process, endpoints

PERMIT_WAIT_SECONDS = 5.0


def create_app(settings: Settings, clock: Clock = utc_now) -> Edge:
    """Return the ASGI application of one process. Raises: OSError, CryptoError for a master key that cannot be read."""
    return build(settings, clock).edge


def mount(app: Starlette, path: str, settings: Settings | None = None) -> None:
    """Serve authsvc inside another application, below `path`, from that application's startup to its shutdown.

    The issuer is the public URL of that path, such as https://example.com/auth; its database was migrated and its
    master key made before. Without `settings` they are read from the environment. Startup raises RuntimeError if the
    database is not ready, OSError or CryptoError for a master key that cannot be read.
    Raises: ValueError if requests for the issuer could not arrive there, IssuerInvalid.
    """
    own = settings if settings is not None else read_settings()
    _, issuer_path = issuer_parts(check_issuer(own.issuer))
    mounted, outer_lifespan = Mounted(path, issuer_path), app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(outer: Starlette) -> AsyncIterator[Any]:
        # Made anew at each startup: what was closed at a shutdown stays closed.
        _require_ready(own)
        service = build(own)
        mounted.service = service.edge
        try:
            async with service.running(), outer_lifespan(outer) as state:
                yield state
        finally:
            mounted.service = None

    # Before the routes that are there: one of them may take every path.
    app.router.routes[:0] = mounted.routes()
    app.router.lifespan_context = lifespan


class _Closable(Protocol):
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Service:
    """One process's application, and what others in the same process may share with it."""

    edge: Edge
    running: Callable[[], AbstractAsyncContextManager[None]]
    """Starts its jobs; at the end everything is stopped and closed. Its lifespan, for who runs that by hand."""
    cache: Cache
    issuing: Issuing


def build(settings: Settings, clock: Clock = utc_now, kept: KeptMail | None = None) -> Service:
    """Return what one process serves; `kept` takes the letters of `authsvc dev`, and of nothing else.

    Raises: as `create_app`; ValueError for `kept` where the issuer is not on loopback; RuntimeError for a Redis that
    cannot be used.
    """
    _refuse_kept_mail_beyond_loopback(settings, kept)
    http, cache, master_keys = settings.http, Cache(), read_master_keys(settings)
    keyring = Keyring(master_keys, key_policy(settings))
    pool_sizes = (1, http.people_threads, http.machine_threads)
    jobs, people, machine = open_storages(settings.database_url, pool_sizes, cache)
    runner = Runner(jobs, clock)
    wake = _waking(runner)
    api = _account_api(settings, master_keys, kept, keyring, wake)
    # Later, for it needs the metrics, and those the names of the routes.
    routers = (*_routers(settings, api, lambda: issuing), user_imports_router(api))
    metrics = create_metrics(__version__, (*ENDPOINT_NAMES, *endpoint_names(routers)))
    lanes = _lanes(http, machine, people, metrics)
    fetcher = GuardedFetcher(_fetch_limits(settings))
    issuing = _issuing(settings, keyring, metrics, master_keys, fetcher)
    counters = _counters(settings, metrics)

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        room = MailRoom(runner.storage, Postbox(master_keys), _mailer(settings, kept), metrics, clock)
        desk = notify_logout.Desk(runner.storage, keyring, fetcher, metrics, clock)
        runner.start(_jobs(settings, room, desk, import_users.Desk(runner.storage, master_keys, clock)))
        counters.start()
        try:
            yield
        finally:
            runner.stop()
            _close(counters, fetcher, *lanes.values(), people, machine, metrics)

    app = FastAPI(title="authsvc", version=__version__, lifespan=lambda _: running(), openapi_url=None)
    declare(app, routers)
    # Around the application, not among its middleware: most requests never enter FastAPI.
    edge = Edge(
        app,
        endpoints=endpoints(
            issuing,
            _registering(settings, issuing),
            settings.lifetimes.jwks_max_age,
            Process(machine.ping, wake),
            {**_pages(api, issuing, kept), USER_IMPORT: _user_import(settings, api, runner)},
            app.router.routes,
        ),
        memory=MemoryLane(machine, metrics, lanes["machine"], queue_length=http.queue_length),
        lanes=lanes,
        permits=Permits(_hash_permits(settings.workers), http.queue_length, PERMIT_WAIT_SECONDS),
        turns=Turns(PERMIT_WAIT_SECONDS),
        limits=_limits(settings),
        rate_limit=_rate_limit(http, counters, metrics),
        metrics=metrics,
        clock=clock,
    )
    return Service(edge, running, cache, issuing)


def create_worker() -> Edge:
    """Return the application of a worker process, from the environment that its supervisor set."""
    settings = read_settings()
    observe.configure(settings.observe.log_level, log_file=settings.observe.log_file)
    return create_app(settings)


def read_master_keys(settings: Settings) -> MasterKeys:
    """Return the keys under which secrets lie encrypted. Raises: OSError, CryptoError."""
    return parse_master_keys(settings.master_key_file.read_text())


def _require_ready(settings: Settings) -> None:
    """Raise RuntimeError unless the database is migrated and belongs to the issuer."""
    if lacking := pending(settings.database_url):
        raise RuntimeError(f"the database lacks the migrations {', '.join(lacking)}: run `authsvc migrate`")
    storage = open_storage(settings.database_url, pool_size=1, cache=None)
    try:
        issuers = [tenant.issuer for tenant in storage.list_tenants() if tenant.is_default]
    finally:
        storage.close()
    if issuers != [settings.issuer]:
        raise RuntimeError(f"the database belongs to {' '.join(issuers) or 'no issuer'}, not to {settings.issuer}")


def key_policy(settings: Settings) -> KeyPolicy:
    """Return how signing keys follow one another."""
    return KeyPolicy(settings.lifetimes.jwks_max_age, settings.lifetimes.skew)


def _issuing(
    settings: Settings, keyring: Keyring, metrics: Metrics, master_keys: MasterKeys, fetcher: GuardedFetcher
) -> Issuing:
    return Issuing(
        keyring=keyring,
        lifetimes=_lifetimes(settings),
        lockout=_lockout(settings),
        metrics=metrics,
        master_keys=master_keys,
        fetcher=fetcher,
        signs_up=settings.registration.open,
    )


def _close(*parts: _Closable) -> None:
    for part in parts:
        part.close()


def _waking(runner: Runner) -> Callable[[], None]:
    def wake() -> None:
        """Letters may wait, and clients to be told of sessions that have ended."""
        runner.wake(send_mail.NAME)
        runner.wake(notify_logout.NAME)

    return wake


def _limits(settings: Settings) -> Limits:
    http = settings.http
    return Limits(
        max_body_bytes=http.max_body_bytes,
        body_deadline_seconds=http.body_deadline_seconds,
        failure_seconds=settings.passwords.failure_seconds,
        trusted_proxies=parse_networks(http.trusted_proxies),
    )


def _counters(settings: Settings, metrics: Metrics) -> Counters:
    if settings.redis_url is None or settings.http.requests_per_minute is None:
        return Counters()
    return SharedCounters(settings.redis_url, settings.issuer, metrics.redis_failure)


def _rate_limit(http: Http, counters: Counters, metrics: Metrics) -> RateLimit | None:
    most = http.requests_per_minute
    return None if most is None else RateLimit(counters, most, metrics.rate_limit_failure)


def _lanes(http: Http, machine: Storage, people: Storage, metrics: Metrics) -> dict[str, Lane]:
    length = http.queue_length
    return {
        "machine": Lane("machine", machine, metrics, threads=http.machine_threads, queue_length=length),
        "people": Lane("people", people, metrics, threads=http.people_threads, queue_length=length, niceness=19),
    }


def _routers(settings: Settings, api: AccountApi, issuing: Callable[[], Issuing]) -> tuple[APIRouter, ...]:
    own: tuple[APIRouter, ...] = (
        me_router(api),
        password_router(api),
        recovery_router(api),
        api_keys_router(ApiKeysApi(api, issuing)),
    )
    own += (users_router(api), clients_router(api, lambda: _registering(settings, issuing())))
    own += (resources_router(api), tenants_router(api))
    return (*own, register_router(api)) if settings.registration.open else own


def _account_api(
    settings: Settings, master_keys: MasterKeys, kept: KeptMail | None, keyring: Keyring, wake: Callable[[], None]
) -> AccountApi:
    lifetimes = settings.lifetimes
    idempotency = Idempotency(master_keys, lifetimes.idempotent_answer)
    return AccountApi(_accounts(settings, master_keys, kept), keyring, lifetimes.recent_login, wake, idempotency)


def _accounts(settings: Settings, master_keys: MasterKeys, kept: KeptMail | None) -> Accounts:
    passwords = settings.passwords
    return Accounts(
        passwords=PasswordPolicy(passwords.min_length, passwords.min_length_single_factor, common_passwords),
        lockout=_lockout(settings),
        sign_ups=_schedule(settings.registration.per_address),
        requests=_schedule(passwords.forgotten_per_address),
        master_keys=master_keys,
        postbox=Postbox(master_keys),
        mailed_link_seconds=settings.lifetimes.mailed_link,
        confirms_mail=settings.registration.confirm_mail,
        sends_mail=settings.mail.smtp_host is not None or kept is not None,
        wording=wording,
    )


def _fetch_limits(settings: Settings) -> FetchLimits:
    """At least one machine thread is left to those that wait for nobody."""
    outbound = settings.outbound
    waiting = max(1, min(outbound.waiting_threads, settings.http.machine_threads - 1))
    return FetchLimits(_allowed_hosts(settings), outbound.ca_file, waiting)


def _pages(api: AccountApi, issuing: Issuing, kept: KeptMail | None) -> Mapping[str, Endpoint]:
    pages = page_endpoints(api, issuing)
    return pages if kept is None else {**pages, **outbox_endpoints(kept.letters)}


def _user_import(settings: Settings, api: AccountApi, runner: Runner) -> Endpoint:
    limits = ImportLimits(settings.imports.max_bytes, settings.imports.at_once)
    return user_import_endpoint(api, limits, lambda: runner.wake(import_users.NAME))


def _refuse_kept_mail_beyond_loopback(settings: Settings, kept: KeptMail | None) -> None:
    """Whoever can read /dev/outbox can take every account over: it is for who sits at this machine."""
    if kept is not None and urlsplit(settings.issuer).hostname not in LOOPBACK_HOSTS:
        raise ValueError("letters are kept only where the issuer is on loopback")


def _mailer(settings: Settings, kept: KeptMail | None) -> Mailer | None:
    mail = settings.mail
    if mail.smtp_host is None:
        return kept
    server = SmtpServer(
        mail.smtp_host, mail.smtp_port, mail.smtp_security, mail.smtp_username, mail.smtp_password, mail.sender
    )
    return SmtpMailer(server)


def _jobs(
    settings: Settings, room: MailRoom, desk: notify_logout.Desk, importing: import_users.Desk
) -> tuple[Job, ...]:
    storage, clock, lifetimes = room.storage, room.clock, settings.lifetimes
    return (
        Job(send_mail.NAME, send_mail.every_seconds(room), send_mail.sending_mail(room)),
        Job(notify_logout.NAME, notify_logout.EVERY_SECONDS, notify_logout.notifying(desk)),
        Job(import_users.NAME, import_users.EVERY_SECONDS, import_users.importing_users(importing)),
        Job("purge", purge.EVERY_SECONDS,
            purge.purging(storage, clock, lifetimes.audit, settings.clients.unused_seconds)),
        Job("rotate keys", rotate_keys.EVERY_SECONDS,
            rotate_keys.rotating_keys(storage, desk.keyring, clock, lifetimes.signing_key)),
    )  # fmt: skip


def _lockout(settings: Settings) -> LockoutPolicy:
    return LockoutPolicy(_schedule(settings.passwords.per_address), _schedule(settings.passwords.per_account))


def _hash_permits(workers: int) -> int:
    return max(1, len(os.sched_getaffinity(0)) // workers)


def _registering(settings: Settings, issuing: Issuing) -> Registering:
    clients = settings.clients
    quota = RegistrationQuota(_schedule(clients.per_address), _schedule(clients.per_tenant), clients.most)
    return Registering(issuing.master_keys, issuing.fetcher, _allowed_hosts(settings), quota)


def _allowed_hosts(settings: Settings) -> frozenset[str]:
    return frozenset(map(str.lower, settings.outbound.allowed_hosts))


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
        authorization_code=lifetimes.authorization_code,
        continuation=lifetimes.continuation,
        browser_idle=lifetimes.browser_idle,
    )
