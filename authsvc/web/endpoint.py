"""One endpoint: what it takes, on which lane it runs, and the one place where a request's transaction is committed.

`run_call` is executed on a lane's thread: it finds the tenant, calls the handler, commits before the answer leaves and
rolls back at a refusal, whose named effects are then written in a transaction of their own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from authsvc.domain.audit import AuditEvent, event_id
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.tenants import Tenant
from authsvc.errors import AuthsvcError, Effect, StorageUnavailable
from authsvc.observe.logging import Cap
from authsvc.observe.redact import redact
from authsvc.storage.sql.engine import Storage
from authsvc.storage.sql.replays import Use
from authsvc.web.body import FORM, Head
from authsvc.web.errors import HttpError, rule_of
from authsvc.web.forms import Fields
from authsvc.web.page import accept_language
from authsvc.web.refusals import RefusalForm, Told, refusal
from authsvc.web.request import Call, Request
from authsvc.web.responses import Response
from authsvc.web.tenant import find_tenant
from authsvc.web.upload import Upload

LaneName = Literal["memory", "machine", "people"]
Handler = Callable[[Call], Response]
MAX_DETAIL_CHARACTERS = 256


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request runs, known once its fields are: the lane, and whether a password will be hashed.

    Requests of one `turn` run one after another: it is the name that is signed in. How long a `padded` one takes tells
    nothing, whatever its answer. What comes `first` waits for the lane even while few may, one at a time.
    """

    lane: LaneName
    hashes: bool = False
    turn: str = ""
    padded: bool = False
    first: bool = False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A row of the URL map: `handlers` by method, and the form of its refusals.

    JSON that is `nested` has no fields: its handler reads the body. A page may show a refusal itself, in its form that
    was filled in: `refused` answers after the rollback, or returns None for what the error page says better. `then` is
    called on the event loop after the commit, unless the request was refused; it must not block. What takes an `upload`
    has no handlers that run: its body is not read whole.
    """

    name: str
    handlers: Mapping[str, Handler]
    route: Callable[[Fields], Route]
    accepts: tuple[str, ...] = (FORM,)
    refusals: RefusalForm = "oauth"
    refused: Callable[[Call, AuthsvcError], Response | None] | None = None
    then: Callable[[], None] | None = None
    nested: bool = False
    upload: Callable[[Head], Upload] | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request on its way to a lane, with the tenant it asks for."""

    endpoint: Endpoint
    request: Request
    host: str
    tenant_path: str
    refusals: Cap

    def doing(self, handle: Handler) -> "Arrival":
        """Return the arrival for one of several steps: each of the same instant, and nothing follows it yet."""
        return replace(self, endpoint=replace(self.endpoint, handlers={self.request.method: handle}, then=None))


@dataclass(frozen=True, slots=True)
class Departure:
    """The answer, and the error if it is a refusal. `noted` must be used up before the answer may leave."""

    response: Response
    error: AuthsvcError | None = None
    noted: Sequence[Use] = ()


def run_call(arrival: Arrival, storage: Storage, *, from_memory: bool = False) -> Departure:
    """Answer one request; never raises an AuthsvcError.

    Raises: LaneNeeded if it was to be answered from memory alone and cannot; then nothing was done.
    """
    request, found = arrival.request, None
    try:
        tenant = storage.ask_tenants(
            lambda tenants: find_tenant(tenants, arrival.host, arrival.tenant_path), from_memory=from_memory
        )
        if tenant is None:
            raise HttpError(404, "There is no such issuer here.")
        found = tenant
        uow = storage.unit_of_work(tenant.id, from_memory=from_memory)
        try:
            departure = _answered(arrival, Call(request, tenant, uow))
            return replace(departure, noted=uow.noted) if uow.noted else departure
        finally:
            uow.close()
    except AuthsvcError as error:
        return Departure(refused_response(arrival, error, found), error)


def refused_response(arrival: Arrival, error: AuthsvcError, tenant: Tenant | None = None) -> Response:
    """Return a refusal in the endpoint's form."""
    request = arrival.request
    told = Told(request.request_id, tenant, accept_language(request.headers))
    return refusal(arrival.endpoint.refusals, error, told)


def run_from_memory(arrival: Arrival, storage: Storage) -> Departure:
    """As `run_call`, without the database. Raises: LaneNeeded."""
    return run_call(arrival, storage, from_memory=True)


def _answered(arrival: Arrival, call: Call) -> Departure:
    """Answer in one transaction; a page that shows its refusals itself does so here. Raises: AuthsvcError."""
    try:
        return Departure(_in_transaction(arrival, call))
    except AuthsvcError as error:
        shown = arrival.endpoint.refused(call, error) if arrival.endpoint.refused is not None else None
        if shown is None:
            raise
        return Departure(shown, error)


def _in_transaction(arrival: Arrival, call: Call) -> Response:
    uow = call.uow
    try:
        response = arrival.endpoint.handlers[call.request.method](call)
        uow.commit()
    except AuthsvcError as error:
        uow.rollback()
        _write_effects(error, arrival, uow)
        raise
    except BaseException:
        uow.rollback()
        raise
    return response


def _write_effects(error: AuthsvcError, arrival: Arrival, uow: UnitOfWork) -> None:
    """Write what outlives the refusal: its named effects, and an audit row if it concerns someone known.

    Rows that a stranger can cause are capped per address. Effects are security (a stolen family ends): if they cannot
    be stored, the caller is told so and not the refusal.
    """
    effects: list[Effect] = list(error.keep)
    is_known = error.client_id is not None or error.user_id is not None
    if error.keep or (is_known and arrival.refusals.allow(arrival.request.address, arrival.request.now.timestamp())):
        effects.append(partial(_audit_refusal, error=error, arrival=arrival))
    if not effects or isinstance(error, StorageUnavailable):
        return
    uow.begin()
    for effect in effects:
        effect(uow)
    uow.commit()


def _audit_refusal(uow: UnitOfWork, *, error: AuthsvcError, arrival: Arrival) -> None:
    request = arrival.request
    uow.audit.add(
        AuditEvent(
            id=event_id(request.now),
            at=request.now,
            request_id=request.request_id,
            event=f"{arrival.endpoint.name}.refused",
            rule=rule_of(error),
            client_id=error.client_id,
            user_id=error.user_id,
            address=request.address,
            # It may quote what was sent.
            detail=redact(error.detail)[:MAX_DETAIL_CHARACTERS],
        )
    )
